"""Outcome loss: whether one arm's conversions fail to arrive more often than another's.

A webhook that never comes hides a payment. As long as every arm loses alike, lift stays honest;
when one arm loses more, the loss looks like an effect.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.distributions import chi_square_p, fisher_p

# As for the sample ratio: an alarm here says that the data are wrong, not that an arm is better.
ALERT = 0.001
# Cochran's rule (1954, doi.org/10.2307/3001616): below it the chi-square is no approximation.
_LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of the outcomes of one arm.

    Attributes:
        outcomes: All that happened, by the word of whoever knows all of them.
        lost: Those of them that never arrived by themselves.

    Raises:
        ValueError: more were lost than happened.
    """

    outcomes: int
    lost: int

    def __post_init__(self) -> None:
        if not 0 <= self.lost <= self.outcomes:
            raise ValueError(f"{self.lost} of {self.outcomes} outcomes can't be lost")


def loss_p_value(arms: Mapping[str, Arrived]) -> float | None:
    """Whether the arms lose alike: Fisher's exact test for two, Pearson's for more.

    Args:
        arms: What arrived, by variant.

    Returns:
        Two-sided p-value. Two arms: Fisher 1922 (doi.org/10.2307/2340521), exact, the sum over
        tables no likelier than the one seen. More: Pearson's chi-square of independence. None
        where there is nothing to compare (nothing lost, everything lost, or fewer than two arms
        with an outcome), and where more than two arms expect under five losses in some arm.
    """
    seen = [arm for arm in arms.values() if arm.outcomes]
    lost = sum(arm.lost for arm in seen)
    total = sum(arm.outcomes for arm in seen)
    if len(seen) < 2 or lost in {0, total}:
        return None
    if len(seen) == 2:
        first, second = seen
        return fisher_p(
            first.lost, first.outcomes - first.lost, second.lost, second.outcomes - second.lost
        )
    share = lost / total
    if min(arm.outcomes for arm in seen) * min(share, 1 - share) < _LEAST_EXPECTED:
        return None
    statistic = math.fsum(
        (arm.lost - arm.outcomes * share) ** 2 / (arm.outcomes * share * (1 - share))
        for arm in seen
    )
    return chi_square_p(statistic, len(seen) - 1)
