-- title: Failed invoices and what became of them
-- description: Invoices whose first automatic charge failed, by the number of tries and where they
-- description: stand.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column invoices: count; how many
-- column due: money; what they asked for
-- column paid: money; what was paid on them
-- chart: bar x=tries y=invoices series=status
WITH tried AS (
  SELECT invoice_id, COUNT(*) AS tries, MAX(1 - authorized) AS failed
  FROM payment_attempts WHERE invoice_id IS NOT NULL AND counted = 1 GROUP BY invoice_id
)
SELECT i.currency, i.status, t.tries, COUNT(*) AS invoices, SUM(i.amount_due) AS due,
  SUM(i.amount_paid) AS paid
FROM invoices i JOIN tried t ON t.invoice_id = i.invoice_id
WHERE t.failed = 1 AND i.day BETWEEN :since AND :until
GROUP BY i.currency, i.status, t.tries ORDER BY i.currency, t.tries, i.status
