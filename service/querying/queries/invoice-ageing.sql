-- title: Invoices by age
-- description: What is still to be paid, by how many days it has been due.
-- parameter as_of: date = today; the day it is counted on
-- column invoices: count; open invoices
-- column remaining: money; what is left to pay on them
-- chart: bar x=age y=remaining series=currency
WITH aged AS (
  SELECT currency, amount_remaining, :as_of_number - due_day_number AS days
  FROM invoices WHERE status = 'open' AND day <= :as_of
), bands AS (
  SELECT currency, amount_remaining,
    CASE WHEN days <= 0 THEN 'not due' WHEN days <= 30 THEN '1-30 days'
      WHEN days <= 60 THEN '31-60 days' WHEN days <= 90 THEN '61-90 days'
      ELSE 'over 90 days' END AS age,
    CASE WHEN days <= 0 THEN 0 WHEN days <= 30 THEN 1 WHEN days <= 60 THEN 2
      WHEN days <= 90 THEN 3 ELSE 4 END AS place
  FROM aged
)
SELECT age, currency, COUNT(*) AS invoices, SUM(amount_remaining) AS remaining
FROM bands GROUP BY place, age, currency ORDER BY place, currency
