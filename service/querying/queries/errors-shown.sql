-- title: What the checkout complained about
-- description: Each message that stood at a section, by variant: how often, in how many checkouts,
-- description: and how many of those were paid in the end.
-- parameter experiment: text; the experiment's key
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column times: count; how often it was shown
-- column checkouts: count; in how many checkouts
-- column paid: count; how many of these were paid in the end
-- column paid_share: percent; the same as a share
-- chart: bar x=code y=checkouts series=variant
WITH paid AS (
  SELECT DISTINCT origin_checkout_id AS checkout_id FROM payments WHERE status = 'succeeded'
)
SELECT f.section, f.code, f.variant, COUNT(*) AS times,
  COUNT(DISTINCT f.checkout_id) AS checkouts, COUNT(DISTINCT p.checkout_id) AS paid,
  1.0 * COUNT(DISTINCT p.checkout_id) / COUNT(DISTINCT f.checkout_id) AS paid_share
FROM friction_events f LEFT JOIN paid p ON p.checkout_id = f.checkout_id
WHERE f.name = 'error_shown' AND f.experiment = :experiment
  AND f.day BETWEEN :since AND :until
GROUP BY f.section, f.code, f.variant ORDER BY checkouts DESC, f.section, f.code, f.variant
