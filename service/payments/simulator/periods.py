"""Billing periods: the same day of the month, or the last one it has."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def end_of(start: int, interval: str, count: int, anchor: int) -> int:
    """When a period ends that begins at a moment.

    Args:
        start: Unix seconds.
        interval: day, week, month or year.
        count: how many of them.
        anchor: when the first period began: its day of the month is kept where there is one.
    """
    if interval in _DAYS:
        return start + count * _DAYS[interval] * 24 * 3600
    begun = datetime.fromtimestamp(start, UTC)
    months = begun.month - 1 + count * _MONTHS[interval]
    year, month = begun.year + months // 12, months % 12 + 1
    day = min(datetime.fromtimestamp(anchor, UTC).day, calendar.monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())
