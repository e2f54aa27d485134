"""What the columns of a file mean, as the analyst says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analysis.inference.adjustment import Adjustment
from experiments.metrics import Kind
from service.errors import Refused

# A report with more of them has no reader; a definition has the same bound.
MOST_SEGMENTS = 4


class InvalidFile(Refused):
    """A file that cannot be read, or whose content breaks the rule that the message names."""

    title = "File not usable"


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric and the column it is counted from; a ratio divides by `base`.

    Attributes:
        covariate: What was known of each unit before it was exposed, to be taken out of a
            proportion or mean by `adjustment`; of several rows of a unit the least counts.
    """

    name: str
    column: str
    kind: Kind = Kind.PROPORTION
    base: str | None = None
    covariate: str | None = None
    adjustment: Adjustment = Adjustment.LIN

    @property
    def second(self) -> str | None:
        """The column of the second sums: a ratio's base, else the covariate."""
        return self.base or self.covariate


@dataclass(frozen=True, slots=True)
class Agreement:
    """What `column` must hold in rows of each variant, e.g. the page that it should have seen."""

    column: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class FileLayout:
    """What the columns of a file mean.

    Attributes:
        unit: Column of the unit, e.g. the user.
        variant: Column of the variant.
        control: The variant that others are compared with.
        metrics: At least one; the first is primary.
        where: Pairs of column and value; other rows are left out and counted.
        agree: Rules between variant and another column; rows that break one are left out.
        time: Column of a time; the first of a unit's rows gives its day, in UTC.
        segments: Columns by whose values units are counted apart, at most 4.
        shares: Designed weight of every variant; equal where empty.
        alpha: Two-sided level.
        planned_units: Units over all variants that were planned before the data came, if any were.
    """

    unit: str
    variant: str
    control: str
    metrics: tuple[MetricColumn, ...]
    where: tuple[tuple[str, str], ...] = ()
    agree: tuple[Agreement, ...] = ()
    time: str | None = None
    segments: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    alpha: float = 0.05
    planned_units: int | None = None

    @property
    def options(self) -> Iterator[tuple[str, str]]:
        """Every column that is named, with the option that names it."""
        yield from (("--unit", self.unit), ("--variant", self.variant))
        yield from (("--metric", metric.column) for metric in self.metrics)
        yield from (("--metric", metric.base) for metric in self.metrics if metric.base is not None)
        yield from {("--covariate", m.covariate) for m in self.metrics if m.covariate is not None}
        yield from (("--where", column) for column, _ in self.where)
        yield from (("--agree", rule.column) for rule in self.agree)
        yield from (("--time", column) for column in (self.time,) if column is not None)
        yield from (("--segment", column) for column in self.segments)
