-- title: Recovered payments
-- description: Orders and invoices whose first attempt failed and that were paid in the end: with
-- description: the same
-- description: card, another card, or another method. A card that its network updated in between is
-- description: named.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column failed_first: count; orders and invoices whose first attempt failed
-- column recovered: count; of those, paid in the end
-- column recovery_rate: percent; recovered of failed first
-- column amount: money; what was recovered
WITH first AS (
  SELECT * FROM payment_attempts WHERE attempt_number = 1 AND counted = 1 AND authorized = 0
    AND day BETWEEN :since AND :until
), paid AS (
  SELECT t.*, ROW_NUMBER() OVER (PARTITION BY group_key ORDER BY attempted_at, attempt_id) AS place
  FROM payment_attempts t WHERE authorized = 1
)
SELECT f.currency,
  CASE WHEN p.group_key IS NULL THEN 'not recovered'
    WHEN p.method <> f.method THEN 'another method'
    WHEN EXISTS (
      SELECT 1 FROM card_updates u WHERE u.payment_method_id = p.payment_method_id
        AND u.updated_at BETWEEN f.attempted_at AND p.attempted_at) THEN 'updated card'
    WHEN p.fingerprint = f.fingerprint THEN 'same card' ELSE 'another card' END AS how,
  COUNT(*) AS failed_first, COUNT(p.group_key) AS recovered,
  1.0 * COUNT(p.group_key) / COUNT(*) AS recovery_rate,
  COALESCE(SUM(p.amount), 0) AS amount
FROM first f LEFT JOIN paid p ON p.group_key = f.group_key AND p.place = 1
GROUP BY f.currency, how ORDER BY f.currency, how
