"""Adjusted p-values for several comparisons looked at together."""

from collections.abc import Callable, Sequence

from analysis.report import Absent, Number


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
