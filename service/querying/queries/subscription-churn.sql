-- title: Subscription churn
-- description: Of the subscriptions that were there when a month began, how many and how much of
-- description: their
-- description: revenue ended in it, and whether by the customer or by failed payments.
-- parameter since: text = 2000-01; the first month, YYYY-MM
-- parameter until: text = 9999-12; the last month
-- column there: count; subscriptions at the month's beginning
-- column ended: count; of those, ended in the month
-- column ended_unpaid: count; of those, because payments failed
-- column churn_rate: percent; ended of there
-- column revenue_churn_rate: percent; the same of their monthly revenue
-- chart: line x=month y=churn_rate
WITH months AS (
  SELECT DISTINCT ended_month AS month FROM subscriptions WHERE ended_month IS NOT NULL
)
SELECT m.month, s.currency, COUNT(*) AS there,
  SUM(CASE WHEN s.ended_month = m.month THEN 1 ELSE 0 END) AS ended,
  SUM(CASE WHEN s.ended_month = m.month AND s.cancellation_reason IN
    ('payment_failed', 'payment_disputed') THEN 1 ELSE 0 END) AS ended_unpaid,
  1.0 * SUM(CASE WHEN s.ended_month = m.month THEN 1 ELSE 0 END) / COUNT(*) AS churn_rate,
  1.0 * SUM(CASE WHEN s.ended_month = m.month THEN s.monthly_amount ELSE 0 END)
    / NULLIF(SUM(s.monthly_amount), 0) AS revenue_churn_rate
FROM months m JOIN subscriptions s
  ON s.month < m.month AND (s.ended_month IS NULL OR s.ended_month >= m.month)
  AND s.status NOT IN ('incomplete', 'incomplete_expired')
WHERE m.month BETWEEN :since AND :until
GROUP BY m.month, s.currency ORDER BY m.month, s.currency
