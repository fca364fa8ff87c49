-- One row a message with everything that became of it. Instants are microseconds since 1970, UTC.
-- Read by measure/facts.py, which sets the variables; every table here is temporary.

-- What the webhooks say of each message. The same event twice changes no maximum and no minimum, so
-- repeated, late and disordered webhooks all come to the same row.
CREATE TEMP TABLE evidence AS
SELECT
    message_id,
    count(*) AS events,
    min("at") AS first_at,
    min("at") FILTER (kind = 'delivered') AS accepted_at,
    max("at") FILTER (kind = 'sent' OR kind = 'deferred') AS sent_at,
    max("at") FILTER (kind = 'delivered') AS delivered_at,
    max("at") FILTER (kind = 'bounced') AS bounced_at,
    max("at") FILTER (kind = 'complained') AS complained_at,
    max("at") FILTER (kind = 'unsubscribed') AS unsubscribed_at,
    max("at") FILTER (kind = 'opened' AND machine IS NOT TRUE) AS opened_at,
    max("at") FILTER (kind = 'opened' AND machine) AS machine_opened_at,
    max("at") FILTER (kind = 'clicked' AND machine IS NOT TRUE) AS clicked_at,
    bool_or(simulated) AS simulated
FROM outcomes
WHERE "at" <= getvariable('now_at')
GROUP BY message_id;

-- What was sent or held out; a mail that was skipped for another reason is nothing to measure.
CREATE TEMP VIEW sendings AS
SELECT *, coalesce(skip_reason = 'holdout', false) AS held_out
FROM messages
WHERE "at" <= getvariable('now_at') AND (status <> 'skipped' OR skip_reason = 'holdout');

-- An event counts from the send on; clocks of two machines may differ by the tolerance.
CREATE TEMP VIEW witnessed AS
SELECT
    m.*,
    coalesce(e.events, 0) AS events,
    e.first_at < since AS early,
    coalesce(e.delivered_at >= since, false) AS w_delivered,
    coalesce(e.bounced_at >= since, false) AS w_bounced,
    coalesce(e.complained_at >= since, false) AS w_complained,
    coalesce(e.unsubscribed_at >= since, false) AS w_unsubscribed,
    coalesce(e.opened_at >= since AND e.opened_at >= coalesce(e.accepted_at, m."at") + getvariable('machine_us'), false)
        AS w_opened,
    coalesce(e.opened_at >= since OR e.machine_opened_at >= since, false) AS w_any_open,
    coalesce(e.clicked_at >= since AND e.clicked_at >= coalesce(e.accepted_at, m."at") + getvariable('machine_us'), false)
        AS w_clicked,
    coalesce(e.sent_at >= since, false) AS w_sent,
    coalesce(m.simulated, false) OR coalesce(e.simulated, false) AS made_up
FROM (SELECT *, "at" - getvariable('tolerance_us') AS since FROM sendings) AS m
LEFT JOIN evidence AS e ON e.message_id = m.message_id AND NOT m.held_out;

-- A later step of the way proves the earlier ones: a click was seen, so the mail was opened and delivered.
CREATE TEMP TABLE mails AS
SELECT
    message_id, profile_id, campaign, occasion, "trigger", locale, variant, segments, blocks,
    list_transform(recommendations, lambda item: item.source) AS sources, arms, "at", held_out, early, events, made_up AS simulated,
    NOT held_out AND (status IN (SELECT status FROM sent_states) OR w_sent OR w_delivered OR w_bounced
        OR w_complained OR w_unsubscribed OR w_any_open OR w_clicked) AS sent,
    NOT w_bounced AND (w_delivered OR w_any_open OR w_clicked OR w_complained OR w_unsubscribed)
        AS delivered,
    w_bounced AS bounced,
    w_complained AS complained,
    w_opened OR w_clicked AS opened,
    w_any_open AND NOT (w_opened OR w_clicked) AS machine_opened,
    w_clicked AS clicked,
    w_unsubscribed AS unsubscribed
FROM witnessed;
