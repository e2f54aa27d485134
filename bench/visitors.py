"""Made-up visitors as the tables `exposures` and `events` in Parquet, the same for the same seed.

Of all visitors 5 % are exposed twice, 60 % fill in their details, 45 % press the pay button, 10 %
of all once more, and 30 % pay (3.1 % more of them on one page), amounts log-normal, over 28 days.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

_DICE = "CREATE MACRO dice(i, name) AS hash(i, name, {seed}) / 18446744073709551616.0"
_VISITORS = """
CREATE VIEW visitors AS SELECT i, substr(md5(concat(i, 'v{seed}')), 1, 22) AS unit_id,
  CASE WHEN dice(i, 'arm') < 0.5 THEN 'two_page' ELSE 'one_page' END AS variant,
  make_timestamptz((1793577600000000 + i * (2419200000000 / {visitors}))::BIGINT) AS seen_at,
  CASE WHEN dice(i, 'device') < 0.55 THEN 'phone' WHEN dice(i, 'device') < 0.92 THEN 'desktop'
    ELSE 'tablet' END AS device,
  ['SE', 'NO', 'DK', 'FI', 'DE', 'FR', 'ES', 'IT', 'NL', 'PL', 'US', 'GB', 'CA', 'AU', 'BR']
    [1 + (dice(i, 'country') * 15)::INTEGER % 15] AS country,
  dice(i, 'far') AS far
FROM range({visitors}) AS numbers(i)"""
_EXPOSURES = """
SELECT 'one-page-checkout' AS experiment, variant, unit_id, exposed_at, device, country FROM (
  SELECT variant, unit_id, seen_at AS exposed_at, device, country FROM visitors
  UNION ALL SELECT variant, unit_id, seen_at + to_seconds(60 + (dice(i, 'when') * 86400)::BIGINT),
    device, country FROM visitors WHERE dice(i, 'again') < 0.05)
ORDER BY exposed_at"""
_EVENTS = """
SELECT substr(md5(concat(i, name, turn, 'e{seed}')), 1, 22) AS event_id, unit_id,
  NULL::VARCHAR AS checkout_id, name, occurred_at,
  occurred_at + to_seconds((dice(i, 'late') * 5)::BIGINT) AS received_at, value,
  CASE WHEN value IS NOT NULL THEN 'eur' END AS currency, '{{}}' AS properties
FROM (
  SELECT i, unit_id, 'details_completed' AS name, 0 AS turn, seen_at + to_seconds(20)
    AS occurred_at, NULL::BIGINT AS value FROM visitors WHERE far < 0.6
  UNION ALL SELECT i, unit_id, 'payment_submitted', 0, seen_at + to_seconds(90), NULL
    FROM visitors WHERE far < 0.45
  UNION ALL SELECT i, unit_id, 'payment_submitted', 1, seen_at + to_seconds(150), NULL
    FROM visitors WHERE far < 0.45 AND dice(i, 'retry') < 2 / 9
  UNION ALL SELECT i, unit_id, 'payment_succeeded', 0, seen_at + to_seconds(180),
    round(exp(8.3 + 0.6 * sqrt(-2 * ln(1 - dice(i, 'one'))) * cos(2 * pi() * dice(i, 'two'))))
    FROM visitors WHERE far < CASE variant WHEN 'one_page' THEN 0.3093 ELSE 0.3 END)
ORDER BY occurred_at"""


def write_tables(directory: Path, *, visitors: int, seed: int) -> None:
    """Writes `exposures.parquet` and `events.parquet`."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(_DICE.format(seed=seed))
        connection.execute(_VISITORS.format(seed=seed, visitors=visitors))
        for name, query in (("exposures", _EXPOSURES), ("events", _EVENTS.format(seed=seed))):
            rows = connection.sql(query)
            rows.write_parquet(str(directory / f"{name}.parquet"), compression="zstd")
