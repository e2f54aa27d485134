"""spotify-confidence over the sums of DuckDB."""

import json
import sys

import duckdb
import spotify_confidence as confidence
from counting import SUMS

sums = duckdb.sql(SUMS.format(sys.argv[1])).df()
for metric in ("started", "paid"):
    confidence.ZTest(
        sums,
        numerator_column=metric,
        numerator_sum_squares_column=metric,
        denominator_column="visitors",
        categorical_group_columns="variant",
    ).difference(level_1="two_page", level_2="one_page")
confidence.StudentsTTest(
    sums,
    numerator_column="revenue",
    numerator_sum_squares_column="revenue_squares",
    denominator_column="visitors",
    categorical_group_columns="variant",
).difference(level_1="two_page", level_2="one_page")
columns = ["visitors", "started", "paid", "revenue"]
print(json.dumps({row["variant"]: [float(row[c]) for c in columns] for _, row in sums.iterrows()}))
