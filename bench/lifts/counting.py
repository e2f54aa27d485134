"""The SQL that all who count in DuckDB share: first exposures, what followed, and sums."""

from __future__ import annotations

# Each visitor, with its first exposure and what it did after that.
VISITORS = """
WITH seen AS (
  SELECT unit_id, min(variant) AS variant, max(variant) AS other, min(exposed_at) AS exposed_at
  FROM '{0}/exposures.parquet' GROUP BY unit_id),
did AS (
  SELECT e.unit_id,
    max(CASE WHEN name = 'details_completed' THEN 1 ELSE 0 END) AS started,
    max(CASE WHEN name = 'payment_succeeded' THEN 1 ELSE 0 END) AS paid,
    sum(CASE WHEN name = 'payment_succeeded' THEN value ELSE 0 END)::DOUBLE AS revenue
  FROM '{0}/events.parquet' e JOIN seen USING (unit_id)
  WHERE occurred_at >= exposed_at AND occurred_at < exposed_at + INTERVAL 7 DAY
  GROUP BY e.unit_id)
SELECT variant, coalesce(started, 0) AS started, coalesce(paid, 0) AS paid,
  coalesce(revenue, 0) AS revenue
FROM seen LEFT JOIN did USING (unit_id) WHERE variant = other"""
SUMS = f"""
SELECT variant, count(*) AS visitors, sum(started)::BIGINT AS started, sum(paid)::BIGINT AS paid,
  sum(revenue) AS revenue, sum(revenue * revenue) AS revenue_squares
FROM ({VISITORS}) GROUP BY variant ORDER BY variant DESC"""  # noqa: S608 - a constant
