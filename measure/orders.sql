-- Which mail an order is credited to, and which mails it came after.
-- Read by measure/facts.py after facts.sql.

-- An order line that was reported twice is one: by its event's id, else by order and item, else by all of it.
CREATE TEMP TABLE purchases AS
SELECT DISTINCT ON (profile_id, line)
    profile_id, item_id, "at",
    coalesce(order_id, "at"::VARCHAR) AS order_key,
    -- In ten-thousandths, whole: a sum of these is the same in whatever order it is made.
    CASE WHEN amount BETWEEN 0 AND 1e9 THEN round(amount * 10000)::HUGEINT ELSE 0 END AS amount,
    coalesce(NOT amount BETWEEN 0 AND 1e9, false) AS odd,
    coalesce(event_id, order_id || chr(31) || coalesce(item_id, ''),
        concat_ws(chr(31), "at", coalesce(item_id, ''), amount, quantity)) AS line
FROM orders
WHERE event IN (SELECT event FROM order_events) AND "at" <= getvariable('now_at')
ORDER BY profile_id, line, "at";

-- The instants from which a mail may claim an order. Two mails at one instant: the larger id has it.
CREATE TEMP TABLE touches AS
SELECT profile_id, "at", max(message_id) AS message_id
FROM (
    SELECT profile_id, message_id, "at" FROM mails WHERE getvariable('touch') = 'sent' AND (sent OR held_out)
    UNION ALL
    SELECT m.profile_id, m.message_id, o."at"
    FROM outcomes AS o JOIN mails AS m ON m.message_id = o.message_id
    WHERE getvariable('touch') <> 'sent' AND o.machine IS NOT TRUE
        AND (o.kind = 'clicked' AND m.clicked OR getvariable('touch') = 'opened' AND o.kind = 'opened' AND m.opened)
        AND o."at" >= m."at" - getvariable('tolerance_us') AND o."at" <= getvariable('now_at')
)
GROUP BY profile_id, "at";

-- Purchases beside the touch that has the credit; the window is open at its end.
CREATE TEMP TABLE credited AS
SELECT p.*, t.message_id
FROM purchases AS p ASOF JOIN touches AS t ON p.profile_id = t.profile_id AND p."at" >= t."at"
WHERE getvariable('credit') = 'last_touch' AND p."at" < t."at" + getvariable('window_us')
UNION ALL
SELECT p.*, arg_min(t.message_id, t."at") AS message_id
FROM purchases AS p
JOIN touches AS t ON p.profile_id = t.profile_id
    AND p."at" >= t."at" AND p."at" < t."at" + getvariable('window_us')
WHERE getvariable('credit') = 'first_touch'
GROUP BY ALL;

-- What is asked about.
CREATE TEMP VIEW scope AS
SELECT * FROM mails
WHERE (getvariable('campaign') IS NULL OR campaign = getvariable('campaign'))
    AND (getvariable('occasion') IS NULL OR occasion = getvariable('occasion'));

-- For lift and experiments: every order within the window of a mail of the scope, whatever other campaigns
-- did meanwhile; once for each profile, with the last of its mails.
CREATE TEMP TABLE followed AS
SELECT m.message_id, sum(p.amount) AS spent
FROM purchases AS p
ASOF JOIN (SELECT profile_id, "at", max(message_id) AS message_id FROM scope GROUP BY profile_id, "at") AS m
    ON p.profile_id = m.profile_id AND p."at" >= m."at"
WHERE p."at" < m."at" + getvariable('window_us')
GROUP BY m.message_id;

CREATE TEMP TABLE facts AS
SELECT
    m.* EXCLUDE (early, events, delivered),
    -- No webhook ever said "delivered": the ESP does not report it, so what did not bounce arrived.
    CASE WHEN getvariable('reports_delivery') THEN m.delivered AND m.sent ELSE m.sent AND NOT m.bounced END
        AS delivered,
    c.message_id IS NOT NULL AS converted,
    coalesce(c.orders, 0) AS orders,
    coalesce(c.revenue, 0) AS revenue,
    f.message_id IS NOT NULL AS bought,
    coalesce(f.spent, 0) AS spent
FROM scope AS m
LEFT JOIN (
    SELECT message_id, count(DISTINCT order_key) AS orders, sum(amount) AS revenue
    FROM credited GROUP BY message_id
) AS c ON c.message_id = m.message_id
LEFT JOIN followed AS f ON f.message_id = m.message_id;

-- The facts with the lists themselves.
CREATE TEMP VIEW facts_listed AS
SELECT f.* EXCLUDE (segments_code, blocks_code, sources_code, arms_code),
    s.list AS segments, b.list AS blocks, o.list AS sources, a.list AS arms
FROM facts AS f
JOIN segment_lists AS s ON s.code = f.segments_code
JOIN block_lists AS b ON b.code = f.blocks_code
JOIN source_lists AS o ON o.code = f.sources_code
JOIN arm_lists AS a ON a.code = f.arms_code;
