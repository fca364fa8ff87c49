-- What every feature is, told once more in SQL (tests/audience/features_in_sql.py), but for RFM scores. Tables: people
-- (position, timezone), events (position, item_id, category, at, quantity, amount, viewed, added, bought, removed,
-- opened, clicked). Parameter: $now. docs/audience.md has every formula.
WITH
known AS (
    SELECT *,
        -- A view says 1, a cart 3, an order 5, a click in a mail 2, an open 0.5; half as much after 30 days, of taste after 90. In millionths,
        -- for sums of whole numbers do not depend on the order of adding.
        CAST(round(1e6 * says * pow(2.0, -age / 30)) AS BIGINT) AS warmth,
        CAST(round(1e6 * says * pow(2.0, -age / 90)) AS BIGINT) AS taste,
        -- Beyond nine hundred million millions an amount is no money; it counts as unknown.
        TRY_CAST(round(1e4 * amount) AS BIGINT) AS cents
    FROM (
        SELECT * REPLACE (coalesce(quantity, 1) AS quantity),
            (epoch($now::TIMESTAMPTZ) - epoch("at")) / 86400.0 AS age,
            CASE WHEN viewed THEN 1 WHEN added THEN 3 WHEN bought THEN 5 WHEN clicked THEN 2
                WHEN opened THEN 0.5 ELSE 0 END::DOUBLE AS says
        FROM events
        WHERE "at" <= $now::TIMESTAMPTZ
    )
),
counted AS (
    SELECT position,
        sum(quantity) FILTER (bought) AS items_purchased,
        count(*) FILTER (viewed) AS views,
        count(*) FILTER (viewed AND age < 2) AS views_48h,
        count(*) FILTER (viewed AND age < 30) AS views_30d,
        count(*) FILTER (added AND age < 2) AS added_48h,
        count(*) FILTER (added AND age < 30) AS added_30d,
        min("at") AS first_seen_at, max("at") AS last_seen_at,
        max("at") FILTER (viewed) AS last_viewed_at,
        sum(cents) FILTER (bought) / 1e4 AS total_spent,
        sum(cents) FILTER (bought AND age < 365) / 1e4 AS spent_365d
    FROM known GROUP BY position
),
-- An order has many lines and one time; three items put into the cart at once are one visit.
moments AS (SELECT DISTINCT position, "at", says, bought, age, warmth FROM known),
ordered AS (
    SELECT position,
        count(*) FILTER (bought) AS purchases,
        count(*) FILTER (bought AND age < 30) AS purchases_30d,
        count(*) FILTER (bought AND age < 90) AS purchases_90d,
        count(*) FILTER (bought AND age < 365) AS purchases_365d,
        min("at") FILTER (bought) AS first_purchase_at,
        max("at") FILTER (bought) AS last_purchase_at,
        1 - exp(-sum(warmth) / 1e7) AS engagement,
        -- 30 days ago everything older was worth twice what it is now.
        1 - exp(-2 * coalesce(sum(warmth) FILTER (age >= 30), 0) / 1e7) AS engagement_before
    FROM moments GROUP BY position
),
interest AS (
    SELECT position, category, sum(taste) AS weight
    FROM known
    WHERE category IS NOT NULL GROUP BY ALL HAVING weight > 0
),
ranked AS (
    SELECT *, sum(weight) OVER (PARTITION BY position) AS whole,
        row_number() OVER (PARTITION BY position ORDER BY weight DESC, category) AS place
    FROM interest
),
tastes AS (
    SELECT position, first(category ORDER BY place) AS favourite_category,
        list({'category': category, 'share': weight::DOUBLE / whole::DOUBLE} ORDER BY place) AS category_affinities
    FROM ranked WHERE place <= 5 GROUP BY position
),
viewed_last AS (
    SELECT position, list(item_id ORDER BY place) AS recently_viewed
    FROM (
        SELECT position, item_id, row_number() OVER (PARTITION BY position ORDER BY max("at") DESC, item_id) AS place
        FROM known WHERE viewed AND item_id IS NOT NULL GROUP BY position, item_id
    )
    WHERE place <= 10 GROUP BY position
),
habits AS (
    SELECT position, first(hour ORDER BY times DESC, hour) AS preferred_hour
    FROM (
        SELECT position, hour(timezone(coalesce(timezone, 'UTC'), "at")) AS hour, count(*) AS times
        FROM moments JOIN people USING (position) GROUP BY ALL
    )
    GROUP BY position
),
carts AS (
    SELECT position, max(added_at) AS cart_updated_at,
        list({'item_id': item_id, 'quantity': quantity, 'added_at': added_at} ORDER BY added_at, item_id)
            AS cart_items
    FROM (
        SELECT position, item_id,
            least(sum(quantity) FILTER (added), 9223372036854775807)::BIGINT AS quantity,
            max("at") FILTER (added) AS added_at,
            max("at") FILTER (removed) AS removed_at
        FROM known LEFT JOIN ordered USING (position)
        WHERE item_id IS NOT NULL AND age < 14 AND (added OR removed)
            AND (last_purchase_at IS NULL OR "at" > last_purchase_at)
        GROUP BY ALL
    )
    WHERE added_at IS NOT NULL AND (removed_at IS NULL OR removed_at < added_at)
    GROUP BY position
),
base AS (
    SELECT *, epoch($now::TIMESTAMPTZ) - epoch(last_purchase_at) AS recency_s,
        engagement - engagement_before AS velocity
    FROM people LEFT JOIN counted USING (position) LEFT JOIN ordered USING (position)
        LEFT JOIN tastes USING (position) LEFT JOIN viewed_last USING (position)
        LEFT JOIN habits USING (position) LEFT JOIN carts USING (position)
)
SELECT
    coalesce(purchases, 0) AS purchases, coalesce(purchases_30d, 0) AS purchases_30d,
    coalesce(purchases_90d, 0) AS purchases_90d, coalesce(purchases_365d, 0) AS purchases_365d,
    least(coalesce(items_purchased, 0), 9223372036854775807)::BIGINT AS items_purchased,
    coalesce(views, 0) AS views, coalesce(views_48h, 0) AS views_48h, coalesce(views_30d, 0) AS views_30d,
    coalesce(added_48h, 0) AS added_48h, coalesce(added_30d, 0) AS added_30d,
    first_seen_at, last_seen_at, first_purchase_at, last_purchase_at, last_viewed_at,
    coalesce(total_spent, 0) AS total_spent, coalesce(spent_365d, 0) AS spent_365d,
    CASE WHEN purchases > 0 THEN coalesce(total_spent, 0) / purchases END AS average_order_value,
    favourite_category, coalesce(category_affinities, []) AS category_affinities,
    coalesce(recently_viewed, []) AS recently_viewed,
    {'items': coalesce(cart_items, []), 'updated_at': cart_updated_at} AS cart,
    coalesce(engagement, 0) AS engagement, coalesce(velocity, 0) AS engagement_velocity,
    CASE WHEN last_seen_at IS NULL THEN NULL WHEN velocity > 0.1 THEN 'rising'
        WHEN velocity < -0.1 THEN 'falling' ELSE 'steady' END AS trend,
    CASE WHEN coalesce(purchases, 0) = 0 THEN 'prospect'
        WHEN recency_s >= 180 * 86400 THEN 'lapsed'
        WHEN recency_s >= 90 * 86400 THEN 'at_risk'
        WHEN purchases_365d >= 5 THEN 'loyal'
        WHEN epoch($now::TIMESTAMPTZ) - epoch(first_purchase_at) < 30 * 86400 THEN 'new'
        ELSE 'active' END AS lifecycle,
    preferred_hour
FROM base ORDER BY position
