"""Everybody in the race, Kassa first: what the others are compared with."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from bench.contenders import eppo, growthbook, kassa, optimizely, statsig, unleash
from bench.contenders.question import OUTSIDE, Contender, Visit, visits

CONTENDERS: Final[tuple[Callable[[ExitStack], Contender], ...]] = (
    kassa.targeted,
    kassa.guarded,
    kassa.plain,
    eppo.bare,
    eppo.logged,
    eppo.details,
    statsig.experiment,
    growthbook.inline,
    growthbook.feature,
    optimizely.decide,
    unleash.variant,
)

__all__ = ["CONTENDERS", "OUTSIDE", "Contender", "Visit", "visits"]
