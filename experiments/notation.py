"""How the growth team writes keys, text, times and durations."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from types import MappingProxyType, NoneType
from typing import Annotated, Final, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

STRICT: Final = ConfigDict(strict=True, extra="forbid", validate_default=True, allow_inf_nan=False)
"""Every definition refuses what it does not know and converts nothing."""

KEY_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"

# A full date and a time of at least minutes; the zone is what tells two markets apart.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"([1-9][0-9]{0,6})([dhm])")
_WORDED = re.compile(
    r"([1-9][0-9]{0,6})\s*(?:(d)(?:ays?)?|(h)(?:ours?|rs?)?|(m)(?:in(?:ute)?s?)?)", re.IGNORECASE
)
UNITS: Final = MappingProxyType({"d": "days", "h": "hours", "m": "minutes"})
"""The units of durations, the largest first."""


def refusal(rule: str, message: str, mend: str) -> PydanticCustomError:
    """The error a validator raises: a rule of `errors.RULES`, what is wrong, what to write."""
    # Values come from files, so they must not be taken for placeholders of the template.
    return PydanticCustomError(rule, "{message}; {mend}", {"message": message, "mend": mend})


class Breach(NamedTuple):
    """A rule that several values break together.

    Attributes:
        at: path below the value that is checked.
        rule: id of the rule.
        message: what is wrong.
        mend: what to write instead.
    """

    at: tuple[str | int, ...]
    rule: str
    message: str
    mend: str


def refuse_all(breaches: Iterable[Breach]) -> None:
    """Refuses a value with every rule it breaks, so that one reading shows them all.

    Raises:
        pydantic.ValidationError: when there is a breach.
    """
    errors = [
        InitErrorDetails(
            type=refusal(breach.rule, breach.message, breach.mend), loc=breach.at, input=None
        )
        for breach in breaches
    ]
    if errors:
        raise ValidationError.from_exception_data("definition", errors)


def two_decimals(percent: float) -> float:
    """Refuses a percentage that is finer than the 10,000 positions there are.

    Raises:
        pydantic_core.PydanticCustomError: when it has more than two decimals.
    """
    if abs(percent * 100 - round(percent * 100)) > 1e-6:
        raise refusal(
            "weight-decimals",
            f"{percent:g} has more than two decimals",
            f"write {round(percent, 2)}",
        )
    return percent


def repeated(keys: Iterable[str]) -> list[int]:
    """Indices of the keys that occurred before."""
    seen: set[str] = set()
    again = []
    for index, key in enumerate(keys):
        if key in seen:
            again.append(index)
        seen.add(key)
    return again


def _in_utc(value: object) -> datetime:
    moment = _moment_of(value)
    if moment is None or moment.tzinfo is None:
        raise refusal(
            "bad-time",
            f"{shown(value)} is not a time with a zone",
            "write a time such as 2027-01-11T09:00:00Z or 2027-01-11T09:00:00+01:00",
        )
    return moment


def _moment_of(value: object) -> datetime | None:
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            value = datetime.fromisoformat(value.upper())
        # Near the years 1 and 9999 a moment exists in its own zone but not in UTC.
        return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _as_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal(
            "bad-duration",
            f"{shown(value)} is not a duration",
            _meant_duration(value) or "write a whole number and d, h or m, such as 7d, 72h or 30m",
        )
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _meant_duration(value: object) -> str:
    """The mend of a duration in words, or nothing."""
    match = _WORDED.fullmatch(value) if isinstance(value, str) else None
    return f"write {''.join(part for part in match.groups() if part).lower()}" if match else ""


def duration_text(duration: timedelta) -> str:
    """A duration as a file would say it, in the largest unit that is whole."""
    minutes = duration // timedelta(minutes=1)
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def _within_a_year(window: timedelta) -> timedelta:
    if not timedelta(0) < window <= timedelta(days=365):
        raise refusal(
            "out-of-range",
            f"a window of {window / timedelta(days=1):g} days is not above 0 and at most 365",
            "write a duration of at most 365d, such as 7d, 72h or 30m",
        )
    return window


def _says_something(text: str) -> str:
    if not text.strip():
        raise refusal("empty-text", "the text is empty", "write what a colleague should read here")
    return text


def nearest(word: str, candidates: Iterable[str], *, likeness: float = 0.6) -> str:
    """The candidate that `word` most likely was meant to be, or nothing.

    Looks at 100 candidates at most: the comparison must stay quick whatever a file holds.

    Args:
        word: what was written.
        candidates: what there is.
        likeness: how alike the two must be, in [0, 1].
    """
    return next(iter(get_close_matches(word, islice(candidates, 100), n=1, cutoff=likeness)), "")


def some(names: Iterable[str]) -> str:
    """The first ten names in one line."""
    listed = list(islice(names, 11))
    return ", ".join([*listed[:10], "..."] if len(listed) > 10 else listed)


def shown(value: object) -> str:
    """`value` as one short line that is safe to print on a terminal."""
    text = _SHOWN.get(type(value), repr)(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SHOWN: Final[Mapping[type, Callable[[object], str]]] = {
    dict: lambda _: "a mapping",
    list: lambda _: "a list",
    bool: lambda value: str(value).lower(),
    NoneType: lambda _: "null",
}

Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
"""A name for programs: lower-case letters, digits, `-` and `_`, at most 64 characters."""

Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_says_something)]
"""Text for people, not blank, at most 200 characters."""

Paragraph = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_says_something)]
"""Text for people, not blank, at most 4,000 characters."""

Moment = Annotated[
    datetime,
    BeforeValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time: written as ISO 8601 with a zone, kept in UTC."""

Duration = Annotated[
    timedelta,
    BeforeValidator(_as_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"}),
]
"""A length of time: written as `7d`, `72h` or `30m`."""

Window = Annotated[
    Duration,
    AfterValidator(_within_a_year),
    Field(description="a duration of at most 365d, such as 7d, 72h or 30m"),
]
"""How long after an exposure something still counts: above 0, at most a year."""
