"""Misfortune at any line: the process dies, or the database goes away, where a test says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from service.settings import PROJECT

# From the request to the ledger: what a visitor's press of the button runs through.
_WATCHED = tuple(
    str(PROJECT / "service" / part)
    for part in ("payments", "checkout", "store", "web", "funnel.py", "notices")
)
# The simulator is Stripe's side; and the locks of a dead process are freed by the system, which
# an exception in their own lines would not do.
_LEFT_OUT = (
    str(PROJECT / "service" / "payments" / "simulator"),
    str(PROJECT / "service" / "store" / "turns.py"),
)


class Killed(BaseException):
    """The process is gone: nothing after this line runs, and no transaction is committed."""


@dataclass
class Database:
    """The connection to the database, which a test may cut."""

    gone: bool = False

    def watch(self, engine: Engine) -> None:
        """Refuse every statement and commit while the database is gone."""
        event.listen(engine, "before_cursor_execute", self._refuse)
        event.listen(engine, "commit", self._refuse)
        event.listen(engine, "begin", self._refuse)

    def _refuse(self, *_: Any) -> None:
        if self.gone:
            raise OperationalError("the test", {}, ConnectionError("the database is gone"))


def lines_of(act: Callable[[], object]) -> list[str]:
    """The lines that an act runs through, in order, as ``file:number``."""
    seen: list[str] = []
    with _traced(lambda frame: seen.append(_place(frame))):
        act()
    return seen


@contextmanager
def at_line(number: int, strike: Callable[[], None]) -> Iterator[None]:
    """Strike once, before the line of that number (from 1) of all that run inside."""
    left = number

    def count(_: FrameType) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            strike()

    with _traced(count):
        yield


def kill() -> None:
    """The process ends here."""
    raise Killed


def _place(frame: FrameType) -> str:
    return f"{Path(frame.f_code.co_filename).relative_to(PROJECT)}:{frame.f_lineno}"


@contextmanager
def _traced(see: Callable[[FrameType], None]) -> Iterator[None]:
    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        file = frame.f_code.co_filename
        return line if file.startswith(_WATCHED) and not file.startswith(_LEFT_OUT) else None

    def line(frame: FrameType, happened: str, _arg: Any) -> Any:
        if happened == "line":
            see(frame)
        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
