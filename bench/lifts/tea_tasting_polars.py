"""tea-tasting on Polars, read lazily: its own best interface."""

import json
import sys

import polars as pl
import tea_tasting as tt

exposures, events = (pl.scan_parquet(f"{sys.argv[1]}/{t}.parquet") for t in ("exposures", "events"))
seen = (
    exposures.group_by("unit_id")
    .agg(
        pl.col("variant").min(),
        pl.col("variant").max().alias("other"),
        pl.col("exposed_at").min(),
    )
    .filter(pl.col("variant") == pl.col("other"))
)
paid = pl.col("name") == "payment_succeeded"
did = (
    events.join(seen, on="unit_id")
    .filter(
        pl.col("occurred_at") >= pl.col("exposed_at"),
        pl.col("occurred_at") < pl.col("exposed_at") + pl.duration(days=7),
    )
    .group_by("unit_id")
    .agg(
        (pl.col("name") == "details_completed").max().cast(pl.Int64).alias("started"),
        paid.max().cast(pl.Int64).alias("paid"),
        pl.col("value").filter(paid).sum().cast(pl.Float64).alias("revenue"),
    )
)
visitors = (
    seen.join(did, on="unit_id", how="left")
    .select("variant", pl.col("started", "paid", "revenue").fill_null(0))
    .collect()
)
experiment = tt.Experiment(
    started=tt.Proportion("started", correction=False),
    paid=tt.Proportion("paid", correction=False),
    revenue=tt.Mean("revenue"),
)
result = experiment.analyze(visitors, control="two_page")
result.to_string()
sums = visitors.group_by("variant").agg(
    pl.len(), pl.col("started").sum(), pl.col("paid").sum(), pl.col("revenue").sum()
)
print(json.dumps({row[0]: list(row[1:]) for row in sums.rows()}))
