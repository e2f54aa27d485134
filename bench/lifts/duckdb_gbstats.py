"""gbstats over the sums of DuckDB, which is how GrowthBook calls it."""

import json
import sys

import duckdb
from counting import SUMS
from gbstats.frequentist.tests import TwoSidedTTest
from gbstats.models.statistics import ProportionStatistic, SampleMeanStatistic

control, treatment = duckdb.sql(SUMS.format(sys.argv[1])).fetchall()
for column in (2, 3):
    TwoSidedTTest(
        ProportionStatistic(n=control[1], sum=control[column]),
        ProportionStatistic(n=treatment[1], sum=treatment[column]),
    ).compute_result()
TwoSidedTTest(
    SampleMeanStatistic(n=control[1], sum=control[4], sum_squares=control[5]),
    SampleMeanStatistic(n=treatment[1], sum=treatment[4], sum_squares=treatment[5]),
).compute_result()
print(json.dumps({row[0]: list(row[1:5]) for row in (control, treatment)}))
