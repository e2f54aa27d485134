"""What the columns of a frame mean, as the analyst says it, and which columns can mean it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw

from analysis.errors import InvalidFrame
from experiments.metrics import Kind

Frame: TypeAlias = nw.DataFrame[Any] | nw.LazyFrame[Any]
Types: TypeAlias = Mapping[str, Any]
# Types of which every engine makes the same text; of 1.5 or a day they don't.
_NAMES = (nw.String, nw.Categorical, nw.Enum, nw.Boolean)
_MOST_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """A column that a metric is counted from.

    Attributes:
        column: 0 or 1, or true or false, for a proportion; else a number, summed over the rows of
            a unit.
        kind: What is made of it.
        base: Of a ratio alone, the column that it divides by.

    Raises:
        InvalidFrame: If a ratio has no base, or another kind has one.
    """

    column: str
    kind: Kind = Kind.PROPORTION
    base: str | None = None

    def __post_init__(self) -> None:
        if (self.kind is Kind.RATIO) is (self.base is None):
            raise InvalidFrame(f"measure of {self.column!r}: a ratio has a base, and no other kind")

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and the base where there is one."""
        return (self.column,) if self.base is None else (self.column, self.base)


@dataclass(frozen=True)
class Layout:
    """What the columns of a frame mean."""

    unit: str
    variant: str
    measures: Mapping[str, Measure]
    segments: tuple[str, ...]
    time: str | None

    @property
    def arguments(self) -> Iterator[tuple[str, str]]:
        """Every column that is named, with the argument that names it."""
        yield from (("unit", self.unit), ("variant", self.variant))
        for key, measure in self.measures.items():
            yield from ((f"metrics {key!r}", column) for column in measure.columns)
        yield from (("segments", column) for column in self.segments)
        yield from (("time", column) for column in (self.time,) if column is not None)

    @property
    def has_sums(self) -> bool:
        """Whether a row that is there twice would count twice."""
        return any(measure.kind is not Kind.PROPORTION for measure in self.measures.values())

    @property
    def numbers(self) -> Iterator[tuple[str, str, str, Measure]]:
        """Every column that is counted: its mark, the metric's key, the column, the measure."""
        for index, (key, measure) in enumerate(self.measures.items()):
            for letter, column in zip("vb", measure.columns, strict=False):
                yield f"{letter}{index}", key, column, measure


def refuse(*messages: str) -> None:
    """Say everything that is wrong, if anything is."""
    if messages:
        raise InvalidFrame("; ".join(messages))


def types_of(layout: Layout, frame: Frame) -> dict[str, nw.dtypes.DType]:
    """The type of every column, once those that are named are there and can be read."""
    types = dict(frame.collect_schema())
    refuse(*_wrong_names(layout, types))
    refuse(*_wrong_types(layout, types))
    return types


def _wrong_names(layout: Layout, types: Types) -> Iterator[str]:
    known = ", ".join(list(types)[:30])
    for argument, column in layout.arguments:
        if column not in types:
            yield f"{argument}: no column {column!r}; the frame has: {known}"
    if not layout.measures:
        yield "metrics: at least one"
    if len(layout.segments) > _MOST_SEGMENTS:
        yield f"segments: at most {_MOST_SEGMENTS} columns"


def _wrong_types(layout: Layout, types: Types) -> Iterator[str]:
    for _, key, column, _ in layout.numbers:
        if not (types[column].is_numeric() or types[column] == nw.Boolean):
            yield _wrong_type(f"metrics {key!r}", column, "numbers or booleans", types)
    for argument, column in (
        ("variant", layout.variant),
        *(("segments", column) for column in layout.segments),
    ):
        if not (types[column] in _NAMES or types[column].is_integer()):
            yield _wrong_type(argument, column, "texts, whole numbers or booleans", types)
    if layout.time is not None and types[layout.time] not in (nw.Date, nw.Datetime):
        yield _wrong_type("time", layout.time, "dates or times", types)


def _wrong_type(argument: str, column: str, rule: str, types: Types) -> str:
    return f"{argument}: column {column!r} must hold {rule}; it holds {types[column]}"
