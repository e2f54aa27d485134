"""Other people's analyses of the same random tables: equal where the method is, else named.

The peers need an environment of their own (`make peers`): one process of it answers for all.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.inference import mean, proportion, ratio
from analysis.inference.group_sequential import Design
from analysis.inference.proportion import score_p
from analysis.inference.sequential import running_ends
from analysis.report import Absent, Contrast, Estimate, LogRatio
from analysis.srm import check_sample_ratio, chi_square
from experiments.plan import Spending

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
SEED = 20_261_130
Questions = dict[str, list[Any]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not PEERS.is_file(), reason="no .venv-peers: `make peers` installs gbstats and the others"
    ),
]


def _tables(rng: np.random.Generator) -> Iterator[list[int]]:
    """From one unit to 10^9; among them nobody, one, all but one, everybody, and much the same.

    None of them has 40 to 1,000 units, where Boschloo's test takes seconds.
    """
    for number in range(150):
        sizes = ((0, 1.2), (0, 1.2)) if number % 5 == 0 else ((3, 9), (number % 2, 9))
        units = [int(10 ** rng.uniform(*size)) for size in sizes]
        rates = np.clip(rng.uniform() * rng.uniform(0.97, 1.03, 2), 0, 1)
        x = [int(rng.binomial(n, rate)) for n, rate in zip(units, rates, strict=True)]
        if number % 3 == 0:
            x = [int(rng.choice([0, 1, n - 1, n, k])) for n, k in zip(units, x, strict=True)]
        yield [x[0], units[0], x[1], units[1]]


def _means(rng: np.random.Generator) -> Iterator[list[list[float]]]:
    for _ in range(60):
        scale, spread = 10 ** rng.uniform(-3, 6), rng.uniform(0.2, 1.5)
        arms = [
            scale * rng.lognormal(0, spread, rng.integers(2, 4000)) * (rng.random() < 0.9)
            for _ in range(2)
        ]
        if all(each.any() for each in arms):
            yield [[len(each), float(each.sum()), float((each**2).sum())] for each in arms]


def _ratios(rng: np.random.Generator) -> Iterator[list[list[float]]]:
    for _ in range(60):
        arms = []
        for _ in range(2):
            base = rng.geometric(rng.uniform(0.3, 0.9), rng.integers(5, 3000))
            top = rng.binomial(base, rng.beta(4, 1, len(base)))
            sums = (top, top**2, base, base**2, top * base)
            arms.append([len(base), *(float(each.sum()) for each in sums)])
        yield arms


@pytest.fixture(scope="module")
def answered() -> dict[str, list[tuple[Any, Any]]]:
    """Every question with what the peers say of it."""
    rng = np.random.default_rng(SEED)
    asked: Questions = {
        "tables": list(_tables(rng)),
        "means": list(_means(rng)),
        "ratios": list(_ratios(rng)),
        "looks": [[*sorted(rng.uniform(0.1, 0.9, n).tolist()), 1.0] for n in (1, 2, 4, 6)],
    }
    ran = subprocess.run(
        [PEERS, Path(__file__).with_name("peers.py")],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=900,
    )
    answers = json.loads(ran.stdout)
    return {kind: list(zip(asked[kind], answers[kind], strict=True)) for kind in asked}


Answered = dict[str, list[tuple[Any, Any]]]


def said(answered: Answered, kind: str, name: str, *, least: int) -> Iterator[tuple[Any, Any]]:
    """Questions with the answers of one peer, where it has a whole one: at least so many."""
    found = [
        (question, answer[name])
        for question, answer in answered[kind]
        if "raised" not in (answer[name] if isinstance(answer[name], dict) else {})
        and None not in _flat(answer[name])
    ]
    assert len(found) >= least, (name, len(found))
    yield from found


def _flat(answer: Any) -> list[Any]:
    values = answer.values() if isinstance(answer, dict) else [answer]
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def compared(counts: list[int]) -> Contrast:
    x_c, n_c, x_t, n_t = counts
    return proportion.compare(
        Aggregates.of_conversions(n_c, x_c), Aggregates.of_conversions(n_t, x_t), alpha=0.05
    )


def ends(estimate: Estimate) -> tuple[float, float]:
    assert not isinstance(estimate.ci_low, Absent)
    assert not isinstance(estimate.ci_high, Absent)
    return estimate.ci_low, estimate.ci_high


def p_of(counts: list[int]) -> float:
    x_c, n_c, x_t, n_t = counts
    return score_p((x_c, x_t), (n_c, n_t))


def near(value: Any, *, rel: float = 1e-9) -> Any:
    """Peers read 1 - rate, and what is left of 2 (1 - Phi): a few digits fewer than here."""
    return pytest.approx(value, rel=rel, abs=1e-15)


def test_the_chi_square_of_spotify_confidence_is_the_score_test(answered: Answered) -> None:
    for counts, answer in said(answered, "tables", "spotify_chi_square", least=70):
        assert answer["p"] == near(p_of(counts), rel=1e-6), counts


def test_tea_tasting_without_its_correction_is_the_score_test(answered: Answered) -> None:
    for counts, answer in said(answered, "tables", "tea_plain", least=70):
        assert answer["p"] == near(p_of(counts), rel=1e-6), counts


def test_tea_tasting_by_default_corrects_for_continuity_so_its_p_value_is_larger(
    answered: Answered,
) -> None:
    for counts, answer in said(answered, "tables", "tea_corrected", least=70):
        x_c, n_c, x_t, n_t = counts
        assert answer["p"] >= p_of(counts) * (1 - 1e-6) - 1e-15, counts
        yates = stats.chi2_contingency([[x_c, n_c - x_c], [x_t, n_t - x_t]], correction=True)
        assert answer["p"] == near(yates.pvalue, rel=1e-5), counts


def test_the_unpooled_log_interval_of_tea_tasting_is_the_log_ratio_of_the_always_valid_one(
    answered: Answered,
) -> None:
    z, met = normal_quantile(0.05), 0
    for counts, answer in said(answered, "tables", "tea_unpooled", least=50):
        log_ratio = compared(counts).log_ratio
        if isinstance(log_ratio, LogRatio):
            margin = z * math.sqrt(log_ratio.variance)
            expected = [math.expm1(log_ratio.estimate + sign * margin) for sign in (-1, 1)]
            assert answer["relative"] == near(expected, rel=1e-7), counts
            met += 1
    assert met > 30


def test_the_sequential_interval_of_gbstats_is_the_mixture_sequence_of_the_difference(
    answered: Answered,
) -> None:
    met = 0
    for counts, answer in said(answered, "tables", "gbstats_sequential", least=50):
        contrast = compared(counts)
        if isinstance(contrast.variance, Absent) or isinstance(contrast.absolute.estimate, Absent):
            continue
        expected = running_ends(
            contrast.absolute.estimate,
            contrast.variance,
            counts[1] + counts[3],
            tuned_at=5000,
            alpha=0.05,
        )
        assert answer["ci"] == near(list(expected)), counts
        met += 1
    assert met > 30


def test_gbstats_has_the_standard_error_of_the_log_ratio_but_reads_it_on_the_plain_scale(
    answered: Answered,
) -> None:
    met = 0
    for counts, answer in said(answered, "tables", "gbstats_relative", least=50):
        log_ratio = compared(counts).log_ratio
        if isinstance(log_ratio, LogRatio):
            ratio_ = math.exp(log_ratio.estimate)
            assert answer["error"] == near(ratio_ * math.sqrt(log_ratio.variance), rel=1e-7)
            # Symmetric about the lift, where Koopman's reaches further up than down.
            assert sum(answer["ci"]) / 2 == near(ratio_ - 1, rel=1e-6), counts
            met += 1
    assert met > 30


def test_gbstats_and_spotify_confidence_do_not_pool_so_where_arms_differ_their_p_values_do(
    answered: Answered,
) -> None:
    """Unpooled z, and Welch on rates: the same number to within the degrees of freedom."""
    gbstats = {
        tuple(counts): answer
        for counts, answer in said(answered, "tables", "gbstats_absolute", least=50)
    }
    for counts, answer in said(answered, "tables", "spotify_z_relative", least=50):
        other = gbstats.get(tuple(counts))
        if other is None or min(counts[1], counts[3]) < 10_000:
            continue
        unpooled = abs(other["estimate"]) / other["error"]
        assert answer["p"] == near(2 * stats.norm.sf(unpooled), rel=1e-3), counts


def test_spotify_confidence_divides_the_interval_by_the_control_and_forgets_its_noise(
    answered: Answered,
) -> None:
    z = normal_quantile(0.05)
    for counts, answer in said(answered, "tables", "spotify_z_relative", least=50):
        x_c, n_c, x_t, n_t = counts
        rates = x_c / n_c, x_t / n_t
        error = math.sqrt(sum(r * (1 - r) / n for r, n in zip(rates, (n_c, n_t), strict=True)))
        expected = [(rates[1] - rates[0] + sign * z * error) / rates[0] for sign in (-1, 1)]
        assert answer["ci"] == near(expected, rel=1e-6), counts


def test_where_a_peer_has_no_number_kassa_has_one_or_a_reason(answered: Answered) -> None:
    nothing = 0
    for counts, answer in answered["tables"]:
        contrast = compared(counts)
        for number in (contrast.p_value, *ends(contrast.absolute), contrast.relative.ci_low):
            assert isinstance(number, Absent) or math.isfinite(number), counts
        nothing += any(
            "raised" in each or None in _flat(each)
            for each in answer.values()
            if isinstance(each, dict)
        )
    assert nothing > 15


def test_all_three_check_the_sample_ratio_alike(answered: Answered) -> None:
    shares = {"c": 0.5, "t": 0.5}
    for name in ("gbstats_srm", "tea_srm"):
        for (_, n_c, _, n_t), answer in said(answered, "tables", name, least=120):
            units = {"c": n_c, "t": n_t}
            assert answer == near(chi_square(units, shares), rel=1e-6), (name, units)
            assert (answer < 0.001) <= (check_sample_ratio(units, shares).ok is False)


def test_welch_is_the_same_in_all_four(answered: Answered) -> None:
    for name, least in (("gbstats_absolute", 40), ("tea", 40), ("spotify_t", 40)):
        for arms, answer in said(answered, "means", name, least=least):
            found = mean.compare(*(Aggregates(int(n), *rest) for n, *rest in arms), alpha=0.05)
            assert answer["p"] == near(found.p_value, rel=1e-6), (name, arms)
            interval = answer["absolute"] if name == "tea" else answer["ci"]
            assert interval == near(list(ends(found.absolute)), rel=1e-7), (name, arms)


def test_tea_tasting_makes_the_lift_of_a_mean_on_the_log_scale_too(answered: Answered) -> None:
    for arms, answer in said(answered, "means", "tea", least=40):
        found = mean.compare(*(Aggregates(int(n), *rest) for n, *rest in arms), alpha=0.05)
        assert answer["relative"] == near(list(ends(found.relative)), rel=1e-7), arms


def test_gbstats_makes_the_lift_of_a_mean_symmetric_so_it_reaches_less_far_up(
    answered: Answered,
) -> None:
    for arms, answer in said(answered, "means", "gbstats_relative", least=40):
        found = mean.compare(*(Aggregates(int(n), *rest) for n, *rest in arms), alpha=0.05)
        low, high = ends(found.relative)
        if min(arms[0][0], arms[1][0]) > 30:
            assert answer["ci"][0] < low, arms
            assert answer["ci"][1] < high, arms


def test_the_delta_method_is_the_same_in_gbstats_and_tea_tasting(answered: Answered) -> None:
    for arms, answer in answered["ratios"]:
        found = ratio.compare(*(Aggregates(int(n), *rest) for n, *rest in arms), alpha=0.05)
        if isinstance(found.p_value, Absent):
            continue
        for name, key in (("gbstats_absolute", "ci"), ("tea", "absolute")):
            assert answer[name]["p"] == near(found.p_value, rel=1e-6), (name, arms)
            assert answer[name][key] == near(list(ends(found.absolute)), rel=1e-6), (name, arms)
        if not isinstance(found.relative.ci_low, Absent):
            assert answer["tea"]["relative"] == near(list(ends(found.relative)), rel=1e-6)


def test_spotify_confidence_finds_the_bounds_of_power_spending(answered: Answered) -> None:
    for fractions, answer in answered["looks"]:
        found = Design(tuple(fractions), Spending.POWER).bounds(0.05)
        reachable = [bound for bound in found if bound < 5]
        # Its grid is coarse: three digits.
        assert answer[-len(reachable) :] == pytest.approx(reachable, rel=1e-3), fractions
