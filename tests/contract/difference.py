"""Where the objects of a sandbox and those of the simulator differ, values left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

Outline = dict[str, set[str]]


def outline(answers: Iterable[Any]) -> Outline:
    """Every member of every kind of object, and the types it was seen to have.

    An object inside another counts as one of its own kind, wherever it is. Of an event the type
    is kept, as `event payment_intent.succeeded`. Free keys, as in metadata, are left out.
    """
    found: Outline = defaultdict(set)
    for answer in answers:
        for member, kind in _members(answer, ""):
            found[member].add(kind)
    return found


def differences(simulated: Outline, real: Outline) -> list[str]:
    """What the sandbox has and the simulator never had, and the other way, in words."""
    kinds = {member.partition(".")[0] for member in simulated}
    found = []
    for member in sorted(simulated.keys() | real.keys()):
        here, there = simulated.get(member, set()), real.get(member, set())
        if member.partition(".")[0] in kinds and here != there:
            found.append(f"{member}: simulator {_said(here)}, sandbox {_said(there)}")
    return found


def _said(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "never"


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield path, "list"
        for member in value:
            yield from _members(member, f"{path}[]")
    elif isinstance(value, dict):
        kind = value.get("object")
        here = kind if isinstance(kind, str) else path
        if here != path and path:
            yield path, "object"
        if here == "event":
            yield f"event {value['type']}", "event"
        if not path.endswith((".metadata", ".previous_attributes")):
            for name, member in value.items():
                yield from _members(member, f"{here}.{name}" if here else name)
    else:
        yield path, type(value).__name__
