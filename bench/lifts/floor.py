"""The bare aggregate: DuckDB's sums, and nothing made of them."""

import json
import sys

import duckdb
from counting import SUMS

rows = duckdb.sql(SUMS.format(sys.argv[1])).fetchall()
print(json.dumps({row[0]: [row[1], row[2], row[3], row[4]] for row in rows}))
