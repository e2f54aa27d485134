"""Whether the arms lose outcomes alike: exact for two, honest about what it can't say."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import chi2_contingency, hypergeom

from analysis.outcome_loss import Arrived, loss_p_value


def by_enumeration(a: Arrived, b: Arrived) -> float:
    """Fisher's test from the hypergeometric law alone."""
    lost, total = a.lost + b.lost, a.outcomes + b.outcomes
    law = hypergeom(total, lost, a.outcomes)
    seen = law.pmf(a.lost)
    return float(sum(p for k in range(lost + 1) if (p := law.pmf(k)) <= seen * (1 + 1e-7)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Arrived(40, 3), Arrived(38, 9)),
        (Arrived(8, 0), Arrived(12, 5)),
        (Arrived(500, 1), Arrived(480, 12)),
    ],
)
def test_two_arms_are_compared_exactly(first: Arrived, second: Arrived) -> None:
    p_value = loss_p_value({"a": first, "b": second})
    assert p_value == pytest.approx(by_enumeration(first, second), rel=1e-9)


def test_the_lady_tasting_tea_is_met() -> None:
    # Fisher 1935, The Design of Experiments, chapter 2: 3 of 4 cups, two-sided 34/70.
    assert loss_p_value({"a": Arrived(4, 3), "b": Arrived(4, 1)}) == pytest.approx(34 / 70)


def test_scipy_agrees_for_three_arms() -> None:
    arms = {"a": Arrived(300, 9), "b": Arrived(310, 22), "c": Arrived(290, 15)}
    table = [[arm.lost, arm.outcomes - arm.lost] for arm in arms.values()]
    expected = chi2_contingency(table, correction=False).pvalue
    assert loss_p_value(arms) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    "arms",
    [
        {},
        {"a": Arrived(10, 1)},
        {"a": Arrived(10, 0), "b": Arrived(12, 0)},
        {"a": Arrived(3, 3), "b": Arrived(2, 2)},
        {"a": Arrived(10, 1), "b": Arrived(0, 0)},
        {"a": Arrived(20, 1), "b": Arrived(22, 0), "c": Arrived(21, 2)},
    ],
)
def test_what_can_not_be_compared_has_no_p_value(arms: dict[str, Arrived]) -> None:
    assert loss_p_value(arms) is None


def test_more_lost_than_happened_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 outcomes"):
        Arrived(2, 3)


def test_arms_that_lose_alike_alarm_no_more_often_than_the_level() -> None:
    """Exactly: the chance of every table, summed over those that alarm."""
    n, m, share, level = 60, 50, 0.1, 0.05
    chances = [
        (
            x,
            y,
            math.comb(n, x) * math.comb(m, y) * share ** (x + y) * (1 - share) ** (n + m - x - y),
        )
        for x, y in product(range(n + 1), range(m + 1))
    ]
    alarm = sum(
        chance
        for x, y, chance in chances
        if chance > 1e-12
        and (loss_p_value({"a": Arrived(n, x), "b": Arrived(m, y)}) or 1.0) < level
    )
    assert 0.005 < alarm <= level


def test_three_arms_that_lose_alike_alarm_at_the_level() -> None:
    rng, runs = np.random.default_rng(20), 4000
    drawn = rng.binomial([900, 1000, 1100], 0.04, size=(runs, 3))
    alarms = sum(
        (loss_p_value({"a": Arrived(900, a), "b": Arrived(1000, b), "c": Arrived(1100, c)}) or 1.0)
        < 0.05
        for a, b, c in drawn.tolist()
    )
    assert abs(alarms / runs - 0.05) < 4 * math.sqrt(0.05 * 0.95 / runs)
