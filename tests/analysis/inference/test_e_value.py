"""Evidence of harm: its mean, its laws, and how often it cries wolf."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.aggregates import Aggregates
from analysis.inference.e_value import e_value, harm
from analysis.inference.sequential import always_valid
from analysis.report import Absent, Harm, LogRatio
from experiments.metrics import Direction

SHARES = st.floats(0.05, 0.95)
PLANNED = st.integers(1, 10**7)


def arm(units: int, conversions: int) -> Aggregates:
    return Aggregates.of_conversions(units, conversions)


def mean_evidence(units: int, rates: tuple[float, float], share: float, planned: int) -> float:
    """Its mean over every assignment of so many units and every outcome: (lower, higher) rates."""
    cells = [
        chance * part
        for rate, part in zip(rates, (share, 1 - share), strict=True)
        for chance in (rate, 1 - rate)
    ]
    total = 0.0
    for counts in product(range(units + 1), repeat=4):
        if sum(counts) != units:
            continue
        ways = float(math.factorial(units))
        for count, cell in zip(counts, cells, strict=True):
            ways = ways / math.factorial(count) * cell**count
        low, high = (arm(a + b, a) for a, b in (counts[:2], counts[2:]))
        total += ways * e_value(low, high, share=share, planned=planned, alpha=0.05)
    return total


@pytest.mark.parametrize("share", [0.5, 0.1, 0.8])
@pytest.mark.parametrize("rate", [0.0, 0.03, 0.4, 1.0])
def test_without_a_difference_its_mean_is_one_exactly(rate: float, share: float) -> None:
    assert mean_evidence(5, (rate, rate), share, 40) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("rates", [(0.5, 0.3), (0.9, 0.1), (0.04, 0.03)])
def test_where_the_variant_is_better_its_mean_is_below_one(rates: tuple[float, float]) -> None:
    assert mean_evidence(5, rates, 0.5, 40) < 1


def test_where_the_variant_is_worse_its_mean_is_above_one() -> None:
    assert mean_evidence(5, (0.1, 0.5), 0.5, 40) > 1.2


def test_the_mean_stays_one_when_the_rate_drifts_from_unit_to_unit() -> None:
    share, total = 0.3, 0.0
    for outcome in product(
        *(((0, r, 1), (0, r, 0), (1, r, 1), (1, r, 0)) for r in (0.1, 0.6, 0.3))
    ):
        counts, chance = [[0, 0], [0, 0]], 1.0
        for variant, rate, converted in outcome:
            counts[variant][converted] += 1
            chance *= (share if variant == 0 else 1 - share) * (rate if converted else 1 - rate)
        low, high = (arm(sum(each), each[1]) for each in counts)
        total += chance * e_value(low, high, share=share, planned=30, alpha=0.05)
    assert total == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("lower", "higher", "share", "planned"),
    [
        ((500, 4), (500, 20), 0.5, 10_000),
        ((12_012, 615), (11_988, 754), 0.5, 40_000),
        ((1_000, 0), (9_000, 90), 0.1, 20_000),
        ((40, 40), (40, 40), 0.5, 100),
    ],
)
def test_it_is_the_mean_likelihood_ratio_of_raw_outcomes(
    lower: tuple[int, int], higher: tuple[int, int], share: float, planned: int
) -> None:
    """By scipy, unit by unit in logarithms, with its own grid from the half-normal's quantiles."""
    from scipy.special import logsumexp  # noqa: PLC0415 - loading scipy is put off until needed
    from scipy.stats import bernoulli, halfnorm  # noqa: PLC0415 - see above

    bits = 2 * math.log(1 / 0.05)
    variance = (bits + math.log(bits + 1)) / (planned / 4)
    logs = []
    for high in (0.005, 0.02, 0.06, 0.15, 0.35, 0.6, 0.85):
        scale = math.sqrt(variance * (1 / high - 1) / (share - share**2))
        for low in high * np.exp(-halfnorm.ppf((np.arange(6) + 0.5) / 6, scale=scale)):
            middle, log = share * low + (1 - share) * high, 0.0
            for (units, conversions), rate in ((lower, low), (higher, high)):
                raw = np.arange(units) < conversions
                for chance, sign in ((rate, 1), (middle, -1)):
                    log += sign * float(np.sum(bernoulli.logpmf(raw, chance)))
            logs.append(log)
    expected = math.exp(float(logsumexp(logs)) - math.log(len(logs)))
    seen = e_value(arm(*lower), arm(*higher), share=share, planned=planned, alpha=0.05)
    assert seen == pytest.approx(expected, rel=1e-9)


