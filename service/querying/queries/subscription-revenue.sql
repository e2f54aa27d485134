-- title: Subscriptions: new, churned and recurring revenue
-- description: By month, monthly recurring revenue that began and that ended, as the subscriptions
-- description: stand
-- description: now; a change of seats shows in the month the subscription began.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column started: count; subscriptions that began
-- column ended: count; subscriptions that ended
-- column new_revenue: money; a month's revenue of those that began
-- column churned_revenue: money; a month's revenue of those that ended
-- column net_revenue: money; the difference
-- chart: bar x=month y=net_revenue series=currency
WITH movements AS (
  SELECT month, currency, 1 AS started, 0 AS ended, monthly_amount AS began, 0.0 AS stopped
  FROM subscriptions
  WHERE status NOT IN ('incomplete', 'incomplete_expired') AND day BETWEEN :since AND :until
  UNION ALL
  SELECT ended_month, currency, 0, 1, 0.0, monthly_amount
  FROM subscriptions
  WHERE ended_day IS NOT NULL AND status = 'canceled' AND ended_day BETWEEN :since AND :until
)
SELECT month, currency, SUM(started) AS started, SUM(ended) AS ended,
  SUM(began) AS new_revenue, SUM(stopped) AS churned_revenue, SUM(began - stopped) AS net_revenue
FROM movements GROUP BY month, currency ORDER BY month, currency
