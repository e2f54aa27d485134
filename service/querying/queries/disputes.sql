-- title: Disputes and early fraud warnings
-- description: By brand and country of the card: how many charges were disputed or warned of, of
-- description: all that succeeded.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column charges: count; that succeeded
-- column disputed: count; of those, disputed
-- column warned: count; of those, with an early fraud warning
-- column dispute_rate: percent; disputed of charges
-- chart: bar x=brand y=dispute_rate
WITH warned AS (SELECT DISTINCT charge_id FROM early_fraud_warnings)
SELECT COALESCE(c.brand, c.method, 'unknown') AS brand, COALESCE(c.country, 'unknown') AS country,
  COUNT(*) AS charges, SUM(c.disputed) AS disputed, COUNT(w.charge_id) AS warned,
  1.0 * SUM(c.disputed) / COUNT(*) AS dispute_rate
FROM charges c LEFT JOIN warned w ON w.charge_id = c.charge_id
WHERE c.status = 'succeeded' AND c.day BETWEEN :since AND :until
GROUP BY COALESCE(c.brand, c.method, 'unknown'), COALESCE(c.country, 'unknown')
ORDER BY charges DESC, brand, country
