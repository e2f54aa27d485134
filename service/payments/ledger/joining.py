"""How two descriptions of one object add up, whatever order and however often they arrive.

A description is a point in a join-semilattice: joining is commutative, associative and idempotent,
so duplicates, reordering and lateness can't change the sum. Each field says how it joins; a field
that says nothing is taken from the newest description.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

S = TypeVar("S", bound="Snapshot")
T = TypeVar("T")


def greatest(default: Any = None) -> Any:
    """A field that only grows; an absent value is less than any."""
    return field(default=default, metadata={"join": _greatest})


def earliest() -> Any:
    """A field whose earliest value is the true one."""
    return field(default=None, metadata={"join": _earliest})


def either() -> Any:
    """A field that stays true once it is."""
    return field(default=False, metadata={"join": lambda one, other: one or other})


def known() -> Any:
    """A field that never changes once it is known."""
    return greatest()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One object as Stripe described it at a moment.

    Attributes:
        observed_at: when; whole seconds in events.
        version: decides between descriptions of one moment: first the one that is further along,
            and of two that are equally far the one with the greater digest.
    """

    observed_at: datetime
    version: str = ""

    @property
    def progress(self) -> tuple[int, ...]:
        """How far along the object is, among descriptions of one moment."""
        return ()

    def __post_init__(self) -> None:
        """A new description gets its version, which follows from what it says."""
        if not self.version:
            object.__setattr__(self, "version", self._version())

    def _version(self) -> str:
        said = {name: getattr(self, name) for name in _shape(type(self)).newest}
        text = json.dumps(said, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        return "".join(f"{step:012d}:" for step in self.progress) + digest


def rank_of(status: str | None, order: Sequence[str]) -> int:
    """A status's place among those an object passes through; 0 for one that Kassa does not know."""
    return order.index(status) + 1 if status in order else 0


def joined(one: S, other: S) -> S:
    """Everything both say of the same object."""
    newest, older = one, other
    if (one.observed_at, one.version) < (other.observed_at, other.version):
        newest, older = other, one
    changes = {}
    for name, join in _shape(type(newest)).joins:
        said = getattr(newest, name)
        both = join(said, getattr(older, name))
        if both is not said:
            changes[name] = both
    return replace(newest, **changes) if changes else newest


def row_of(kept: Any) -> dict[str, Any]:
    """The columns of a row's dataclass, a description for instance."""
    return {name: getattr(kept, name) for name in _shape(type(kept)).names}


def snapshot_of(kind: type[T], row: Any) -> T:
    """The dataclass, a description for instance, whose columns a row has."""
    return kind(**{name: getattr(row, name) for name in _shape(kind).names})


@dataclass(frozen=True)
class _Shape:
    """The fields of a kind: all, those that join, and those that are taken from the newest."""

    names: tuple[str, ...]
    joins: tuple[tuple[str, Callable[[Any, Any], Any]], ...]
    newest: tuple[str, ...]


_SHAPES: dict[type[Any], _Shape] = {}


def _shape(kind: type[Any]) -> _Shape:
    """Asked for each description: found once for each kind."""
    if kind not in _SHAPES:
        _SHAPES[kind] = _found(kind)
    return _SHAPES[kind]


def _found(kind: type[Any]) -> _Shape:
    found = fields(kind)
    return _Shape(
        names=tuple(f.name for f in found),
        joins=tuple((f.name, f.metadata["join"]) for f in found if "join" in f.metadata),
        newest=tuple(f.name for f in found if _newest(f)),
    )


def _newest(each: Field[Any]) -> bool:
    return "join" not in each.metadata and each.name not in {"observed_at", "version"}


def _greatest(one: Any, other: Any) -> Any:
    said = [value for value in (one, other) if value is not None]
    return max(said, default=None)


def _earliest(one: Any, other: Any) -> Any:
    said = [value for value in (one, other) if value is not None]
    return min(said, default=None)


def furthest(kind: type[StrEnum]) -> Any:
    """A status that only moves on, in the order of its members."""
    rank = {member: number for number, member in enumerate(kind)}

    def further(one: Any, other: Any) -> Any:
        return kind(max(one, other, key=lambda status: rank[kind(status)]))

    return field(metadata={"join": further})