@given(
    st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), SHARES, PLANNED
)  # fmt: skip
def test_a_conversion_more_on_the_worse_side_is_less_evidence_and_on_the_better_side_more(
    sold: int, left: int, sold_high: int, left_high: int, share: float, planned: int
) -> None:
    def found(more_low: int, more_high: int) -> float:
        low = arm(sold + left + 1, sold + more_low)
        high = arm(sold_high + left_high + 1, sold_high + more_high)
        return e_value(low, high, share=share, planned=planned, alpha=0.05)

    assert found(1, 0) <= found(0, 0) <= found(0, 1)
    assert found(1, 0) < found(0, 1)


def test_nobody_is_no_evidence() -> None:
    assert e_value(arm(0, 0), arm(0, 0), share=0.5, planned=1000, alpha=0.05) == pytest.approx(1)


def test_evidence_too_large_for_a_number_is_still_a_number() -> None:
    for low, high in (((10**6, 0), (10**6, 10**6)), ((10**6, 10**6), (10**6, 0))):
        seen = e_value(arm(*low), arm(*high), share=0.5, planned=10**6, alpha=0.05)
        assert 0 < seen < math.inf


def test_harm_lies_on_the_metrics_bad_side() -> None:
    parts: dict[str, Any] = {"share": 0.4, "planned": 4000, "alpha": 0.05}
    control, treatment = arm(600, 60), arm(400, 10)
    fewer = harm(control, treatment, direction=Direction.INCREASE, **parts)
    assert fewer.shown
    assert fewer.alarm_at == 40
    assert harm(control, treatment, direction=Direction.DECREASE, **parts).e_value < 1
    # The same arms the other way round: refunds that rose are as bad as sales that fell.
    rose = harm(treatment, control, direction=Direction.DECREASE, **{**parts, "share": 0.6})
    assert rose.e_value == pytest.approx(fewer.e_value, rel=1e-12)


def test_the_alarm_is_raised_at_its_value() -> None:
    assert Harm(40.0, 40.0).shown
    assert not Harm(39.999, 40.0).shown


def alarms(*, rate: float, lift: float, arriving: int, runs: int) -> tuple[float, float, float]:
    """Shares of runs with an alarm on any of 28 days: evidence, always-valid sequence, either."""
    rng, days = np.random.default_rng(2026), 28
    planned, by_evidence, by_sequence = 2 * arriving * days, 0, 0
    either = 0
    for _ in range(runs):
        units = np.cumsum(rng.binomial(2 * arriving, 0.5, days))
        other = 2 * arriving * np.arange(1, days + 1) - units
        sold = np.cumsum(rng.binomial(np.diff(units, prepend=0), rate * (1 + lift)))
        base = np.cumsum(rng.binomial(np.diff(other, prepend=0), rate))
        evident = sequence = False
        for n_t, x_t, n_c, x_c in zip(
            *(s.tolist() for s in (units, sold, other, base)), strict=True
        ):
            evident = evident or harm(
                arm(n_c, x_c), arm(n_t, x_t),
                direction=Direction.INCREASE, share=0.5, planned=planned, alpha=0.05,
            ).shown  # fmt: skip
            if min(x_t, x_c) >= 50:
                log_ratio = LogRatio(
                    math.log(x_t / n_t / (x_c / n_c)), 1 / x_t - 1 / n_t + 1 / x_c - 1 / n_c
                )
                look = always_valid(log_ratio, n_t + n_c, tuned_at=planned, alpha=0.05)
                assert not isinstance(look.p_value, Absent)
                sequence = sequence or (look.p_value < 0.05 and log_ratio.estimate < 0)
        by_evidence, by_sequence = by_evidence + evident, by_sequence + sequence
        either += evident or sequence
    return by_evidence / runs, by_sequence / runs, either / runs


@pytest.mark.parametrize(("rate", "arriving"), [(0.03, 150), (0.6, 40)])
def test_it_cries_wolf_at_any_of_28_looks_in_half_of_alpha_at_most(
    rate: float, arriving: int
) -> None:
    evident, _, either = alarms(rate=rate, lift=0.0, arriving=arriving, runs=600)
    assert evident <= 0.025 + 4 * math.sqrt(0.025 * 0.975 / 600)
    # Together with the always-valid sequence still within one side's part, as docs say.
    assert either <= 0.025


def test_with_few_conversions_it_sees_what_the_always_valid_sequence_cannot() -> None:
    evident, sequence, _ = alarms(rate=0.01, lift=-0.6, arriving=150, runs=200)
    assert sequence == 0
    assert evident == pytest.approx(0.6, abs=0.15)
