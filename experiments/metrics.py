"""What counts: an event, and the kind of number made of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.events import FunnelEvent
from experiments.notation import STRICT, Key, Line


class Kind(StrEnum):
    """How the events of a unit become a number."""

    PROPORTION = "proportion"
    """1 for a unit that had the event, 0 for one that had not."""
    MEAN = "mean"
    """The sum of the values of a unit's events."""
    RATIO = "ratio"
    """One sum divided by another."""


class Direction(StrEnum):
    """Which way is better."""

    INCREASE = "increase"
    DECREASE = "decrease"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Metric:
    """One number that is compared between variants.

    Attributes:
        key: the name experiments use.
        name: the name people read.
        event: the funnel event that counts.
        kind: how a unit's events become a number; a mean of payments is in minor units.
        direction: which way is better.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as paid_conversion")]
    name: Annotated[Line, Field(description="a short name such as Paid conversion")]
    event: Annotated[FunnelEvent, Field(description="a funnel event such as payment_succeeded")]
    kind: Annotated[Kind, Field(description="proportion or mean")]
    direction: Annotated[Direction, Field(description="increase or decrease")]
