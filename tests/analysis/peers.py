"""What other people's analyses say of many tables, in one process of their own environment.

`make peers` makes it; then `.venv-peers/bin/python tests/analysis/peers.py < asked > answered`, in
JSON both. What is no number is null, and an error that a peer raises is its answer.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import tea_tasting as tt
from gbstats.frequentist.tests import (
    FrequentistConfig,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import ProportionStatistic, RatioStatistic, SampleMeanStatistic
from gbstats.utils import check_srm
from spotify_confidence import ChiSquared, StudentsTTest, ZTest
from spotify_confidence.analysis.frequentist.sequential_bound_solver import bounds
from tea_tasting.aggr import Aggregates

Answer = dict[str, Any]


def table(question: list[int]) -> Answer:
    """Of conversions and units: (x_c, n_c, x_t, n_t)."""
    x_c, n_c, x_t, n_t = question
    control, treatment = ProportionStatistic(n=n_c, sum=x_c), ProportionStatistic(n=n_t, sum=x_t)
    arms = _of_rate(x_c, n_c), _of_rate(x_t, n_t)
    frame = pd.DataFrame({"g": ["c", "t"], "x": [x_c, x_t], "n": [n_c, n_t]})
    parts: dict[str, Callable[[], Any]] = {
        "gbstats_absolute": lambda: _gbstats(control, treatment, kind="absolute"),
        "gbstats_relative": lambda: _gbstats(control, treatment, kind="relative"),
        "gbstats_sequential": lambda: _result(
            SequentialTwoSidedTTest(
                control, treatment, SequentialConfig(difference_type="absolute")
            )
        ),
        "gbstats_srm": lambda: check_srm([n_c, n_t], [0.5, 0.5]),
        "tea_plain": lambda: _tea(tt.Proportion("y", method="norm", correction=False), *arms),
        "tea_corrected": lambda: _tea(tt.Proportion("y", method="norm", correction=True), *arms),
        "tea_unpooled": lambda: _tea(
            tt.Proportion("y", method="norm", correction=False, equal_var=False), *arms
        ),
        "tea_srm": lambda: (
            tt.SampleRatio(method="norm", correction=False)
            .analyze({"c": arms[0], "t": arms[1]}, control="c", treatment="t")
            .pvalue
        ),
        "spotify_chi_square": lambda: _spotify(
            ChiSquared(
                frame,
                numerator_column="x",
                denominator_column="n",
                categorical_group_columns="g",
            )
        ),
        "spotify_z_relative": lambda: _spotify(_of_numerators(ZTest, frame, "x"), absolute=False),
    }
    return _all(parts)


def mean(question: list[list[float]]) -> Answer:
    """Of (units, total, total of squares) by arm."""
    frame = pd.DataFrame(question, columns=["n", "x", "xx"]).assign(g=["c", "t"])
    stats = [SampleMeanStatistic(n=int(n), sum=x, sum_squares=xx) for n, x, xx in question]
    arms = [
        Aggregates(count_=int(n), mean_={"y": x / n}, var_={"y": (xx - x * x / n) / (n - 1)})
        for n, x, xx in question
    ]
    return _all(
        {
            "gbstats_absolute": lambda: _gbstats(*stats, kind="absolute"),
            "gbstats_relative": lambda: _gbstats(*stats, kind="relative"),
            "tea": lambda: _tea(tt.Mean("y"), *arms),
            "spotify_t": lambda: _spotify(_of_numerators(StudentsTTest, frame, "xx")),
        }
    )


def ratio(question: list[list[float]]) -> Answer:
    """Of six sums by arm: (units, total, squares, base total, base squares, cross)."""
    return _all(
        {
            "gbstats_absolute": lambda: _gbstats(*map(_gbstats_ratio, question), kind="absolute"),
            "tea": lambda: _tea(tt.RatioOfMeans("s", "a"), *map(_tea_ratio, question)),
        }
    )


def looks(question: list[float]) -> list[float]:
    """Bounds of looks at these fractions: alpha 0.05, spent as its share times t^3, two sides."""
    found = bounds(np.array(question), alpha=0.05, rho=3.0, ztrun=8.0, sides=2)
    return [float(bound) for bound in found.bounds]


def _of_rate(x: int, n: int) -> Aggregates:
    return Aggregates(count_=n, mean_={"y": x / n})


def _tea_ratio(sums: list[float]) -> Aggregates:
    n, s, ss, a, aa, sa = sums
    return Aggregates(
        count_=int(n),
        mean_={"s": s / n, "a": a / n},
        var_={"s": (ss - s * s / n) / (n - 1), "a": (aa - a * a / n) / (n - 1)},
        cov_={("a", "s"): (sa - s * a / n) / (n - 1)},
    )


def _gbstats_ratio(sums: list[float]) -> RatioStatistic:
    n, s, ss, a, aa, sa = sums
    return RatioStatistic(
        n=int(n),
        m_statistic=SampleMeanStatistic(n=int(n), sum=s, sum_squares=ss),
        d_statistic=SampleMeanStatistic(n=int(n), sum=a, sum_squares=aa),
        m_d_sum_of_products=sa,
    )


def _gbstats(control: Any, treatment: Any, *, kind: str) -> Answer:
    return _result(TwoSidedTTest(control, treatment, FrequentistConfig(difference_type=kind)))


def _result(test: Any) -> Answer:
    found = test.compute_result()
    if found.error_message:
        raise ValueError(found.error_message)
    return {
        "estimate": found.expected,
        "ci": list(found.ci),
        "error": found.uplift.stddev,
        "p": found.p_value,
    }


def _tea(metric: Any, control: Aggregates, treatment: Aggregates) -> Answer:
    found = metric.analyze_aggregates(control, treatment)
    return {
        "p": found.pvalue,
        "absolute": [found.effect_size_ci_lower, found.effect_size_ci_upper],
        "relative": [found.rel_effect_size_ci_lower, found.rel_effect_size_ci_upper],
    }


def _of_numerators(test: Any, frame: pd.DataFrame, squares: str) -> Any:
    return test(
        frame,
        numerator_column="x",
        numerator_sum_squares_column=squares,
        denominator_column="n",
        categorical_group_columns="g",
    )


def _spotify(test: Any, *, absolute: bool = True) -> Answer:
    row = test.difference(level_1="c", level_2="t", absolute=absolute).iloc[0]
    return {"p": row["p-value"], "ci": [row["ci_lower"], row["ci_upper"]]}


def _all(parts: dict[str, Callable[[], Any]]) -> Answer:
    return dict(_answered(parts))


def _answered(parts: dict[str, Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    for name, part in parts.items():
        try:
            yield name, _written(part())
        except Exception as exc:  # noqa: BLE001 - whatever a peer raises is its answer
            yield name, {"raised": f"{type(exc).__name__}: {exc}"}


def _written(answer: Any) -> Any:
    """As JSON has it: what is no number is null."""
    if isinstance(answer, dict):
        return {key: _written(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [_written(value) for value in answer]
    number = float(answer)
    return number if math.isfinite(number) else None


KINDS: dict[str, Callable[[Any], Any]] = {
    "tables": table,
    "means": mean,
    "ratios": ratio,
    "looks": looks,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    asked = json.load(sys.stdin)
    json.dump({kind: [KINDS[kind](q) for q in asked[kind]] for kind in asked}, sys.stdout)
