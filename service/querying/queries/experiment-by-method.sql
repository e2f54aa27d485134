-- title: An experiment by payment method
-- description: For each variant and method: attempts, Stripe's two rates, and what was paid. Of
-- description: attempts, not of
-- description: visitors: the lift report says what a variant does.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- parameter experiment: text; the experiment's key
-- column attempts: count; tried, without invalid requests and what is still pending
-- column authorized: count; approved
-- column authorization_rate: percent; authorized of what reached the network
-- column success_rate: percent; authorized of all attempts
-- column paid: money; what was authorized
-- chart: bar x=method y=authorization_rate series=variant
SELECT variant, COALESCE(method, 'unknown') AS method, currency, SUM(counted) AS attempts,
  SUM(authorized) AS authorized,
  1.0 * SUM(authorized) / NULLIF(SUM(reached_network), 0) AS authorization_rate,
  1.0 * SUM(authorized) / NULLIF(SUM(counted), 0) AS success_rate,
  SUM(authorized * amount) AS paid
FROM payment_attempts WHERE experiment = :experiment AND day BETWEEN :since AND :until
GROUP BY variant, COALESCE(method, 'unknown'), currency ORDER BY variant, method, currency
