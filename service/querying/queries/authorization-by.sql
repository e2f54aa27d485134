-- title: Authorization rate by country, brand, method, funding, wallet, risk or amount
-- description: Stripe's two rates for each value of one property of the attempt.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- parameter by: text = country; country, brand, method, funding, wallet, risk or amount
-- column attempts: count; tried, without invalid requests and what is still pending
-- column authorized: count; approved
-- column authorization_rate: percent; authorized of what reached the network
-- column success_rate: percent; authorized of all attempts
-- chart: bar x=value y=authorization_rate
WITH attempts AS (
  SELECT authorized, reached_network, counted,
    COALESCE(CASE :by
      WHEN 'country' THEN country
      WHEN 'brand' THEN brand
      WHEN 'method' THEN method
      WHEN 'funding' THEN funding
      WHEN 'wallet' THEN COALESCE(wallet, 'none')
      WHEN 'risk' THEN risk_level
      WHEN 'amount' THEN currency || CASE
        WHEN amount < 1000 THEN ' 1 under 1,000'
        WHEN amount < 10000 THEN ' 2 under 10,000'
        WHEN amount < 100000 THEN ' 3 under 100,000'
        ELSE ' 4 from 100,000' END
    END, 'unknown') AS value
  FROM payment_attempts WHERE day BETWEEN :since AND :until
)
SELECT value, SUM(counted) AS attempts, SUM(authorized) AS authorized,
  1.0 * SUM(authorized) / NULLIF(SUM(reached_network), 0) AS authorization_rate,
  1.0 * SUM(authorized) / NULLIF(SUM(counted), 0) AS success_rate
FROM attempts GROUP BY value ORDER BY attempts DESC, value
