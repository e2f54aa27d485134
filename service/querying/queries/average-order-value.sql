-- title: Average order value
-- description: Of the first payment of each order, by month, currency and variant.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column orders: count; orders that were paid
-- column average: money; paid for each
-- chart: line x=month y=average series=variant
SELECT month, currency, COALESCE(variant, 'outside experiments') AS variant,
  COUNT(*) AS orders, 1.0 * SUM(amount_received) / COUNT(*) AS average
FROM payments WHERE status = 'succeeded' AND is_first = 1 AND mismatch = 0 AND day BETWEEN :since AND :until
GROUP BY month, currency, COALESCE(variant, 'outside experiments') ORDER BY month, currency, variant
