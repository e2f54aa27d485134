"""tea-tasting on DuckDB's relation, whose aggregates the database makes."""

import sys

import duckdb
import tea_tasting as tt
from counting import VISITORS

visitors = duckdb.sql(VISITORS.format(sys.argv[1]))
experiment = tt.Experiment(
    started=tt.Proportion("started", correction=False),
    paid=tt.Proportion("paid", correction=False),
    revenue=tt.Mean("revenue"),
)
experiment.analyze(visitors, control="two_page").to_string()
# Its sums stay in its result.
print("null")
