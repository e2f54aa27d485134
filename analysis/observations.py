"""What was counted: the facts that analysis is asked to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from analysis.aggregates import Aggregates
from analysis.cells import Group
from analysis.errors import InvalidObservations
from analysis.journey import Journeys
from analysis.outcome_loss import Arrived


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows that were left out, and why.

    Attributes:
        reason: A sentence part that names the rule, e.g. "no value in column user_id".
        rows: Rows left out for this reason.
        units: Units of which nothing was left: no other row of theirs was kept.
        affected_units: Units that lost at least one row, also those kept by a good one.
        metric: The one metric that the rows are left out of; None where they are out of all.
    """

    reason: str
    rows: int
    units: int
    affected_units: int | None = None
    metric: str | None = None

    def __post_init__(self) -> None:
        if min(self.rows, self.units, self.affected) < 0:
            raise InvalidObservations(f"exclusion {self.reason!r}: counts must not be negative")

    @property
    def affected(self) -> int:
        """Units that lost at least one row; all that were lost where nobody counted."""
        return self.units if self.affected_units is None else self.affected_units


@dataclass(frozen=True)
class InterimLook:
    """What was known at a planned look: the first units of the plan, each with its whole window.

    Attributes:
        at: when the last of their windows had closed, in UTC.
        units: by variant key.
        metrics: Aggregates by metric key, then variant key.
    """

    at: datetime
    units: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, Aggregates]]


@dataclass(frozen=True)
class Observations:
    """Units, metrics and funnel of every variant of one experiment.

    Attributes:
        units: Exposed units by variant key; the sample ratio is checked on these.
        metrics: Aggregates by metric key, then variant key.
        currencies: Currencies of a metric's values, by metric key; money of several currencies is
            not added up, and the metric's numbers are absent.
        funnel: Units that had an event at least once, by event then variant, in funnel order.
        contradictory_units: Units seen in several variants; they are in none of the counts.
        duplicate_rows: Rows beyond the first of a unit, merged into it or left out as copies.
        open_windows: Exposed units whose conversion window is still open (exposed less than one
            window ago), so they may yet convert.
        first_exposure: When the first unit was exposed, in UTC; None where nobody was, or nobody
            knows.
        looks: The planned looks that were due, in their order; of a plan without them none.
        days: The units by the day, in UTC, of their first exposure; empty where nobody knows it.
        segments: The units by the values of each attribute that segments are made by.
        beside: The units by their variant in each other experiment that they are in, by its key.
        journeys: How far the units got; None where nobody knows.
        arrived: What came of each variant's payments, as Stripe knows them; None where nobody has
            compared.
        exclusions: Everything else that was left out, with its reason.

    Raises:
        InvalidObservations: If a count is negative, or a metric or funnel step counts more units
            in a variant than were exposed to it.
    """

    units: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, Aggregates]]
    currencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    funnel: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    contradictory_units: int = 0
    duplicate_rows: int = 0
    open_windows: int = 0
    first_exposure: datetime | None = None
    exclusions: tuple[Exclusion, ...] = ()
    looks: tuple[InterimLook, ...] = ()
    days: Mapping[date, Group] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    journeys: Journeys | None = None
    arrived: Mapping[str, Arrived] | None = None

    def __post_init__(self) -> None:
        if min((self.contradictory_units, self.duplicate_rows, *self.units.values())) < 0:
            raise InvalidObservations("counts of units and rows must not be negative")
        if not 0 <= self.open_windows <= sum(self.units.values()):
            raise InvalidObservations(
                f"open_windows: {self.open_windows} of {sum(self.units.values())} exposed units"
            )
        for metric, by_variant in self.metrics.items():
            self._refuse_excess(metric, {key: arm.units for key, arm in by_variant.items()})
        for event, counts in self.funnel.items():
            self._refuse_excess(event, counts)

    @property
    def apart(self) -> Mapping[str, Mapping[str, Group]]:
        """The segments of those attributes that part the units: with one value they do not."""
        return _parting(self.segments)

    @property
    def interacting(self) -> Mapping[str, Mapping[str, Group]]:
        """The same of other experiments; which of them a unit meets may be an outcome itself."""
        return _parting(self.beside)

    def _refuse_excess(self, what: str, counts: Mapping[str, int]) -> None:
        for variant, count in counts.items():
            exposed = self.units.get(variant, 0)
            if not 0 <= count <= exposed:
                raise InvalidObservations(
                    f"{what}: counts {count} units in variant {variant!r}, {exposed} were exposed"
                )


def _parting(segments: Mapping[str, Mapping[str, Group]]) -> dict[str, Mapping[str, Group]]:
    return {key: values for key, values in segments.items() if len(values) > 1}
