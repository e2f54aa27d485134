"""Evidence of harm that may be read at every look, exact however few have converted.

Turner, Ly & Grünwald 2024 (doi:10.1016/j.jspi.2023.106116), in a form for random assignment. With a
rate `high` of the better variant, `low` of the worse one and `mid = share low + (1 - share) high`,
each unit multiplies the evidence by `rate / mid` of its variant where it converted and by
`(1 - rate) / (1 - mid)` where not. Over a random assignment at the designed share, and whatever
chances p the unit has in either variant, that factor has the mean

    1 + share (1 - share) (low - high) (p_worse - p_better) / (mid (1 - mid))

which is 1 where nothing differs and below 1 where the variant is better, also when rates drift. So
is the mean of any average of such products, and the chance that one ever comes to 1/level is at
most the level (Ville 1939).
"""

import math
from functools import lru_cache
from statistics import NormalDist

from analysis.aggregates import Aggregates
from analysis.inference.sequential import mixture_precision
from analysis.report import Harm
from experiments.metrics import Direction

# Better rates over which the evidence is averaged. The evidence hardly knows the rate (a factor of
# 2 off costs little), so few of them do; each more of them divides by one more.
_RATES = 0.005, 0.02, 0.06, 0.15, 0.35, 0.6, 0.85
# Middles of the parts of half a normal curve that are equally likely: the log lifts' weights.
_PARTS = 6
# Harm is looked for early: sharpest when this part of the planned units is in.
_SHARPEST = 0.25
# exp of more is no number.
_LARGEST = 700.0


def harm(
    control: Aggregates,
    treatment: Aggregates,
    *,
    direction: Direction,
    share: float,
    planned: int,
    alpha: float,
) -> Harm:
    """Evidence that a proportion got worse, with the value at which it counts as shown.

    Args:
        control: Aggregates of 0/1 outcomes.
        treatment: The same for the variant under test.
        direction: Which way is better.
        share: Of the units of the two that the treatment was designed to have, in (0, 1).
        planned: Units of the two together, at least 1, fixed before the data came.
        alpha: Two-sided level, in (0, 1); the alarm takes half of it, for harm is one side.
    """
    falls = direction is Direction.INCREASE
    worse, better = (treatment, control) if falls else (control, treatment)
    lower = share if falls else 1 - share
    return Harm(e_value(worse, better, share=lower, planned=planned, alpha=alpha), 2 / alpha)


def e_value(
    lower: Aggregates, higher: Aggregates, *, share: float, planned: int, alpha: float
) -> float:
    """Evidence that `lower` has the lower rate; 1 says nothing, and it is above 0.

    Args:
        lower: Aggregates of 0/1 outcomes.
        higher: The same of the variant that is compared.
        share: Of the units of the two that `lower` was designed to have, in (0, 1).
        planned: Units of the two together at which the experiment ends, at least 1.
        alpha: Two-sided level that the lifts looked for are tuned to, in (0, 1).
    """
    counts = [count for arm in (lower, higher) for count in (arm.total, arm.units - arm.total)]
    logs = [
        sum(count * weight for count, weight in zip(counts, weights, strict=True))
        for weights in _alternatives(share, planned, alpha)
    ]
    largest = max(logs)
    total = largest + math.log(math.fsum(math.exp(each - largest) for each in logs) / len(logs))
    return math.exp(max(-_LARGEST, min(total, _LARGEST)))


@lru_cache(maxsize=64)
def _alternatives(share: float, planned: int, alpha: float) -> tuple[tuple[float, ...], ...]:
    """Of each alternative what a unit adds: lower and converted, or not; higher and so on.

    Log lifts are half a normal curve below 0, whose spread is that of the mixture sequence (there
    in units of information): as large as can be seen when a part of the planned units is in.
    """
    precision = mixture_precision(max(1, round(_SHARPEST * planned)), alpha)
    found = []
    for high in _RATES:
        spread = math.sqrt(precision * (1 - high) / high / (share * (1 - share)))
        for part in range(_PARTS):
            size = NormalDist().inv_cdf(0.5 + (part + 0.5) / (2 * _PARTS))
            found.append(_added(high * math.exp(-size * spread), high, share))
    return tuple(found)


def _added(low: float, high: float, share: float) -> tuple[float, ...]:
    middle = share * low + (1 - share) * high
    return tuple(
        log
        for rate in (low, high)
        for log in (math.log(rate / middle), math.log1p((middle - rate) / (1 - middle)))
    )
