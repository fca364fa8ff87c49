-- The data set's lines (table lines), each with why it is left out (NULL: it is kept).
SELECT
    CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS profile_id,
    upper(trim(StockCode)) AS item_id,
    nullif(trim(regexp_replace(Description, '\s+', ' ', 'g')), '') AS title,
    trim(Country) AS country,
    InvoiceNo AS order_id,
    -- The shop's wall clock; the instant is in UTC.
    timezone('Europe/London', TRY_CAST(InvoiceDate AS TIMESTAMP)) AS "at",
    CAST(Quantity AS BIGINT) AS quantity,
    CAST(UnitPrice AS DOUBLE) AS price,
    CASE
        WHEN NOT regexp_matches(upper(trim(StockCode)), '^([0-9]{5}[A-Z]*|DCGS\w+|PADS)$') THEN 'no goods'
        WHEN CustomerID IS NULL THEN 'no customer'
        WHEN InvoiceNo LIKE 'C%' OR Quantity < 0 THEN 'return'
        WHEN NOT UnitPrice > 0 THEN 'no price'
        WHEN NOT Quantity > 0 OR TRY_CAST(InvoiceDate AS TIMESTAMP) IS NULL THEN 'no quantity or date'
    END AS left_out
FROM lines
