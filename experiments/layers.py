"""Who meets which experiments at all: layers, whose experiments exclude each other; holdouts."""

from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from experiments.notation import (
    STRICT,
    Breach,
    Key,
    Line,
    Moment,
    refusal,
    refuse_all,
    repeated,
    shown,
    two_decimals,
)


class Slot(NamedTuple):
    """The positions of a layer that one experiment has: `lower <= position < upper`."""

    layer: str
    seed: str
    lower: float
    upper: float


def _within_the_layer(edge: float) -> float:
    if edge > 100:
        raise refusal(
            "slot-overflow",
            f"{edge:g} lies beyond the 100 percent of the layer",
            "write a percentage of at most 100; slots of one layer share it",
        )
    return edge


_Edge = Annotated[
    float,
    Field(
        ge=0,
        description="a percentage of the layer, 0 to 100, such as 50",
        json_schema_extra={"maximum": 100},
    ),
    AfterValidator(_within_the_layer),
    AfterValidator(two_decimals),
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SlotEntry:
    """The part of a layer that an experiment takes.

    Attributes:
        experiment: key of the experiment.
        lower: where it starts, in percent; the file says `from`.
        upper: where it ends (not included), in percent; the file says `to`.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    experiment: Annotated[Key, Field(description="the key of an experiment of this layer")]
    lower: Annotated[_Edge, Field(alias="from")]
    upper: Annotated[_Edge, Field(alias="to")]

    @field_validator("upper")
    @classmethod
    def _after_the_lower(cls, upper: float, info: ValidationInfo) -> float:
        lower = info.data.get("lower")
        if lower is not None and upper <= lower:
            raise refusal(
                "slot-empty",
                f"the slot ends at {upper:g}, no later than it starts",
                f"write a percentage above {lower:g}",
            )
        return upper


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Layer:
    """Experiments of which a unit meets one at most.

    Attributes:
        key: the name experiments use.
        seed: what positions in the layer are computed from; by default made of the key.
        slots: which experiment has which positions.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as checkout")]
    seed: Annotated[
        Line,
        Field(
            default_factory=lambda earlier: f"layer:{earlier.get('key', '')}",
            description="any text, in quotes; another seed is another split",
        ),
    ]
    slots: Annotated[
        tuple[SlotEntry, ...],
        Field(description="a list such as - {experiment: one-page-checkout, from: 0, to: 50}"),
    ] = ()

    def slot_of(self, experiment: str) -> Slot | None:
        """The positions that an experiment has, or None when it has none."""
        entry = next((slot for slot in self.slots if slot.experiment == experiment), None)
        if entry is None:
            return None
        return Slot(self.key, self.seed, entry.lower / 100, entry.upper / 100)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Holdout:
    """Units that see no experiment, to learn what all of them together are worth.

    Attributes:
        key: the name experiments use.
        share: share of units that are held out, in (0, 0.5].
        everywhere: whether it holds for every experiment, or for those that name it; the file
            says `global`.
        seed: what decides who is held out; by default made of the key.
        start: when the period begins, in UTC; None means always.
        end: when the period ends (not included), in UTC; None means never.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as h1-2027")]
    share: Annotated[
        float, Field(gt=0, le=0.5, description="a share above 0 and at most 0.5, such as 0.02")
    ]
    everywhere: Annotated[
        bool,
        Field(alias="global", description="true for every experiment, else those that name it"),
    ] = False
    seed: Annotated[
        Line,
        Field(
            default_factory=lambda earlier: f"holdout:{earlier.get('key', '')}",
            description="any text, in quotes; another seed holds out others",
        ),
    ]
    start: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-01-01T00:00:00Z")
    ] = None
    end: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-07-01T00:00:00Z")
    ] = None

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start")
        if end is not None and start is not None and end <= start:
            raise refusal(
                "end-before-start",
                f"it would end at {end.isoformat()}, no later than its start",
                f"write a time after {start.isoformat()}",
            )
        return end

    def holds(self, now: datetime) -> bool:
        """Whether its period is on at this time."""
        return (self.start is None or self.start <= now) and (self.end is None or now < self.end)


def one_slot_each(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Refuses an experiment that has two slots.

    Raises:
        pydantic.ValidationError: naming each second slot.
    """
    places = [
        ((number, "slots", index, "experiment"), slot.experiment)
        for number, layer in enumerate(layers)
        for index, slot in enumerate(layer.slots)
    ]
    refuse_all(
        Breach(
            places[place][0],
            "slot-once",
            f"{shown(places[place][1])} has a slot already",
            "give an experiment one slot in one layer",
        )
        for place in repeated(experiment for _, experiment in places)
    )
    return layers
