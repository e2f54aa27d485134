-- title: The money of an experiment
-- description: For each variant: units exposed, payments of their orders with all renewals,
-- description: refunds, disputes, and
-- description: what is left for each unit. No test: the lift report has that.
-- parameter experiment: text; the experiment's key
-- column units: count; exposed
-- column payments: count; that succeeded, renewals too
-- column gross: money; what was paid
-- column refunded: money; given back
-- column disputed: money; of charges that were disputed
-- column net_per_unit: money; gross less refunded and disputed, for each unit
-- chart: bar x=variant y=net_per_unit series=currency
WITH exposed AS (
  SELECT variant, COUNT(*) AS units FROM unit_exposures WHERE experiment = :experiment
  GROUP BY variant
), paid AS (
  SELECT variant, currency, COUNT(*) AS payments, SUM(amount_received) AS gross,
    SUM(amount_refunded) AS refunded, SUM(disputed * amount_received) AS disputed
  FROM payments WHERE experiment = :experiment AND status = 'succeeded' AND mismatch = 0
  GROUP BY variant, currency
)
SELECT e.variant, p.currency, e.units, COALESCE(p.payments, 0) AS payments,
  COALESCE(p.gross, 0) AS gross, COALESCE(p.refunded, 0) AS refunded,
  COALESCE(p.disputed, 0) AS disputed,
  1.0 * (COALESCE(p.gross, 0) - COALESCE(p.refunded, 0) - COALESCE(p.disputed, 0)) / e.units
    AS net_per_unit
FROM exposed e LEFT JOIN paid p ON p.variant = e.variant ORDER BY e.variant, p.currency
