"""Whether an effect can be seen at all: the units a comparison of two rates needs.

Source: Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions (2003), 4.14 and 4.19,
without correction for continuity. The standard library alone, because every lint asks.
"""

from collections.abc import Mapping
from math import ceil, sqrt
from statistics import NormalDist


def units_needed(
    *, baseline: float, lift: float, alpha: float, power: float, control: float, variant: float
) -> int:
    """Units in the whole experiment at which the lift is shown with the power.

    Args:
        baseline: rate of the control, in (0, 1).
        lift: relative change of it that is looked for, not 0; the changed rate is in (0, 1).
        alpha: two-sided chance of a false alarm, in (0, 0.5).
        power: chance to show the lift where it is real, in (0, 1).
        control: share of units in the control, in (0, 1).
        variant: share of units in the other variant, in (0, 1).
    """
    other = baseline * (1 + lift)
    mean = (control * baseline + variant * other) / (control + variant)
    normal = NormalDist()
    null = normal.inv_cdf(1 - alpha / 2) * sqrt(mean * (1 - mean) * (1 / control + 1 / variant))
    alternative = normal.inv_cdf(power) * sqrt(
        baseline * (1 - baseline) / control + other * (1 - other) / variant
    )
    return ceil(((null + alternative) / (other - baseline)) ** 2)


# Of the exact inflation at alpha 0.05 and power 0.8, its limit at many looks and the exponent of
# its way there: within 0.004 from 2 looks to 28. At power 0.95 Pocock's is less by 0.05.
_COSTS: Mapping[str, tuple[float, float]] = {
    "obrien_fleming": (0.051, 3.2),
    "pocock": (0.283, 1.25),
    "power": (0.058, 2.6),
}


def look_cost(spending: str, looks: int) -> float:
    """Units that planned looks need at most, over those of one look at the end.

    Args:
        spending: How the looks divide alpha.
        looks: How many, 1 or more.
    """
    limit, exponent = _COSTS[spending]
    return float(1 + limit * (1 - 1 / looks) ** exponent)
