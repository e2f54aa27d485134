"""The definition files on disk: looked at often, and read when nobody is writing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments import Catalog, InvalidDefinition, Problem, Readings
from experiments.catalog import files_of
from experiments.document import readable
from service.checkout.flows import FLOWS

# Between two files other threads get their turn, so that no request waits for hundreds of them.
_TURN_SECONDS: Final = 0.0001

_State = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Found:
    """What files that have changed hold now.

    Attributes:
        catalog: what they define, or None where they do not hold.
        problems: why not.
        state: names this state of the files; another one has another name.
        seconds: how long it took to read them.
    """

    catalog: Catalog | None
    problems: tuple[Problem, ...]
    state: str
    seconds: float


class Directory:
    """A directory of definitions, with the files above it.

    A look costs one `stat` for each file. Files are read when two looks running found the same, and
    what was read counts only if they are still the same after it; those that did not change are
    read and not parsed again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readings = Readings()
        self._looked: _State | None = None
        self._read: _State | None = None

    @property
    def settled(self) -> bool:
        """Whether the last look found what was read."""
        return self._looked == self._read

    def load(self) -> Catalog:
        """What it defines at this moment.

        Raises:
            InvalidDefinition: with every problem of every file.
        """
        self._looked = self._read = self._state()
        return Catalog.load(self.path, flows=FLOWS, readings=self._readings)

    def look(self) -> Found | None:
        """What has changed since it was read; None while nothing has, or somebody writes."""
        state = self._state()
        twice, self._looked = state == self._looked, state
        if state == self._read or not twice:
            return None
        found = self._found(state)
        if self._state() != state:
            return None
        self._read = state
        return found

    def _found(self, state: _State) -> Found:
        began = time.monotonic()
        catalog: Catalog | None = None
        problems: tuple[Problem, ...] = ()
        try:
            catalog = Catalog.load(
                self.path, flows=FLOWS, readings=self._readings, between=_let_others
            )
        except InvalidDefinition as refused:
            problems = refused.problems
        return Found(catalog, problems, str(state), time.monotonic() - began)

    def _state(self) -> _State:
        return tuple((readable(file), *_stamp(file)) for file in files_of(self.path))


def _stamp(file: Path) -> tuple[str, ...]:
    try:
        found = file.stat()
    except OSError as error:
        return (str(error.errno),)
    stamps = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return tuple(map(str, stamps))


def _let_others() -> None:
    time.sleep(_TURN_SECONDS)
