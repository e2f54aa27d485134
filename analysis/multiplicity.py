"""Adjusted p-values for several comparisons looked at together."""

import math
from collections.abc import Callable, Sequence

from analysis.distributions import normal_z
from analysis.report import Absent, Number

# Of the trapezoidal rule over the control's luck, in its standard deviations: to 1e-9 for
# treatments of up to sixty times the control's units.
_STEP, _REACH = 1 / 8, 7.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down: keeps the chance of any false alarm in the family at alpha.

    Holm 1979, Scandinavian Journal of Statistics 6:65-70.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, largest)
    return adjusted


def dunnett(p_values: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Step-down Dunnett: as Holm, and never larger, for it knows that the control is shared.

    Where the control is unlucky all treatments shine at once. Given its luck u they are
    independent, so a family of |z| as large as one at hand has the chance
    `1 - E prod(1 - P(|l_i u + sqrt(1 - l_i^2) e| > z))`, `l_i^2 = n_i / (n_i + n_c)`.
    Dunnett 1955, Journal of the American Statistical Association 50:1096-1121; step-down: Dunnett &
    Tamhane 1991, Statistics in Medicine 10:939-947.

    Args:
        p_values: Two-sided, of tests that are near normal, against one control.
        sizes: Units of each treatment over the control's, above 0, in their order.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        rest = [sizes[other] for other in order[rank:]]
        alone = p_values[index]
        beyond = _any_beyond(normal_z(alone), rest) if len(rest) > 1 else alone
        largest = max(largest, alone, min(1.0, beyond))
        found[index] = largest
    return found


def _any_beyond(z: float, sizes: Sequence[float]) -> float:
    """Chance that of treatments without a difference any has so large a |z|."""
    last = math.ceil((_REACH + z) / _STEP)
    return math.fsum(
        _STEP * math.exp(-(luck**2) / 2) / math.sqrt(2 * math.pi) * _any_given(luck, z, sizes)
        for luck in (step * _STEP for step in range(-last, last + 1))
    )


def _any_given(luck: float, z: float, sizes: Sequence[float]) -> float:
    within = 0.0
    for size in sizes:
        shared, own = math.sqrt(size / (1 + size)), math.sqrt(1 / (1 + size))
        tails = (math.erfc((z + sign * shared * luck) / own / math.sqrt(2)) for sign in (-1, 1))
        beyond = sum(tails) / 2
        if beyond >= 1:
            return 1.0
        within += math.log1p(-beyond)
    return -math.expm1(within)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's step-up: keeps the share of false alarms among alarms at alpha.

    Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57:289-300.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    adjusted, smallest = [0.0] * len(p_values), 1.0
    for position, index in enumerate(order):
        rank = len(p_values) - position
        smallest = min(smallest, p_values[index] * len(p_values) / rank)
        adjusted[index] = smallest
    return adjusted


def adjusted(
    adjustment: Callable[[Sequence[float]], list[float]], p_values: Sequence[Number]
) -> list[Number]:
    """Adjusts the p-values that exist and leaves the gaps where they are."""
    present = iter(adjustment([p for p in p_values if not isinstance(p, Absent)]))
    return [p if isinstance(p, Absent) else next(present) for p in p_values]
