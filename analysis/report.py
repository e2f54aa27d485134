"""What was concluded: the frozen parts of a report, ready for any rendering.

A number that does not exist is an `Absent` with its reason, never a stand-in value. A number that
must not be read as it stands carries a `Label` in the comparison it belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from analysis.journey import Journeys
from analysis.observations import Exclusion
from experiments.metrics import Direction, Kind
from experiments.plan import Method, Scale, Spending

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Absent:
    """A number that does not exist, with the reason that is printed beside the gap."""

    reason: str


Number = float | Absent


class Role(StrEnum):
    """What a metric is for: the decision, the background, or the veto."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class Action(StrEnum):
    """What the report advises. A person acts on it; nothing here stops an experiment."""

    SHIP = "ship"
    ROLL_BACK = "roll_back"
    KEEP_RUNNING = "keep_running"
    NEUTRAL = "neutral"
    FIX_DATA = "fix_data"


class Finding(StrEnum):
    """What one comparison shows, in the words of the headline, the figure and the decision."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    NOT_TRUSTED = "not trusted"
    NO_INTERVAL = "no interval"


class Verdict(StrEnum):
    """Whether a loss as large as the margin is excluded."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


class PlanStatus(StrEnum):
    """Whether the numbers are judged by the plan that was locked before they came."""

    PLANNED = "planned"
    AMENDED = "amended"
    NOT_LOCKED = "not_locked"


class Label(StrEnum):
    """Why a number must not be read as it stands."""

    SAMPLE_RATIO_MISMATCH = "sample ratio mismatch"
    TOO_EARLY = "too early"
    PLANNED_LOOKS = "planned looks"
    TOO_FEW_CONVERSIONS = "too few conversions"
    TOO_FEW_UNITS = "too few units"

    @property
    def meaning(self) -> str:
        """One sentence for the reader who meets the label for the first time."""
        return _MEANINGS[self]

    @property
    def applies_to(self) -> tuple[str, ...]:
        """Fields of a comparison that the label makes unreadable."""
        fixed = ("absolute", "relative", "p_value", "adjusted_p_value")
        always = ("sequential", "harm", "bayesian")
        return (*fixed, *always) if self is Label.SAMPLE_RATIO_MISMATCH else fixed


