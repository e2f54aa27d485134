-- title: 3-D Secure
-- description: How often cardholders were asked to prove who they are, passed, and were then
-- description: approved.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column attempts: count; attempts with 3-D Secure
-- column challenged: count; of those, with a question to the cardholder
-- column succeeded: count; of all, authenticated
-- column success_rate: percent; succeeded of attempts
-- column challenge_success_rate: percent; succeeded of challenged
-- column authorized: count; approved after it
-- chart: line x=month y=success_rate
SELECT month, COUNT(*) AS attempts,
  SUM(CASE WHEN authentication_flow = 'challenge' THEN 1 ELSE 0 END) AS challenged,
  SUM(succeeded) AS succeeded, 1.0 * SUM(succeeded) / COUNT(*) AS success_rate,
  1.0 * SUM(CASE WHEN authentication_flow = 'challenge' THEN succeeded ELSE 0 END)
    / NULLIF(SUM(CASE WHEN authentication_flow = 'challenge' THEN 1 ELSE 0 END), 0)
    AS challenge_success_rate,
  SUM(authorized) AS authorized
FROM authentication_report_attempts WHERE day BETWEEN :since AND :until
GROUP BY month ORDER BY month
