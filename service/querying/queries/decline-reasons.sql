-- title: Why payments were declined
-- description: Attempts that were declined, blocked or not authenticated, by reason; with the
-- description: advice that
-- description: came along, and how many of their orders were paid in the end.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column attempts: count; how often
-- column amount: money; what was asked for
-- column paid_later: count; orders and invoices of these that were paid in the end
-- chart: bar x=reason y=attempts
WITH paid AS (
  SELECT DISTINCT group_key FROM payment_attempts WHERE authorized = 1
)
SELECT t.outcome, COALESCE(t.decline_code, t.failure_code, 'unknown') AS reason,
  t.network_decline_code, t.advice_code, t.network_advice_code, t.currency,
  COUNT(*) AS attempts, SUM(t.amount) AS amount,
  COUNT(DISTINCT p.group_key) AS paid_later
FROM payment_attempts t LEFT JOIN paid p ON p.group_key = t.group_key
WHERE t.outcome IN ('declined', 'blocked', 'authentication_failed')
  AND t.day BETWEEN :since AND :until
GROUP BY t.outcome, COALESCE(t.decline_code, t.failure_code, 'unknown'), t.network_decline_code,
  t.advice_code, t.network_advice_code, t.currency
ORDER BY attempts DESC, reason, t.network_decline_code
