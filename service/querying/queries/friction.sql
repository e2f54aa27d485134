-- title: Where visitors have a hard time
-- description: For each section of the checkout and each variant: how long it takes, the errors
-- description: shown, what was corrected or left half done, and clicks in anger. Of visitors whose
-- description: page told it; it explains a lift and proves none.
-- parameter experiment: text; the experiment's key
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column checkouts: count; checkouts that told anything of the section
-- column seconds: number; active time in it, of each of these on average
-- column ready_ms: number; until Stripe's form was there, on average, from the navigation on
-- column errors: count; messages shown at it
-- column corrections: count; fields changed again, after an error or after they were left
-- column left_incomplete: count; fields left with something missing
-- column rage_clicks: count; places pressed three times within a second
-- chart: bar x=section y=seconds series=variant
SELECT section, variant, COUNT(DISTINCT checkout_id) AS checkouts,
  COALESCE(SUM(CASE WHEN name = 'section_timed' THEN milliseconds END), 0)
    / 1000.0 / COUNT(DISTINCT checkout_id) AS seconds,
  1.0 * AVG(CASE WHEN name = 'element_ready' THEN milliseconds END) AS ready_ms,
  SUM(CASE WHEN name = 'error_shown' THEN 1 ELSE 0 END) AS errors,
  SUM(CASE WHEN name = 'field_corrected' THEN 1 ELSE 0 END) AS corrections,
  SUM(CASE WHEN name = 'field_left' AND state = 'incomplete' THEN 1 ELSE 0 END) AS left_incomplete,
  SUM(CASE WHEN name = 'rage_clicked' THEN 1 ELSE 0 END) AS rage_clicks
FROM friction_events
WHERE experiment = :experiment AND section IS NOT NULL AND day BETWEEN :since AND :until
GROUP BY section, variant ORDER BY section, variant
