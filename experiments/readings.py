"""What files said, kept from one reading of a directory to the next."""

from collections.abc import Callable
from typing import Any, TypeVar

Parsed = TypeVar("Parsed")


class Readings:
    """What files said when they were read last; the same bytes are not parsed again."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, bytes], Any] = {}
        self._now: dict[tuple[str, bytes], Any] = {}

    def begin(self) -> None:
        """Start over: what is not asked for until the next time is forgotten then."""
        self._before, self._now = self._now, {}

    def of(self, file: str, source: bytes, parsed: Callable[[], Parsed]) -> Parsed:
        """What a file says, parsed if it said something else before."""
        found: Parsed = self._before[file, source] if (file, source) in self._before else parsed()
        self._now[file, source] = found
        return found
