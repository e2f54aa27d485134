-- title: Revenue, net of refunds, disputes and fees
-- description: What was paid, given back, disputed and kept back as fees, by month and currency.
-- description: Fees count in the currency of the account; disputes that were won do not count.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column gross: money; payments that succeeded
-- column refunded: money; refunds that succeeded or are on their way
-- column disputed: money; disputes that are open or lost
-- column fees: money; what Stripe kept
-- column net: money; gross less the other three
-- chart: line x=month y=net series=currency
WITH movements AS (
  SELECT month, currency, amount_received AS gross, 0 AS refunded, 0 AS disputed, 0 AS fees
  FROM payments WHERE status = 'succeeded' AND day BETWEEN :since AND :until
  UNION ALL
  SELECT month, currency, 0, amount, 0, 0
  FROM refunds WHERE status IN ('succeeded', 'pending') AND day BETWEEN :since AND :until
  UNION ALL
  SELECT month, currency, 0, 0, amount, 0
  FROM disputes WHERE status NOT IN ('won', 'prevented', 'warning_closed') AND day BETWEEN :since AND :until
  UNION ALL
  SELECT month, currency, 0, 0, 0, fee FROM balance_transactions WHERE day BETWEEN :since AND :until
)
SELECT month, currency, SUM(gross) AS gross, SUM(refunded) AS refunded, SUM(disputed) AS disputed,
  SUM(fees) AS fees, SUM(gross - refunded - disputed - fees) AS net
FROM movements GROUP BY month, currency ORDER BY month, currency
