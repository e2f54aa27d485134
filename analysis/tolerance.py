"""Non-inferiority: the interval that is held against a margin.

The (1 - alpha) interval that the report shows, so that verdict and interval never disagree; its
unfavourable end alone is read, so a loss of exactly the margin passes in alpha / 2 of the cases
(ICH E9, 1998, section 5.5).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analysis.inference.sequential import always_valid, running_ends
from analysis.report import Absent, Contrast, Margin, Number, Tolerance
from experiments.plan import Scale

_Ends = tuple[Number, Number]


@dataclass(frozen=True, slots=True)
class Running:
    """A look before the end: units of both variants now, and as planned."""

    units: int
    tuned_at: int


def tolerance(
    contrast: Contrast, margin: Margin, *, alpha: float, running: Running | None
) -> Tolerance:
    """The margin beside the interval that may be read now.

    Args:
        contrast: The comparison, its intervals made at `alpha`.
        margin: The loss that would be too much.
        alpha: Two-sided level of the interval.
        running: Where the experiment is before its end; None at the end, for fixed intervals.
    """
    if running is None:
        ends = _FIXED[margin.scale](contrast)
    else:
        ends = _RUNNING[margin.scale](contrast, running, alpha)
    return Tolerance(margin, *ends, alpha=alpha, always_valid=running is not None)


def _running_lift(contrast: Contrast, running: Running, alpha: float) -> _Ends:
    found = always_valid(contrast.log_ratio, running.units, tuned_at=running.tuned_at, alpha=alpha)
    return found.ci_low, found.ci_high


def _running_difference(contrast: Contrast, running: Running, alpha: float) -> _Ends:
    estimate, variance = contrast.absolute.estimate, contrast.variance
    if isinstance(variance, Absent):
        return variance, variance
    if isinstance(estimate, Absent):
        return estimate, estimate
    return running_ends(estimate, variance, running.units, tuned_at=running.tuned_at, alpha=alpha)


_FIXED: Mapping[Scale, Callable[[Contrast], _Ends]] = {
    Scale.RELATIVE: lambda contrast: (contrast.relative.ci_low, contrast.relative.ci_high),
    Scale.ABSOLUTE: lambda contrast: (contrast.absolute.ci_low, contrast.absolute.ci_high),
}
_RUNNING: Mapping[Scale, Callable[[Contrast, Running, float], _Ends]] = {
    Scale.RELATIVE: _running_lift,
    Scale.ABSOLUTE: _running_difference,
}
