"""Writes that come at the same time share a transaction, and its sync.

A commit costs more than most of what it makes durable. Whoever comes while another transaction is
under way waits for it, and whatever waits when it ends goes into the next one together.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

from service.errors import StoreBusy, StoreUnavailable
from service.store.session import Store

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class _Asked(Generic[T, R]):
    item: T
    result: R | None = None
    error: Exception | None = None
    done: bool = False

    def answer(self, result: R) -> None:
        self.result, self.done = result, True

    def fail(self, error: Exception) -> None:
        self.error, self.done = error, True


class Together(Generic[T, R]):
    """Writes items in as few transactions as they allow.

    Args:
        store: where to.
        take: writes several items inside a transaction; one result for each, in their order.
    """

    def __init__(
        self, store: Store, take: Callable[[Connection, Sequence[T]], Sequence[R]]
    ) -> None:
        self._store = store
        self._take_all = take
        self._waiting: deque[_Asked[T, R]] = deque()
        self._turn = threading.Lock()

    def write(self, item: T) -> R:
        """Write one item: durable when this returns, or nothing of it.

        Raises:
            StoreUnavailable: nothing was kept.
            Exception: whatever writing this very item raises.
        """
        asked = _Asked[T, R](item)
        self._waiting.append(asked)
        with self._turn:
            # Whoever had the turn before may have taken it along.
            if not asked.done:
                self._take_waiting()
        if not asked.done:
            raise StoreUnavailable("the database does not answer: whoever wrote for others ended")
        if asked.error is not None:
            raise asked.error
        return cast("R", asked.result)

    def _take_waiting(self) -> None:
        together = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not together:
            return  # whoever took them along did not come to an end
        try:
            self._take(together)
        except StoreBusy as exc:
            self._take_apart(together, exc)
        except StoreUnavailable as exc:
            _fail(together, exc)
        except Exception as exc:  # a defect that one of them meets must not end the others
            if len(together) > 1:
                log.exception("%d writes are done one by one", len(together))
            self._take_apart(together, exc)

    def _take_apart(self, together: Sequence[_Asked[T, R]], reason: Exception) -> None:
        """One that can't be written now, or at all, must not keep the others out."""
        if len(together) == 1:
            _fail(together, reason)
            return
        for asked in together:
            try:
                self._take([asked])
            except StoreBusy as exc:
                asked.fail(exc)
            except StoreUnavailable as exc:
                _fail(together, exc)
                return
            except Exception as exc:  # noqa: BLE001 - raised where it was asked for
                asked.fail(exc)

    def _take(self, together: Sequence[_Asked[T, R]]) -> None:
        with self._store.write() as connection:
            results = self._take_all(connection, [asked.item for asked in together])
        for asked, result in zip(together, results, strict=True):
            asked.answer(result)


def _fail(together: Sequence[_Asked[T, R]], error: Exception) -> None:
    for asked in together:
        if not asked.done:
            asked.fail(error)
