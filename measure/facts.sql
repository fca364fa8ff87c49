-- One row a message with everything that became of it. Instants are microseconds since 1970, UTC.
-- Read by measure/facts.py, which sets the variables; every table here is temporary.

-- What the webhooks say of each message. The same event twice changes no maximum and no minimum, so
-- repeated, late and disordered webhooks all come to the same row.
CREATE TEMP TABLE evidence AS
WITH told AS (
    SELECT message_id, "at", simulated,
        CASE kind
            WHEN 'sent' THEN 1 WHEN 'deferred' THEN 1 WHEN 'delivered' THEN 2 WHEN 'bounced' THEN 3
            WHEN 'complained' THEN 4 WHEN 'unsubscribed' THEN 5
            WHEN 'opened' THEN CASE WHEN machine THEN 7 ELSE 6 END
            WHEN 'clicked' THEN CASE WHEN machine THEN 0 ELSE 8 END
            ELSE 0
        END::UTINYINT AS sign
    FROM outcomes
    WHERE "at" <= getvariable('now_at')
)
SELECT
    message_id,
    count(*) AS events,
    min("at") AS first_at,
    min("at") FILTER (sign = 2) AS first_delivered_at,
    max("at") FILTER (sign = 1) AS sent_at,
    max("at") FILTER (sign = 2) AS delivered_at,
    max("at") FILTER (sign = 3) AS bounced_at,
    max("at") FILTER (sign = 4) AS complained_at,
    max("at") FILTER (sign = 5) AS unsubscribed_at,
    max("at") FILTER (sign = 6) AS opened_at,
    max("at") FILTER (sign = 7) AS machine_opened_at,
    max("at") FILTER (sign = 8) AS clicked_at,
    bool_or(simulated) AS simulated
FROM told
GROUP BY message_id;

-- What was sent or held out; a mail that was skipped for another reason is nothing to measure. Of a send
-- whose instant was not recorded the first webhook tells it.
CREATE TEMP VIEW sendings AS
SELECT
    m.* REPLACE (coalesce(m."at", e.first_at) AS "at"),
    e.* EXCLUDE (message_id, simulated),
    coalesce(m.skip_reason = 'holdout', false) AS held_out,
    coalesce(m.simulated, false) OR coalesce(e.simulated, false) AS made_up,
    coalesce(m."at", e.first_at) - getvariable('tolerance_us') AS since,
    coalesce(e.first_delivered_at, m."at", e.first_at) AS arrived_at
FROM messages AS m
LEFT JOIN evidence AS e ON e.message_id = m.message_id AND m.skip_reason IS DISTINCT FROM 'holdout'
WHERE coalesce(m."at", e.first_at) <= getvariable('now_at')
    AND (m.status <> 'skipped' OR m.skip_reason = 'holdout');

-- An event counts from the send on; clocks of two machines may differ by the tolerance. Who opens or clicks
-- in the very moment of delivery is no person.
CREATE TEMP VIEW witnessed AS
SELECT
    *,
    coalesce(first_at < since, false) AS early,
    coalesce(sent_at >= since, false) AS w_sent,
    coalesce(delivered_at >= since, false) AS w_delivered,
    coalesce(bounced_at >= since, false) AS w_bounced,
    coalesce(complained_at >= since, false) AS w_complained,
    coalesce(unsubscribed_at >= since, false) AS w_unsubscribed,
    coalesce(opened_at >= since OR machine_opened_at >= since, false) AS w_any_open,
    coalesce(opened_at >= since AND abs(opened_at - arrived_at) >= getvariable('machine_us'), false) AS w_opened,
    coalesce(clicked_at >= since AND abs(clicked_at - arrived_at) >= getvariable('machine_us'), false)
        AS w_clicked
FROM sendings;

-- Every item that a mail shows with its place in its own list, from 1: the campaign's recommendations, then
-- what blocks asked for.
CREATE TEMP MACRO items_of(recommendations, asked) AS list_concat(
    list_transform(recommendations, lambda item, place:
        {'item_id': item.item_id, 'source': item.source, 'position': place}),
    list_transform(asked, lambda item:
        {'item_id': item.item_id, 'source': item.source, 'position': item.position::BIGINT}));
CREATE TEMP MACRO places_of(recommendations, asked) AS list_transform(items_of(recommendations, asked),
    lambda item: {'source': item.source, 'position': item.position});

-- Lists of segments, blocks, arms and sources are many mails' alike: a mail holds the hash of each (64 bits; of
-- the few thousand lists there are no two meet), and these tables the list itself.
CREATE TEMP TABLE segment_lists AS
SELECT hash(segments) AS code, any_value(segments) AS list FROM messages GROUP BY code;
CREATE TEMP TABLE block_lists AS SELECT hash(blocks) AS code, any_value(blocks) AS list FROM messages GROUP BY code;
CREATE TEMP TABLE arm_lists AS SELECT hash(arms) AS code, any_value(arms) AS list FROM messages GROUP BY code;
CREATE TEMP TABLE source_lists AS
SELECT hash(places) AS code, any_value(places) AS list
FROM (SELECT places_of(recommendations, asked) AS places FROM messages) GROUP BY code;

-- A later step of the way proves the earlier ones: a click was seen, so the mail was opened and delivered.
CREATE TEMP TABLE mails AS
SELECT
    message_id, profile_id, campaign, occasion, "trigger", locale, variant,
    hash(segments) AS segments_code, hash(blocks) AS blocks_code, hash(arms) AS arms_code,
    hash(places_of(recommendations, asked)) AS sources_code,
    "at", held_out, early, coalesce(events, 0) AS events, made_up AS simulated,
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
