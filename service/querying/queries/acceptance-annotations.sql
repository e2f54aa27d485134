-- title: Authorization rate beside what was switched on
-- description: Stripe tells of no single charge whether Adaptive Acceptance approved it. Periods in
-- description: which
-- description: somebody noted it stand beside the rate of their days; what caused the difference is
-- description: not told.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- parameter kind: text = adaptive_acceptance; the annotation
-- column attempts: count; tried, without invalid requests and what is still pending
-- column authorization_rate: percent; authorized of what reached the network
WITH days AS (
  SELECT t.*, CASE WHEN EXISTS (
      SELECT 1 FROM annotations a WHERE a.kind = :kind AND a.start_day <= t.day
        AND (a.end_day IS NULL OR a.end_day >= t.day)) THEN 'on' ELSE 'off' END AS noted
  FROM payment_attempts t WHERE day BETWEEN :since AND :until
)
SELECT month, noted, SUM(counted) AS attempts,
  1.0 * SUM(authorized) / NULLIF(SUM(reached_network), 0) AS authorization_rate
FROM days GROUP BY month, noted ORDER BY month, noted