_MEANINGS = {
    Label.SAMPLE_RATIO_MISMATCH: "The variants do not have the sizes they were designed to have, "
    "so something removed units from one of them; no difference can be trusted.",
    Label.TOO_EARLY: "The planned number of units, each with its whole conversion window, is not "
    "reached, so a p-value and interval made for one reading at the end must not be read; the "
    "always-valid interval may.",
    Label.PLANNED_LOOKS: "The plan divides the chance of a false alarm over several looks, so the "
    "p-value and interval of a single reading must not be read; those of the looks may.",
    Label.TOO_FEW_CONVERSIONS: "A variant has fewer than 10 conversions or fewer than 10 units "
    "without one, so the p-value comes from an exact test and may disagree with the interval.",
    Label.TOO_FEW_UNITS: "A variant's values come from the equal of fewer than 30 units, too few "
    "for a mean or a ratio to be near normal, so p-value and intervals must not be read.",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference and its interval; `ci_high` is infinite where the numbers set no upper limit.

    Attributes:
        estimate: Treatment minus control (absolute), or treatment over control minus 1 (relative).
        ci_low: Lower end of the two-sided interval at level 1 - alpha.
        ci_high: Upper end, `math.inf` where there is none.
    """

    estimate: Number
    ci_low: Number
    ci_high: Number

    @classmethod
    def absent(cls, reason: str) -> "Estimate":
        """No estimate and no interval, both for one reason."""
        gap = Absent(reason)
        return cls(gap, gap, gap)


@dataclass(frozen=True, slots=True)
class Sequential:
    """Always-valid interval for the lift and its p-value: true at every look, however often.

    Attributes:
        ci_low: Lower end of the interval, of this comparison alone.
        ci_high: Upper end.
        p_value: Of this comparison alone; below alpha exactly when the interval excludes 0.
        adjusted_p_value: The same over all comparisons of the family; it decides.
    """

    ci_low: Number
    ci_high: Number
    p_value: Number
    adjusted_p_value: Number

    @classmethod
    def absent(cls, reason: str) -> "Sequential":
        """No always-valid reading, for one reason."""
        gap = Absent(reason)
        return cls(gap, gap, gap, gap)


@dataclass(frozen=True, slots=True)
class PlannedLook:
    """One planned look at one comparison, as it was when it was due.

    Attributes:
        number: From 1 on; a look that had nothing to compare is left out.
        at: When the last window of its units had closed, in UTC.
        units: Over all variants.
        fraction: Of the planned units.
        z: The test's p-value as a standard normal, with the sign of the difference.
        bound: The |z| at which the look stops.
        lift: As estimated then.
        ci_low: Lower end of the repeated interval.
        ci_high: Upper end.
    """

    number: int
    at: datetime
    units: int
    fraction: float
    z: float
    bound: float
    lift: Number
    ci_low: Number
    ci_high: Number

    @property
    def reached(self) -> bool:
        """Whether it reached its bound."""
        return abs(self.z) >= self.bound


@dataclass(frozen=True, slots=True)
class PlannedLooks:
    """What all planned looks that were due show of one comparison.

    Attributes:
        looks: In their order.
        planned: How many there will be.
        due: How many were due.
        next_units: How many units, with their windows, the next one waits for; None after the last.
        estimate: The median-unbiased lift where the looks ended; absent before.
        ci_low: Lower end of what the repeated intervals leave together.
        ci_high: Upper end.
        p_value: Below alpha exactly when a look reached its bound.
        adjusted_p_value: The same over all comparisons of the family; it decides.
        gain: Whether the difference was above 0 at the look that has that p-value.
    """

    looks: tuple[PlannedLook, ...]
    planned: int
    due: int
    next_units: int | None
    estimate: Number
    ci_low: Number
    ci_high: Number
    p_value: Number
    adjusted_p_value: Number
    gain: bool = False

    @classmethod
    def none(cls, planned: int, due: int, next_units: int | None, reason: str) -> "PlannedLooks":
        """Nothing to read yet, for one reason."""
        gap = Absent(reason)
        return cls((), planned, due, next_units, gap, gap, gap, gap, gap)

    @property
    def lift(self) -> Number:
        """The median-unbiased one where the looks ended; before, that of the last look."""
        if not isinstance(self.estimate, Absent):
            return self.estimate
        return self.looks[-1].lift if self.looks else self.estimate


@dataclass(frozen=True, slots=True)
class LogRatio:
    """Natural logarithm of treatment over control, and the variance of that estimate."""

    estimate: float
    variance: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """What one statistical test says about one variant and its control.

    Attributes:
        log_ratio: What the always-valid interval of the lift is made of.
        variance: Squared standard error of the difference, for its always-valid interval.
    """

    test: str
    absolute: Estimate
    relative: Estimate
    p_value: Number
    log_ratio: LogRatio | Absent
    variance: Number
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One variant's value of one metric: the rate, the mean or the ratio.

    Attributes:
        units: Units the value is taken over.
        value: Conversions per unit, mean per unit, or total over base total.
        sum: Conversions, or the sum of the metric's value.
        base_sum: Sum of a ratio's denominator, e.g. payment attempts; absent for other kinds.
    """

    units: int
    value: Number
    sum: Number
    base_sum: Number


@dataclass(frozen=True, slots=True)
class Reading:
    """The lift with its interval and the p-value that may be read now.

    Attributes:
        estimate: The lift.
        ci_low: Lower end of the interval, of this comparison alone.
        ci_high: Upper end.
        p_value: Adjusted over the family; it decides, also against the interval.
        adjusted: Whether the adjustment changed it.
        kind: What the interval is called: true at every look, or at planned ones; empty where it
            is read once.
    """

    estimate: Number
    ci_low: Number
    ci_high: Number
    p_value: Number
    adjusted: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Margin:
    """The loss that would be too much; a smaller one is tolerated.

    Attributes:
        size: Above 0: a share of the control's value, or in the metric's own unit.
        scale: Which of the two.
    """

    size: float
    scale: Scale


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The margin of a comparison beside the interval that is held against it.

    Attributes:
        margin: The loss that would be too much.
        ci_low: Lower end of the two-sided interval that may be read now, on the margin's scale.
        ci_high: Upper end.
        alpha: Level of that interval: its unfavourable end errs in half of it.
        always_valid: Whether it is true at every look.
    """

    margin: Margin
    ci_low: Number
    ci_high: Number
    alpha: float
    always_valid: bool

    def excludes_loss(self, direction: Direction) -> bool:
        """Whether the interval leaves no room for a loss of the margin or more."""
        if isinstance(self.ci_low, Absent) or isinstance(self.ci_high, Absent):
            return False
        if direction is Direction.INCREASE:
            return self.ci_low > -self.margin.size
        return self.ci_high < self.margin.size


@dataclass(frozen=True, slots=True)
class Harm:
    """Evidence that a variant is worse, which may be read at every look, however few converted.

    Attributes:
        e_value: 1 says nothing; where the variant is no worse its mean is 1 at most.
        alarm_at: From here on harm is shown; one over the chance that it ever is without any.
    """

    e_value: float
    alarm_at: float

    @property
    def shown(self) -> bool:
        """Whether harm is shown."""
        return self.e_value >= self.alarm_at


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the counts say to who starts from the prior; a second reading that never decides.

    Attributes:
        prior: Both parameters of the beta distribution of either rate before any count.
        better: Chance that the variant is better than the control.
        expected_loss: What shipping it is expected to lose: its shortfall where it is worse, 0
            where it is not, in the metric's unit.
    """

    prior: tuple[float, float]
    better: float
    expected_loss: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variant against the control, with the labels every reader must see."""

    variant: str
    control: str
    test: str
    absolute: Estimate
    relative: Estimate
    p_value: Number
    adjusted_p_value: Number
    sequential: Sequential
    labels: tuple[Label, ...] = ()
    tolerance: Tolerance | None = None
    planned: PlannedLooks | None = None
    log_ratio: LogRatio | Absent = Absent("not compared")
    harm: Harm | None = None
    posterior: Posterior | None = None

    @property
    def gaps(self) -> tuple[str, ...]:
        """Reasons of the numbers that are absent, each once, with the name of the number."""
        numbers = (
            ("lift", self.relative.estimate),
            ("interval", self.relative.ci_low),
            ("difference", self.absolute.estimate),
            ("p-value", self.p_value),
            ("always-valid interval", self.sequential.ci_low),
        )
        names: dict[str, list[str]] = {}
        for name, number in numbers:
            if isinstance(number, Absent):
                names.setdefault(number.reason, []).append(name)
        return tuple(f"no {', '.join(what)}: {reason}" for reason, what in names.items())

    def reading(self, *, early: bool) -> Reading:
        """Of planned looks where there are some; else always-valid, and fixed at the end."""
        if self.planned is not None:
            return _reading(self.planned.lift, self.planned, self.planned, "repeated ")
        lift = self.relative.estimate
        if early:
            return _reading(lift, self.sequential, self.sequential, "always-valid ")
        return _reading(lift, self.relative, self, "")

    def finding(self, direction: Direction, progress: "Progress") -> Finding:
        """What it shows now: the one answer of headline, figure and decision.

        The adjusted p-value decides, not the interval, which is of this comparison alone.
        """
        if Label.SAMPLE_RATIO_MISMATCH in self.labels:
            return Finding.NOT_TRUSTED
        reading, difference = self.reading(early=progress.early), self.absolute.estimate
        if isinstance(reading.p_value, Absent) or isinstance(difference, Absent):
            blank = isinstance(reading.ci_low, Absent)
            return self._harmed or (Finding.NO_INTERVAL if blank else Finding.UNDECIDED)
        if Label.TOO_FEW_UNITS in self.labels or reading.p_value >= progress.alpha:
            return self._harmed or Finding.UNDECIDED
        # What was decided at a look stays decided, whatever came since.
        gained = difference > 0 if self.planned is None else self.planned.gain
        gain = gained is (direction is Direction.INCREASE)
        if not gain:
            return Finding.WORSE
        # An alarm that came after the look that gained is still one.
        return (self._harmed if self.planned is not None else None) or Finding.BETTER

    @property
    def _harmed(self) -> Finding | None:
        return Finding.WORSE if self.harm is not None and self.harm.shown else None

    def verdict(self, direction: Direction, progress: "Progress") -> Verdict | None:
        """Whether the loss stays within the margin; None where there is no margin.

        A loss that is shown, but smaller than the margin, is within it.
        """
        if self.tolerance is None:
            return None
        if {Label.SAMPLE_RATIO_MISMATCH, Label.TOO_FEW_UNITS} & set(self.labels):
            return Verdict.UNDECIDED
        if self.tolerance.excludes_loss(direction):
            return Verdict.PASSED
        worse = self.finding(direction, progress) is Finding.WORSE
        return Verdict.FAILED if worse else Verdict.UNDECIDED


def _reading(
    estimate: Number,
    ends: PlannedLooks | Sequential | Estimate,
    test: PlannedLooks | Sequential | Comparison,
    kind: str,
) -> Reading:
    return Reading(
        estimate=estimate,
        ci_low=ends.ci_low,
        ci_high=ends.ci_high,
        p_value=test.adjusted_p_value,
        adjusted=test.adjusted_p_value != test.p_value,
        kind=kind,
    )


@dataclass(frozen=True)
class MetricResult:
    """One metric over all variants.

    Attributes:
        currency: What its values are minor units of, or None where they are no money.
        margin: The loss that would be too much, or None where no loss is tolerated.
    """

    key: str
    name: str
    role: Role
    kind: Kind
    direction: Direction
    variants: Mapping[str, VariantResult]
    comparisons: tuple[Comparison, ...]
    currency: str | None = None
    margin: Margin | None = None

    def verdict(self, progress: "Progress") -> Verdict | None:
        """The worst over all variants; None where there is no margin."""
        found = {comparison.verdict(self.direction, progress) for comparison in self.comparisons}
        worst_first = (Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED)
        return next((verdict for verdict in worst_first if verdict in found), None)


def primary(metrics: Sequence[MetricResult]) -> MetricResult:
    """The metric that the decision rests on, which is in every part of a report."""
    return next(metric for metric in metrics if metric.role is Role.PRIMARY)


@dataclass(frozen=True)
class Segment:
    """The units with one value of an attribute, judged like the whole.

    Attributes:
        value: Of the attribute.
        units: By variant key.
        metrics: Every metric; p-values are adjusted over all segments of all attributes.
    """

    value: str
    units: Mapping[str, int]
    metrics: tuple[MetricResult, ...]


@dataclass(frozen=True)
class Segmentation:
    """The units by the values of one attribute.

    Attributes:
        attribute: Its key.
        segments: Those with most units first.
        one_lift: By variant, the p-value of the primary metric's lift being the same in all
            segments, adjusted over all attributes and variants.
    """

    attribute: str
    segments: tuple[Segment, ...]
    one_lift: Mapping[str, Number]


@dataclass(frozen=True)
class Until:
    """All units that were first exposed until the end of a day, with what they did until now.

    Attributes:
        day: The last one, in UTC.
        units: By variant key, those that came since the point before.
        metrics: Of all units until then.
    """

    day: date
    units: Mapping[str, int]
    metrics: tuple[MetricResult, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A trust check: whether it passed, and by which p-value.

    Attributes:
        ok: Whether it passed.
        p_value: Of nothing being wrong.
        where: What it found most wrong, where it asks several things.
    """

    ok: bool | Absent
    p_value: Number
    where: str = ""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether the variants have the sizes they were designed to have.

    Attributes:
        ok: False when either p-value is below 0.001.
        p_value: Pearson's chi-square against the designed shares, read once.
        sequential_p_value: Dirichlet-multinomial e-value inverted; valid at every look.
    """

    ok: bool | Absent
    p_value: Number
    sequential_p_value: Number


@dataclass(frozen=True, slots=True)
class Checks:
    """Whether the data can be trusted at all, before anyone looks at a lift.

    Attributes:
        segment_ratio: The sample ratio in every segment, read together.
        day_ratio: The sample ratio of every day's new units, read together.
        gaps: Days on which no unit came although many were to be expected.
    """

    sample_ratio: SampleRatio
    contradictory_units: int
    duplicate_rows: int
    outcome_loss: Check
    segment_ratio: Check
    day_ratio: Check
    gaps: tuple[date, ...] = ()

    @property
    def mismatch(self) -> bool:
        """Whether the variants have not the sizes they were designed to have, as far as known."""
        ratios = (self.sample_ratio, self.segment_ratio, self.day_ratio)
        return any(ratio.ok is False for ratio in ratios)


@dataclass(frozen=True, slots=True)
class Progress:
    """The agreement made before the data came, and how far the experiment has got.

    Attributes:
        method: One reading at the planned size, watched by an always-valid interval; or planned
            looks.
        alpha: Two-sided chance of a false alarm.
        information_fraction: Exposed units over planned units; above 1 when it ran longer.
        planned_units: Units over all variants, or absent when nobody planned.
        units: Exposed units over all variants.
        open_windows: Those of them that are still inside their conversion window.
        started_at: The first exposure, or the planned start where that came later.
        runtime: From then until the report's time.
        minimum_runtime: Before which nothing ships, or None.
        spending: How planned looks divide alpha; None without them.
    """

    method: Method
    alpha: float
    information_fraction: Number
    planned_units: int | Absent
    units: int
    open_windows: int = 0
    started_at: datetime | None = None
    runtime: timedelta = timedelta(0)
    minimum_runtime: timedelta | None = None
    spending: Spending | None = None

    @property
    def early(self) -> bool:
        """Whether the planned number of units, each with its whole window, is still to come."""
        planned = self.planned_units
        return not isinstance(planned, Absent) and self.units - self.open_windows < planned

    @property
    def time_left(self) -> timedelta | None:
        """Until the minimum runtime is over; None where it is, or nobody set one."""
        if self.minimum_runtime is None or self.runtime >= self.minimum_runtime:
            return None
        return self.minimum_runtime - self.runtime


@dataclass(frozen=True, slots=True)
class Change:
    """One part of the plan that is not as it was locked.

    Attributes:
        path: Where it stands, e.g. "analysis.alpha".
        planned: What was locked; None where it was not set.
        now: What is in force; None where it is not set.
    """

    path: str
    planned: Json
    now: Json


@dataclass(frozen=True, slots=True)
class PlanLock:
    """What the plan in force is beside the one that was locked.

    Attributes:
        status: The answer.
        locked_at: When the plan was locked, in UTC.
        digest: SHA-256 of the locked plan, in hex.
        changes: What differs; empty unless amended.
    """

    status: PlanStatus
    locked_at: datetime | Absent
    digest: str | Absent
    changes: tuple[Change, ...] = ()

    @classmethod
    def absent(cls, reason: str) -> "PlanLock":
        """No plan was locked, for one reason."""
        gap = Absent(reason)
        return cls(PlanStatus.NOT_LOCKED, gap, gap)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why, in sentences."""

    action: Action
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All that is known about one experiment at one time.

    Attributes:
        definitions: Version of the definitions that its plan is from; None where a file or a frame
            was read, which has none.
    """

    experiment: str
    generated_at: datetime
    as_of: datetime
    control: str
    plan: PlanLock
    progress: Progress
    units: Mapping[str, int]
    shares: Mapping[str, float]
    checks: Checks
    metrics: tuple[MetricResult, ...]
    funnel: Mapping[str, Mapping[str, int]]
    exclusions: tuple[Exclusion, ...]
    decision: Decision
    segments: tuple[Segmentation, ...] = ()
    days: tuple[Until, ...] = ()
    journeys: Journeys | None = None
    definitions: str | None = None

    @property
    def labels(self) -> tuple[Label, ...]:
        """Every label in use, each once."""
        found = {label for m in self.metrics for c in m.comparisons for label in c.labels}
        return tuple(label for label in Label if label in found)

    @property
    def primary(self) -> MetricResult:
        """The metric the decision rests on."""
        return primary(self.metrics)
