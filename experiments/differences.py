"""What differs between two versions of the definitions, in the words of the files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from experiments.changes import lowered, may_become
from experiments.definition import Experiment, Status
from experiments.notation import duration_text
from experiments.targeting import Targeting

Leaf: TypeAlias = str | int | float | bool


class Change(StrEnum):
    """What became of a definition."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Difference(NamedTuple):
    """One value that is not what it was; None stands for nothing written."""

    path: str
    before: Leaf | None
    after: Leaf | None


@dataclass(frozen=True)
class Changed:
    """One definition that differs.

    Attributes:
        kind: what it defines: `experiment`, `metric`, `offer`, `layer` and so on.
        key: its key.
        change: what became of it.
        differences: every value that differs, in the order of the definition.
    """

    kind: str
    key: str
    change: Change
    differences: tuple[Difference, ...]


def differing(
    kind: str, before: Mapping[str, object], after: Mapping[str, object]
) -> list[Changed]:
    """The definitions of one kind that differ, by key.

    Args:
        kind: what they define.
        before: the definitions as they were.
        after: the definitions as they would be.
    """
    found = []
    for key in sorted({*before, *after}):
        differences = differences_of(before.get(key), after.get(key))
        change = _change(present=(key in before, key in after))
        if differences or change is not Change.CHANGED:
            found.append(Changed(kind, key, change, differences))
    return found


def differences_of(before: object, after: object) -> tuple[Difference, ...]:
    """Every value in which two definitions differ; None is a definition that is not there."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    return tuple(
        Difference(path, old.get(path), new.get(path))
        for path in dict.fromkeys(chain(old, new))
        if old.get(path) != new.get(path)
    )


def _change(*, present: tuple[bool, bool]) -> Change:
    return {(False, True): Change.ADDED, (True, False): Change.REMOVED}.get(present, Change.CHANGED)


# What stands in the file's name or the path already, or in no file at all.
_UNSAID: Final = frozenset({"key", "version", "stopped", "granted"})
# What an entry of a list is called by, if it has a name.
_NAMES: Final = ("key", "name", "metric", "experiment")


def _leaves(value: object, path: str) -> Iterator[tuple[str, Leaf]]:
    """Each plain value and its path; what says nothing (nothing, false, an empty list) is left out.

    Only values that are written differ: a default that became explicit is no difference.
    """
    if isinstance(value, Targeting):
        value = value.document()
    if value is None or value is False:
        return
    if is_dataclass(value):
        value = {
            field.name: getattr(value, field.name)
            for field in fields(value)
            if field.compare and field.name not in _UNSAID
        }
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from _entries(value, path)
    else:
        yield path, _spelled(value)


def _entries(values: Sequence[object], path: str) -> Iterator[tuple[str, Leaf]]:
    if all(isinstance(value, str | int | float) for value in values):
        if values:
            yield path, ", ".join(map(str, values))
        return
    names = [_name(value) for value in values]
    if all(names):
        # Their order counts too: each variant's range starts where the one before it ends.
        yield path, ", ".join(names)
    for at, (name, value) in enumerate(zip(names, values, strict=True), start=1):
        yield from _leaves(value, f"{path}[{name or at}]")


def _name(entry: object) -> str:
    return next((str(getattr(entry, name)) for name in _NAMES if hasattr(entry, name)), "")


def _spelled(value: object) -> Leaf:
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if isinstance(value, bool | int | float) else str(value)


class Hazard(NamedTuple):
    """Why the numbers of an experiment would no longer mean what they say.

    Attributes:
        rule: its id.
        message: what happens to the analysis, and what to do instead.
    """

    rule: str
    message: str


class _Topic(NamedTuple):
    """Parts of a definition, and what their change does to the numbers."""

    rule: str
    parts: set[str]
    message: str


# What must not change once units are in. Lint knows the same rules; a plan counts whom they meet.
_TOPICS: Final = (
    _Topic(
        "seed-changed",
        {"seed"},
        "the split is drawn anew: units of before and after are different samples, and visitors "
        "seen before keep what they saw; give the new split an experiment of its own",
    ),
    _Topic(
        "unit-changed",
        {"unit"},
        "other ids are assigned, and one person may be in two variants; make a new experiment",
    ),
    _Topic(
        "weights-changed",
        {"weight"},
        "the split moves while units are in: the sample ratio check fails and time is mixed with "
        "variant; make a new experiment, or widen `traffic` alone",
    ),
    _Topic(
        "variants-changed",
        {"variants", "flow"},
        "units that are counted saw other variants than new ones will; make a new experiment",
    ),
    _Topic(
        "control-changed",
        {"control"},
        "what was compared with changes after units are in; make a new experiment",
    ),
    _Topic(
        "slot-changed",
        {"layer", "slot"},
        "other units can enter than before: the result is of two populations mixed",
    ),
    _Topic(
        "population-changed",
        {"targeting", "holdout", "holdouts"},
        "other units can enter than before: the result is of two populations mixed",
    ),
)
_LOWERED: Final = Hazard(
    "traffic-lowered",
    "units that are counted already would leave, and those who come back would see the control: "
    "write the old traffic or more, or pause it first",
)
_AMENDED: Final = Hazard(
    "plan-amended",
    "the plan of the analysis changes after units are in: it is no longer settled before the data, "
    "and a report has to say so",
)


def hazards(before: Experiment, after: Experiment, changed: Changed) -> tuple[Hazard, ...]:
    """What a change does to the analysis of an experiment that units are in already.

    Args:
        before: the definition as it was.
        after: the same experiment as it would be.
        changed: their differences.
    """
    moved = (*_status_hazards(before, after), *_traffic_hazards(before, after))
    if before.status not in _BEGUN:
        return moved
    parts = {_part(difference.path) for difference in changed.differences}
    found = [Hazard(each.rule, each.message) for each in _TOPICS if parts & each.parts]
    amended = before.plan_document() != after.plan_document()
    return (*moved, *found, _AMENDED) if amended else (*moved, *found)


def _status_hazards(before: Experiment, after: Experiment) -> Iterator[Hazard]:
    was, now = before.status, after.status
    if now not in {was, *may_become(was)}:
        legal = f"becomes {' or '.join(may_become(was))}" if may_become(was) else "stays as it is"
        message = (
            f"{was} does not become {now}, for it {legal}; to test again, make a new experiment"
        )
        yield Hazard("status-transition", message)


def _traffic_hazards(before: Experiment, after: Experiment) -> Iterator[Hazard]:
    running = before.status is after.status is Status.RUNNING
    if running and any(lowered(before, after)):
        yield _LOWERED


_BEGUN: Final = frozenset({Status.RUNNING, Status.PAUSED, Status.STOPPED})
_OF_A_VARIANT: Final = re.compile(r"variants\[[^]]*\]\.(\w+)")


def _part(path: str) -> str:
    """The part of an experiment that a path belongs to, or of one of its variants."""
    inside = _OF_A_VARIANT.fullmatch(path)
    return inside[1] if inside else re.split(r"[.\[]", path)[0]
