-- title: Fees by payment method
-- description: What Stripe kept of charges, in the currency of the account.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column charges: count; that were booked
-- column booked: money; their amount
-- column fees: money; what was kept
-- column fee_rate: percent; fees of booked
-- chart: bar x=method y=fee_rate series=currency
SELECT b.currency, COALESCE(c.method, 'unknown') AS method, COUNT(*) AS charges,
  SUM(b.amount) AS booked, SUM(b.fee) AS fees, 1.0 * SUM(b.fee) / NULLIF(SUM(b.amount), 0) AS fee_rate
FROM charges c JOIN balance_transactions b
  ON b.balance_transaction_id = c.balance_transaction_id
WHERE b.day BETWEEN :since AND :until
GROUP BY b.currency, COALESCE(c.method, 'unknown') ORDER BY b.currency, method
