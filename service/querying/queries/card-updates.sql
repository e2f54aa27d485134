-- title: Cards updated by their network, and payments saved
-- description: Updates that a card network told, and successful payments with the card within the
-- description: 180 days
-- description: after. Gross: some of them would have gone through without the update.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column updates: count; cards that were updated
-- column saved: count; of those, cards that paid within 180 days
-- column payments: count; payments with them in that time
-- column amount: money; what they paid
-- chart: bar x=month y=payments
SELECT u.month, c.currency, COUNT(DISTINCT u.event_id) AS updates,
  COUNT(DISTINCT CASE WHEN c.charge_id IS NOT NULL THEN u.event_id END) AS saved,
  COUNT(DISTINCT c.charge_id) AS payments, COALESCE(SUM(c.amount), 0) AS amount
FROM card_updates u LEFT JOIN charges c
  ON c.payment_method_id = u.payment_method_id AND c.status = 'succeeded'
  AND c.charged_at >= u.updated_at AND c.charged_at <= u.saves_until
WHERE u.day BETWEEN :since AND :until
GROUP BY u.month, c.currency ORDER BY u.month, COALESCE(c.currency, '')
