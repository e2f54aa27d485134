"""What counts: an event or a column of the ledger, and the kind of number made of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from experiments.events import LEDGER_EVENTS, FunnelEvent, LedgerColumn
from experiments.notation import STRICT, Key, Line, Window, refusal


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


class MetricUnit(StrEnum):
    """Whose number a metric is, where only one kind of unit makes sense."""

    VISITOR = "visitor"
    CUSTOMER = "customer"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Metric:
    """One number that is compared between variants.

    Attributes:
        key: the name experiments use.
        name: the name people read.
        event: the funnel event that counts; None where the ledger is read.
        ledger: the column of the ledger that is read; None where an event counts.
        kind: how a unit's facts become a number; a mean of payments is in minor units.
        direction: which way is better.
        unit: the unit it is a number of; None where any will do.
        window: how long after the first exposure a fact counts; None means the experiment's
            own conversion window.
        cap: most that one unit's sum counts for, in minor units; of a mean alone.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as paid_conversion")]
    name: Annotated[Line, Field(description="a short name such as Paid conversion")]
    kind: Annotated[
        Kind,
        Field(
            description="proportion or mean",
            json_schema_extra={"enum": [Kind.PROPORTION, Kind.MEAN]},
        ),
    ]
    direction: Annotated[Direction, Field(description="increase or decrease")]
    ledger: Annotated[
        LedgerColumn | None,
        Field(description="a column of the ledger such as charges.amount_refunded"),
    ] = None
    event: Annotated[
        FunnelEvent | None,
        Field(description="a funnel event such as payment_succeeded", validate_default=True),
    ] = None
    unit: Annotated[MetricUnit | None, Field(description="visitor or customer")] = None
    window: Annotated[
        Window | None,
        Field(description="a duration of at most 365d, such as 7d, 72h or 30m"),
    ] = None
    cap: Annotated[
        int | None,
        Field(gt=0, le=10**12, description="a whole number of minor units such as 100000"),
    ] = None

    @field_validator("event")
    @classmethod
    def _one_source(cls, event: FunnelEvent | None, info: ValidationInfo) -> FunnelEvent | None:
        if "ledger" in info.data and (event is None) is (info.data["ledger"] is None):
            both = event is not None
            raise refusal(
                "one-source",
                "both an event and a column of the ledger are read" if both else "nothing is read",
                "remove one of the two" if both else "write `event:` or `ledger:`",
            )
        return event

    @field_validator("cap")
    @classmethod
    def _of_a_mean(cls, cap: int | None, info: ValidationInfo) -> int | None:
        if cap is not None and info.data.get("kind") is Kind.PROPORTION:
            raise refusal("cap-of-mean", "a proportion has no sum to cap", "remove `cap:`")
        return cap

    @property
    def has_values(self) -> bool:
        """Whether its facts carry a number that a mean can be taken of."""
        return self.event in LEDGER_EVENTS or self.ledger is not None
