-- title: Payment methods
-- description: What people paid with: shares of payments and of volume, and the average order
-- description: value.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column payments: count; payments that succeeded
-- column volume: money; what was paid
-- column share_of_payments: percent; of all payments in the currency
-- column share_of_volume: percent; of all volume in the currency
-- column average: money; average order value
-- chart: bar x=method y=share_of_payments series=currency
SELECT currency, COALESCE(method, 'unknown') AS method, COALESCE(brand, '') AS brand,
  COUNT(*) AS payments, SUM(amount) AS volume,
  1.0 * COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY currency) AS share_of_payments,
  1.0 * SUM(amount) / SUM(SUM(amount)) OVER (PARTITION BY currency) AS share_of_volume,
  1.0 * SUM(amount) / COUNT(*) AS average
FROM charges WHERE status = 'succeeded' AND day BETWEEN :since AND :until
GROUP BY currency, COALESCE(method, 'unknown'), COALESCE(brand, '')
ORDER BY currency, payments DESC, method, brand
