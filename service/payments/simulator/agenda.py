"""What falls due: days of bank debits, due dates, tries, renewals, by the simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from service.payments.simulator.work import Work, new_id

Task = Callable[[Work, str], None]
_AT_ONCE = 20
_NEXT = "SELECT id, due, task, subject FROM agenda WHERE due <= ? ORDER BY due, id LIMIT 1"


class Account(Protocol):
    """Whose objects fall due: the API, as far as the agenda needs it."""

    def looking(self) -> AbstractContextManager[Work]:
        """One unchanging view of what is committed."""
        ...

    def working(self, request_id: str) -> AbstractContextManager[Work]:
        """A write transaction."""
        ...


def schedule(work: Work, due: int, task: str, subject: str) -> None:
    """Let a task be done for an object when its time comes."""
    work.connection.execute(
        "INSERT INTO agenda (due, task, subject) VALUES (?, ?, ?)", (due, task, subject)
    )


def cancel(work: Work, task: str, subject: str) -> None:
    """Let it not be done any more."""
    work.connection.execute("DELETE FROM agenda WHERE task = ? AND subject = ?", (task, subject))


def is_due(account: Account) -> bool:
    """Whether there is anything to do now."""
    with account.looking() as work:
        query = "SELECT 1 FROM agenda WHERE due <= ? LIMIT 1"
        return work.connection.execute(query, (work.now,)).fetchone() is not None


def run_due(account: Account, tasks: Mapping[str, Task], *, until: int | None = None) -> int:
    """Do what is due, in order, each at its own moment.

    Args:
        account: whose objects.
        tasks: what each name stands for.
        until: up to which second; by default now.

    Returns:
        How many tasks were done.
    """
    done = 0
    while some := _run_some(account, tasks, until):
        done += some
    return done


def _run_some(account: Account, tasks: Mapping[str, Task], until: int | None) -> int:
    """A few tasks in one transaction: requests do not wait for long, and the disk not for each."""
    with account.working(new_id("req")) as work:
        limit = work.now if until is None else until
        for done in range(_AT_ONCE):
            row = work.connection.execute(_NEXT, (limit,)).fetchone()
            if row is None:
                return done
            work.connection.execute("DELETE FROM agenda WHERE id = ?", (row["id"],))
            tasks[row["task"]](work.at_moment(row["due"]), row["subject"])
    return _AT_ONCE


def advance(account: Account, tasks: Mapping[str, Task], seconds: int) -> tuple[int, int]:
    """Set the clock ahead, and do what falls due on the way.

    Returns:
        The simulated time now, in Unix seconds, and how many tasks were done.
    """
    with account.working(new_id("req")) as work:
        goal = work.now + seconds
    done = run_due(account, tasks, until=goal)
    with account.working(new_id("req")) as work:
        row = work.connection.execute("SELECT ahead FROM clock").fetchone()
        ahead = (row["ahead"] if row else 0) + seconds
        work.connection.execute("DELETE FROM clock")
        work.connection.execute("INSERT INTO clock (ahead) VALUES (?)", (ahead,))
    return goal, done
