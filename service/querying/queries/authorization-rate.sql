-- title: Authorization rate and payment success rate
-- description: By Stripe's two definitions. The authorization rate counts what reached the network;
-- description: the payment success rate counts everything that was tried, blocked payments and
-- description: failed
-- description: 3-D Secure too. Raw counts every attempt, deduplicated the last of each order or
-- description: invoice.
-- parameter since: date = 2000-01-01; the first day that counts
-- parameter until: date = 9999-12-31; the last day that counts
-- column attempts: count; tried, without invalid requests and what is still pending
-- column reached_network: count; of those, what the network saw
-- column authorized: count; of those, what was approved
-- column authorization_rate: percent; authorized of what reached the network
-- column success_rate: percent; authorized of all attempts
-- column orders: count; orders and invoices that were tried
-- column deduplicated_authorization_rate: percent; the same of last attempts
-- column deduplicated_success_rate: percent; the same of last attempts
-- chart: line x=month y=authorization_rate
SELECT month, SUM(counted) AS attempts, SUM(reached_network) AS reached_network,
  SUM(authorized) AS authorized,
  1.0 * SUM(authorized) / NULLIF(SUM(reached_network), 0) AS authorization_rate,
  1.0 * SUM(authorized) / NULLIF(SUM(counted), 0) AS success_rate,
  SUM(counted * is_final_attempt) AS orders,
  1.0 * SUM(authorized * is_final_attempt) / NULLIF(SUM(reached_network * is_final_attempt), 0)
    AS deduplicated_authorization_rate,
  1.0 * SUM(authorized * is_final_attempt) / NULLIF(SUM(counted * is_final_attempt), 0)
    AS deduplicated_success_rate
FROM payment_attempts WHERE day BETWEEN :since AND :until
GROUP BY month ORDER BY month
