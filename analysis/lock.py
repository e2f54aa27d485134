"""Whether an experiment is judged by the plan that was locked before its numbers came."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from analysis.report import Change, Json, PlanLock, PlanStatus


def hold(
    planned: Mapping[str, Json], now: Mapping[str, Json], *, locked_at: datetime, digest: str
) -> PlanLock:
    """Compares the plan in force with the locked one, value by value.

    A list is one value: a guardrail that was taken out changes the list of guardrails.

    Args:
        planned: What was locked: everything that decides how the numbers are read.
        now: The same of the definition in force.
        locked_at: When it was locked, in UTC.
        digest: SHA-256 of what was locked, in hex.
    """
    changes = tuple(_changes(dict(_leaves(planned)), dict(_leaves(now))))
    status = PlanStatus.AMENDED if changes else PlanStatus.PLANNED
    return PlanLock(status, locked_at, digest, changes)


def _changes(planned: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[Change]:
    for path in dict.fromkeys((*planned, *now)):
        change = Change(path, planned.get(path), now.get(path))
        if change.planned != change.now:
            yield change


def _leaves(document: Mapping[str, Json], above: str = "") -> Iterator[tuple[str, Json]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
