-- title: Cards that expire
-- description: Cards that pay for subscriptions now, by the month in which they expire.
-- parameter since: text = 2000-01; the first month, YYYY-MM
-- column cards: count; how many
-- column subscriptions: count; that they pay for
-- chart: bar x=expires y=cards
WITH cards AS (
  SELECT payment_method_id,
    CAST(exp_year AS TEXT) || CASE WHEN exp_month < 10 THEN '-0' ELSE '-' END
      || CAST(exp_month AS TEXT) AS expires
  FROM payment_methods WHERE type = 'card' AND exp_year IS NOT NULL
)
SELECT c.expires, COUNT(DISTINCT c.payment_method_id) AS cards, COUNT(*) AS subscriptions
FROM subscriptions s JOIN cards c ON c.payment_method_id = s.default_payment_method
WHERE s.status IN ('trialing', 'active', 'past_due', 'unpaid') AND c.expires >= :since
GROUP BY c.expires ORDER BY c.expires
