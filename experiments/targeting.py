"""Whom an experiment is for: conditions on attributes, read strictly and compiled once."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Final, TypeAlias

import semver

from experiments.attributes import Attributes, Scalar

Location: TypeAlias = tuple[str | int, ...]
Predicate: TypeAlias = Callable[[Attributes], bool]


@dataclass(frozen=True)
class In:
    """The attribute is one of some values."""

    attribute: str
    values: tuple[Scalar, ...]

    def compiled(self) -> Predicate:
        """The condition as a function of the attributes; a missing one fails it."""
        name, holds = self.attribute, _among(self.values)
        return lambda attributes: holds(attributes.get(name))

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"attribute": self.attribute, "in": list(self.values)}


@dataclass(frozen=True)
class NotIn:
    """The attribute is none of some values."""

    attribute: str
    values: tuple[Scalar, ...]

    def compiled(self) -> Predicate:
        """The condition as a function of the attributes; a missing one passes it."""
        name, holds = self.attribute, _among(self.values)
        return lambda attributes: not holds(attributes.get(name))

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"attribute": self.attribute, "not_in": list(self.values)}


@dataclass(frozen=True)
class Range:
    """The attribute is a number of at least `minimum` and at most `maximum`."""

    attribute: str
    minimum: float | None
    maximum: float | None

    def compiled(self) -> Predicate:
        """The condition as a function of the attributes; what is no number fails it."""
        name = self.attribute
        lower = float("-inf") if self.minimum is None else self.minimum
        upper = float("inf") if self.maximum is None else self.maximum

        def within(attributes: Attributes) -> bool:
            value = attributes.get(name)
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and lower <= value <= upper
            )

        return within

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        bounds = {"min": self.minimum, "max": self.maximum}
        said = {key: bound for key, bound in bounds.items() if bound is not None}
        return {"attribute": self.attribute, **said}


@dataclass(frozen=True)
class Glob:
    """The whole attribute has a form: `*` is any text, `?` any character."""

    attribute: str
    pattern: str

    def compiled(self) -> Predicate:
        """The condition as a function of the attributes; what is no text fails it."""
        name = self.attribute
        # Python's translation makes each star atomic, so no text makes it slow.
        match = re.compile(translate(self.pattern.replace("[", "[[]"))).match

        def matches(attributes: Attributes) -> bool:
            value = attributes.get(name)
            return isinstance(value, str) and match(value) is not None

        return matches

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"attribute": self.attribute, "glob": self.pattern}


@dataclass(frozen=True)
class Comparator:
    """One half of a range of versions, such as `>=2.1.0`."""

    operator: str
    version: str


@dataclass(frozen=True)
class Semver:
    """The attribute is a semantic version that all comparators hold for."""

    attribute: str
    comparators: tuple[Comparator, ...]

    def compiled(self) -> Predicate:
        """The condition as a function of the attributes; what is no version fails it."""
        name = self.attribute
        bounds = [
            (_COMPARISONS[each.operator], semver.Version.parse(each.version))
            for each in self.comparators
        ]

        def within(attributes: Attributes) -> bool:
            value = attributes.get(name)
            if not (isinstance(value, str) and semver.Version.is_valid(value)):
                return False
            version = semver.Version.parse(value)
            return all(holds(version.compare(bound)) for holds, bound in bounds)

        return within

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        said = " ".join(each.operator + each.version for each in self.comparators)
        return {"attribute": self.attribute, "semver": said}


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: "tuple[Targeting, ...]"

    def compiled(self) -> Predicate:
        """The parts as one function."""
        first, *rest = [part.compiled() for part in self.parts]
        if not rest:
            return first
        if len(rest) == 1:
            (second,) = rest
            return lambda attributes: first(attributes) and second(attributes)
        every = (first, *rest)
        return lambda attributes: all(part(attributes) for part in every)

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"all": [part.document() for part in self.parts]}


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: "tuple[Targeting, ...]"

    def compiled(self) -> Predicate:
        """The parts as one function."""
        every = [part.compiled() for part in self.parts]
        return lambda attributes: any(part(attributes) for part in every)

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"any": [part.document() for part in self.parts]}


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: "Targeting"

    def compiled(self) -> Predicate:
        """The opposite of the part."""
        inner = self.part.compiled()
        return lambda attributes: not inner(attributes)

    def document(self) -> dict[str, Any]:
        """The same as the file says it."""
        return {"not": self.part.document()}


Condition: TypeAlias = In | NotIn | Range | Glob | Semver
Targeting: TypeAlias = Condition | All | AnyOf | Not

_COMPARISONS: Final[Mapping[str, Callable[[int], bool]]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
}


def texts_of(targeting: Targeting | None) -> tuple[str, frozenset[Scalar]] | None:
    """The attribute and its values where a targeting is one `in` of texts; None where it is not."""
    match targeting:
        case All((part,)):
            return texts_of(part)
        case In(attribute, values) if all(isinstance(value, str) for value in values):
            return attribute, frozenset(values)
        case _:
            return None


def _among(values: tuple[Scalar, ...]) -> Callable[[object], bool]:
    if all(isinstance(value, str) for value in values):
        return frozenset(values).__contains__
    # To Python True is 1: what was written as a number must not hold for a boolean.
    typed = frozenset((isinstance(value, bool), value) for value in values)
    return lambda value: (isinstance(value, bool), value) in typed


def conditions(targeting: Targeting, at: Location = ()) -> Iterator[tuple[Location, Condition]]:
    """Each condition and its path below `targeting`, as it is written in the file."""
    match targeting:
        case All(parts):
            for index, part in enumerate(parts):
                yield from conditions(part, (*at, "all", index))
        case AnyOf(parts):
            for index, part in enumerate(parts):
                yield from conditions(part, (*at, "any", index))
        case Not(part):
            yield from conditions(part, (*at, "not"))
        case _:
            yield at, targeting


def contradictions(targeting: Targeting, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """Conditions that can never hold together, each with the path of the later one.

    Only what `all` says of one attribute is compared: lists, and bounds of numbers.
    """
    if isinstance(targeting, AnyOf):
        for index, part in enumerate(targeting.parts):
            yield from contradictions(part, (*at, "any", index))
    elif isinstance(targeting, Not):
        yield from contradictions(targeting.part, (*at, "not"))
    elif isinstance(targeting, All):
        yield from _impossible(targeting, at)


def _impossible(targeting: All, at: Location) -> Iterator[tuple[Location, str]]:
    earlier: dict[str, list[Condition]] = {}
    for place, part in _conjoined(targeting, at):
        if isinstance(part, All | AnyOf | Not):
            yield from contradictions(part, place)
            continue
        before = earlier.setdefault(part.attribute, [])
        before.append(part)
        if _never(before) and not _never(before[:-1]):
            yield place, f"no {part.attribute} passes this and the conditions above"


def _conjoined(targeting: All, at: Location) -> Iterator[tuple[Location, Targeting]]:
    """What has to hold together, an `all` in an `all` and the `not` of a list included."""
    for index, part in enumerate(targeting.parts):
        place = (*at, "all", index)
        match part:
            case All():
                yield from _conjoined(part, place)
            case Not(In(attribute, values)):
                yield (*place, "not"), NotIn(attribute, values)
            case Not(NotIn(attribute, values)):
                yield (*place, "not"), In(attribute, values)
            case _:
                yield place, part


def _never(together: list[Condition]) -> bool:
    """Whether no value passes lists and bounds, as far as those alone can tell."""
    lists = [part for part in together if isinstance(part, In)]
    bounds = [part for part in together if isinstance(part, Range)]
    if lists:
        rest = [part.compiled() for part in together]
        return not any(
            all(holds({lists[0].attribute: value}) for holds in rest) for value in lists[0].values
        )
    lower = max((part.minimum for part in bounds if part.minimum is not None), default=None)
    upper = min((part.maximum for part in bounds if part.maximum is not None), default=None)
    return lower is not None and upper is not None and lower > upper
