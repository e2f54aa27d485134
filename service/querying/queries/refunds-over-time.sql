-- title: Refunds over time
-- description: What was given back, by month, currency and reason.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column refunds: count; how many
-- column refunded: money; how much
-- column failed: count; how many of them failed
-- chart: bar x=month y=refunded series=currency
SELECT month, currency, COALESCE(reason, 'none given') AS reason, COUNT(*) AS refunds,
  SUM(CASE WHEN status IN ('succeeded', 'pending') THEN amount ELSE 0 END) AS refunded,
  SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed
FROM refunds WHERE day BETWEEN :since AND :until
GROUP BY month, currency, COALESCE(reason, 'none given') ORDER BY month, currency, reason
