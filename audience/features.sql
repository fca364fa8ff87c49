-- The one query behind FEATURES (features.py). Tables: profiles (profile_id, timezone, position), interactions,
-- items; parameters: $now and the RFM cuts. docs/audience.md explains every formula.
WITH
known AS (
    SELECT *,
        -- A view says 1, a cart 3, an order 5; half as much after 30 days, of taste after 90. In millionths,
        -- for sums of whole numbers do not depend on the order of adding.
        CAST(round(1e6 * says * pow(2.0, -age / 30)) AS HUGEINT) AS warmth,
        CAST(round(1e6 * says * pow(2.0, -age / 90)) AS HUGEINT) AS taste,
        CAST(round(1e4 * amount) AS HUGEINT) AS cents
    FROM (
        SELECT profile_id, item_id, event, "at", quantity, amount,
            (epoch($now::TIMESTAMPTZ) - epoch("at")) / 86400.0 AS age,
            CASE event WHEN 'product_viewed' THEN 1 WHEN 'product_added' THEN 3
                WHEN 'order_completed' THEN 5 ELSE 0 END AS says
        FROM interactions SEMI JOIN profiles USING (profile_id)
        WHERE "at" <= $now::TIMESTAMPTZ
    )
),
counted AS (
    SELECT profile_id,
        sum(quantity) FILTER (event = 'order_completed') AS items_purchased,
        count(*) FILTER (event = 'product_viewed') AS views,
        count(*) FILTER (event = 'product_viewed' AND age < 2) AS views_48h,
        count(*) FILTER (event = 'product_viewed' AND age < 30) AS views_30d,
        count(*) FILTER (event = 'product_added' AND age < 2) AS added_48h,
        count(*) FILTER (event = 'product_added' AND age < 30) AS added_30d,
        min("at") AS first_seen_at, max("at") AS last_seen_at,
        max("at") FILTER (event = 'product_viewed') AS last_viewed_at,
        sum(cents) FILTER (event = 'order_completed') / 1e4 AS total_spent,
        sum(cents) FILTER (event = 'order_completed' AND age < 365) / 1e4 AS spent_365d
    FROM known GROUP BY profile_id
),
-- An order has many lines and one time; three items put into the cart at once are one visit.
moments AS (SELECT DISTINCT profile_id, event, "at", age, warmth FROM known),
ordered AS (
    SELECT profile_id,
        count(*) FILTER (event = 'order_completed') AS purchases,
        count(*) FILTER (event = 'order_completed' AND age < 30) AS purchases_30d,
        count(*) FILTER (event = 'order_completed' AND age < 90) AS purchases_90d,
        count(*) FILTER (event = 'order_completed' AND age < 365) AS purchases_365d,
        min("at") FILTER (event = 'order_completed') AS first_purchase_at,
        max("at") FILTER (event = 'order_completed') AS last_purchase_at,
        1 - exp(-sum(warmth) / 1e7) AS engagement,
        -- 30 days ago everything older was worth twice what it is now.
        1 - exp(-2 * coalesce(sum(warmth) FILTER (age >= 30), 0) / 1e7) AS engagement_before
    FROM moments GROUP BY profile_id
),
interest AS (
    SELECT profile_id, category, sum(taste) AS weight
    FROM known JOIN items USING (item_id)
    WHERE category IS NOT NULL GROUP BY ALL HAVING weight > 0
),
ranked AS (
    SELECT *, sum(weight) OVER (PARTITION BY profile_id) AS whole,
        row_number() OVER (PARTITION BY profile_id ORDER BY weight DESC, category) AS place
    FROM interest
),
tastes AS (
    SELECT profile_id, first(category ORDER BY place) AS favourite_category,
        list({'category': category, 'share': weight::DOUBLE / whole::DOUBLE} ORDER BY place) AS category_affinities
    FROM ranked WHERE place <= 5 GROUP BY profile_id
),
viewed AS (
    SELECT profile_id, list(item_id ORDER BY "at" DESC, item_id)[:10] AS recently_viewed
    FROM (
        SELECT profile_id, item_id, max("at") AS "at" FROM known
        WHERE event = 'product_viewed' AND item_id IS NOT NULL GROUP BY ALL
    )
    GROUP BY profile_id
),
habits AS (
    SELECT profile_id, first(hour ORDER BY times DESC, hour) AS preferred_hour
    FROM (
        SELECT profile_id, hour(timezone(coalesce(timezone, 'UTC'), "at")) AS hour, count(*) AS times
        FROM moments JOIN profiles USING (profile_id) GROUP BY ALL
    )
    GROUP BY profile_id
),
carts AS (
    SELECT profile_id, max(added_at) AS cart_updated_at,
        list({'item_id': item_id, 'quantity': quantity, 'added_at': added_at} ORDER BY added_at, item_id)
            AS cart_items
    FROM (
        SELECT profile_id, item_id, sum(quantity) FILTER (event = 'product_added') AS quantity,
            max("at") FILTER (event = 'product_added') AS added_at,
            max("at") FILTER (event = 'product_removed') AS removed_at
        FROM known LEFT JOIN ordered USING (profile_id)
        WHERE item_id IS NOT NULL AND age < 14 AND event IN ('product_added', 'product_removed')
            AND (last_purchase_at IS NULL OR "at" > last_purchase_at)
        GROUP BY ALL
    )
    WHERE added_at IS NOT NULL AND (removed_at IS NULL OR removed_at < added_at)
    GROUP BY profile_id
),
base AS (
    SELECT *, epoch($now::TIMESTAMPTZ) - epoch(last_purchase_at) AS recency_s,
        engagement - engagement_before AS velocity
    FROM profiles LEFT JOIN counted USING (profile_id) LEFT JOIN ordered USING (profile_id)
        LEFT JOIN tastes USING (profile_id) LEFT JOIN viewed USING (profile_id)
        LEFT JOIN habits USING (profile_id) LEFT JOIN carts USING (profile_id)
),
cuts AS (
    SELECT coalesce($recency_s::DOUBLE[], quantile_disc(recency_s, [0.2, 0.4, 0.6, 0.8])) AS r,
        coalesce($frequency::DOUBLE[], quantile_disc(purchases_365d::DOUBLE, [0.2, 0.4, 0.6, 0.8])) AS f,
        coalesce($monetary::DOUBLE[], quantile_disc(spent_365d, [0.2, 0.4, 0.6, 0.8])) AS m
    FROM base WHERE purchases > 0
),
scored AS (
    SELECT *,
        CASE WHEN purchases > 0 THEN 5 - len(list_filter(r, lambda c: recency_s > c)) END AS rfm_recency,
        CASE WHEN purchases > 0 THEN 1 + len(list_filter(f, lambda c: purchases_365d > c)) END AS rfm_frequency,
        CASE WHEN purchases > 0 THEN 1 + len(list_filter(m, lambda c: spent_365d > c)) END AS rfm_monetary
    FROM base CROSS JOIN cuts
)
SELECT
    coalesce(purchases, 0) AS purchases, coalesce(purchases_30d, 0) AS purchases_30d,
    coalesce(purchases_90d, 0) AS purchases_90d, coalesce(purchases_365d, 0) AS purchases_365d,
    coalesce(items_purchased, 0) AS items_purchased,
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
    rfm_recency, rfm_frequency, rfm_monetary,
    rfm_recency::VARCHAR || rfm_frequency::VARCHAR || rfm_monetary::VARCHAR AS rfm,
    CASE WHEN coalesce(purchases, 0) = 0 THEN 'prospect'
        WHEN recency_s >= 180 * 86400 THEN 'lapsed'
        WHEN recency_s >= 90 * 86400 THEN 'at_risk'
        WHEN purchases_365d >= 5 THEN 'loyal'
        WHEN epoch($now::TIMESTAMPTZ) - epoch(first_purchase_at) < 30 * 86400 THEN 'new'
        ELSE 'active' END AS lifecycle,
    preferred_hour
FROM scored ORDER BY position
