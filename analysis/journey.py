"""How far units got, and what their parts make of the whole: exact sums, no tests.

Whoever gets to a later part of the journey has been chosen by the earlier ones, so these numbers
describe; whether the whole differs is what the plan's test says.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise


class Milestone(StrEnum):
    """Where every flow leads, whatever its pages: whoever got to one has passed those before."""

    EXPOSED = "exposed"
    DETAILS = "details"
    ATTEMPT = "attempt"
    AUTHORIZED = "authorized"
    PAID = "paid"
    KEPT = "kept"
    """Paid, and neither refunded nor disputed until now."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Units that did not pay, by the last that is known of them.

    Attributes:
        milestone: The last one they got to.
        device: What they hold.
        last: What they did or met last, such as "error card_declined"; empty where nothing is told.
        section: Where on the page; empty where nobody knows.
        units: By variant key.
    """

    milestone: Milestone
    device: str
    last: str
    section: str
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Payment attempts of one kind.

    Attributes:
        method: Such as "card visa".
        counted: By variant key: all but those that are pending or that Stripe calls invalid.
        authorized: By variant key, those of them that were authorized.
    """

    method: str
    counted: Mapping[str, int]
    authorized: Mapping[str, int]


@dataclass(frozen=True)
class Journeys:
    """What became of the units of each variant.

    Attributes:
        milestones: Units that got there, by milestone in their order, then by variant key.
        leavings: Of those that did not pay.
        attempts: To pay, by method.
        declines: Attempts that were not authorized, by reason, then by variant key.
    """

    milestones: Mapping[Milestone, Mapping[str, int]]
    leavings: tuple[Leaving, ...] = ()
    attempts: tuple[Attempts, ...] = ()
    declines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One milestone's part of the lift.

    Attributes:
        milestone: Where the step leads.
        control: Share of the control's units at the milestone before that got there.
        treatment: The same of the other variant.
        factor: How many times the control's share the other one is. The product over all steps is
            the whole ratio, exactly.
    """

    milestone: Milestone
    control: float
    treatment: float
    factor: float


def steps(
    milestones: Mapping[Milestone, Mapping[str, int]], *, control: str, variant: str
) -> tuple[Step, ...]:
    """Divides the ratio of two variants' shares at the last milestone among the steps to it.

    As P(kept) is the product of the shares of each step, their ratios multiply to the whole ratio,
    and their logarithms add up to that of the whole.

    Args:
        milestones: Units that got there, each milestone's among those of the one before.
        control: Key of the control.
        variant: Key of the other.

    Returns:
        The steps up to the last milestone that both have units at; none where a variant has none.
    """
    found: list[Step] = []
    for (_, before), (milestone, here) in pairwise(milestones.items()):
        if not (here[control] and here[variant]):
            break
        shares = here[control] / before[control], here[variant] / before[variant]
        found.append(Step(milestone, *shares, shares[1] / shares[0]))
    return tuple(found)


def whole_factor(found: Iterable[Step]) -> float:
    """The ratio that the steps make together."""
    return math.prod(step.factor for step in found)


@dataclass(frozen=True, slots=True)
class MixPart:
    """What one method contributes to the difference of two authorization rates.

    Attributes:
        method: Such as "card visa".
        mix: Of more or fewer attempts by it.
        rate: Of more or fewer of its attempts being authorized.
    """

    method: str
    mix: float
    rate: float


@dataclass(frozen=True, slots=True)
class Mix:
    """The difference of two authorization rates, divided without a rest.

    Attributes:
        control: The control's rate.
        treatment: The other's.
        parts: By method, the largest contribution first.
    """

    control: float
    treatment: float
    parts: tuple[MixPart, ...]

    @property
    def mix(self) -> float:
        """Of the difference, what other methods make."""
        return math.fsum(part.mix for part in self.parts)

    @property
    def rate(self) -> float:
        """Of the difference, what other rates of the same methods make."""
        return math.fsum(part.rate for part in self.parts)


def mix_and_rate(attempts: Sequence[Attempts], *, control: str, variant: str) -> Mix | None:
    """Divides the difference of two authorization rates between methods and their rates.

    Kitagawa 1955 (JASA 50:1168-1194), known from Oaxaca and Blinder: of a method with share s and
    rate r, `(s_t - s_c) ((r_t + r_c) / 2 - R)` is mix and `(r_t - r_c) (s_t + s_c) / 2` is rate;
    R, the mean of both whole rates, changes no sum and makes a method that is taken more often
    count for what it is worth. A method that one variant has not has the other's rate there.

    Args:
        attempts: By method.
        control: Key of the control.
        variant: Key of the other.

    Returns:
        Parts that add up to the difference exactly; None where a variant has no attempt.
    """
    whole = {
        arm: (
            sum(each.counted.get(arm, 0) for each in attempts),
            sum(each.authorized.get(arm, 0) for each in attempts),
        )
        for arm in (control, variant)
    }
    if not (whole[control][0] and whole[variant][0]):
        return None
    rates = {arm: good / counted for arm, (counted, good) in whole.items()}
    middle = (rates[control] + rates[variant]) / 2
    parts = []
    for each in attempts:
        share = {arm: each.counted.get(arm, 0) / whole[arm][0] for arm in whole}
        rate = {
            arm: each.authorized.get(arm, 0) / each.counted[arm]
            for arm in whole
            if each.counted.get(arm)
        }
        if not rate:
            continue
        r_c, r_t = (rate.get(arm, next(iter(rate.values()))) for arm in (control, variant))
        mix = (share[variant] - share[control]) * ((r_t + r_c) / 2 - middle)
        parts.append(MixPart(each.method, mix, (r_t - r_c) * (share[variant] + share[control]) / 2))
    parts.sort(key=lambda part: -abs(part.mix + part.rate))
    return Mix(rates[control], rates[variant], tuple(parts))
