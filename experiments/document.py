"""One YAML file as plain values, each with the line and column where it stands.

libyaml's event stream is the only parser: it is bounded before anything is built, and there is
no second reading of the text that could differ from the first. Plain scalars are read by the
JSON rules of YAML 1.2 (`null`, `true`, `false`, numbers as JSON writes them); all else is text,
so `no`, `1:30`, `012` and dates stay what was written.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, Protocol, TypeAlias, cast

import yaml

from experiments.errors import InvalidDefinition, Problem, first_problems
from experiments.notation import shown

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Location: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20
MAX_EVENTS: Final = 20_000

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Eighteen digits always fit a signed 64-bit integer.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,4})?")
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class _Position(Protocol):
    """A mark of libyaml: line and column, both from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Mark(NamedTuple):
    """A place in a file: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The content of one file and where each part of it stands.

    Attributes:
        file: the file as the caller named it.
        content: the top mapping, as plain values.
        values: where each value stands, by its path of keys and indices.
        keys: where the key of each mapping's entry stands, by the path of the entry.
    """

    file: str
    content: Mapping[str, Value]
    values: Mapping[Location, Mark]
    keys: Mapping[Location, Mark]

    def at(self, location: Location) -> Mark:
        """Where the value of this path stands, or the nearest one around it that exists."""
        while location not in self.values:
            location = location[:-1]
        return self.values[location]

    def at_key(self, location: Location) -> Mark:
        """Where the key of this path stands, or its value if it has none."""
        return self.keys.get(location) or self.at(location)

    def problem(self, mark: Mark, rule: str, message: str, mend: str) -> Problem:
        """A problem at a place of this file."""
        return Problem(self.file, *mark, rule, message, mend)


def path_text(location: Location) -> str:
    """A path as people write it, such as `variants[1].weight`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(step)[1:-1]}" for step in location)
    return "".join(steps).removeprefix(".")


def readable(path: Path) -> str:
    """A path as it can be told: bytes that are not UTF-8 stand as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read(path: Path) -> tuple[bytes, str]:
    """The bytes of a definition file, read once and no further than the limit, and its name.

    Raises:
        InvalidDefinition: when it is missing, is no file, may not be read, or its name is no text.
    """
    file = readable(path)
    try:
        return _content(path), file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        mend = "check the path and its permissions"
        raise InvalidDefinition([Problem(file, 1, 1, "unreadable", reason, mend)]) from error


def _content(path: Path) -> bytes:
    if readable(path) != str(path):
        raise OSError(errno.EILSEQ, "its name is not UTF-8")
    # A pipe or a device would be read for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as source:
        return source.read(MAX_BYTES + 1)


def parse(source: bytes, file: str) -> Document:
    """Reads a definition file's bytes.

    Args:
        source: what the file holds.
        file: its name, for problems.

    Raises:
        InvalidDefinition: when it is too large, not UTF-8, not YAML, uses anchors, aliases, tags
            or directives, nests too deep, repeats a key, or holds no mapping.
    """
    builder = _Builder(_Events(_text(source, file), file))
    content = builder.document()
    if builder.problems:
        raise InvalidDefinition(first_problems(builder.problems))
    if content is None:
        _refuse(file, Mark(1, 1), "empty-file", "it holds nothing", "write a definition")
    if not isinstance(content, dict):
        _refuse(
            file,
            builder.values[()],
            "not-a-mapping",
            "the top of the file is not a mapping",
            "start each line at the top with a key, such as `name: One-page checkout`",
        )
    return Document(file, content, builder.values, builder.keys)


def _refuse(file: str, mark: Mark, rule: str, message: str, mend: str) -> NoReturn:
    raise InvalidDefinition([Problem(file, *mark, rule, message, mend)])


def _text(source: bytes, file: str) -> str:
    if len(source) > MAX_BYTES:
        mend = "keep one experiment in a file, in fewer words"
        _refuse(file, Mark(1, 1), "file-too-large", "it is larger than 256 kB", mend)
    try:
        text = source.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        mark = _end_of(source[: error.start].decode("utf-8"))
        _refuse(file, mark, "not-utf8", "it is not UTF-8 text", "save the file as UTF-8 text")
    if found := _UNPRINTABLE.search(text):
        mark = _end_of(text[: found.start()])
        message = f"the character U+{ord(found[0]):04X} is not printable"
        mend = "remove it, and save the file as UTF-8 text"
        _refuse(file, mark, "control-character", message, mend)
    return text


def _end_of(text: str) -> Mark:
    return Mark(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _mark(mark: _Position | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


# What libyaml says, by a part of its sentence, and what the writer most likely has to do.
_SYNTAX_MENDS: Final[Mapping[str, str]] = {
    "cannot start any token": "indent with spaces, and quote text that starts with @, ` or %",
    "mapping values are not allowed": "put text that contains `: ` in quotes, and check the indent",
    "unexpected end of stream": "close the quote; the file may be half-written",
    "could not find expected ':'": "write `key: value`; the file may be half-written",
    "did not find expected ',' or": "close the bracket; the file may be half-written",
    "did not find expected key": "indent this line like the keys above it",
    "did not find expected '-' indicator": "indent this line like the items above it",
}


# What was begun in an earlier line and never ended: there the writer has to look.
_BEGUN: Final = frozenset(
    {
        "while scanning a simple key",
        "while scanning a quoted scalar",
        "while parsing a flow mapping",
        "while parsing a flow sequence",
    }
)


def _syntax_mark(error: yaml.MarkedYAMLError) -> Mark:
    """Where the mistake is: libyaml notices some of them only lines later."""
    begun, noticed = _mark(error.context_mark), _mark(error.problem_mark or error.context_mark)
    return begun if error.context in _BEGUN and begun.line < noticed.line else noticed


def _syntax_mend(sentence: str) -> str:
    fits = (mend for part, mend in _SYNTAX_MENDS.items() if part in sentence)
    return next(fits, "mend the YAML here; the file may be half-written")


class _Events:
    """The file's events, refused as soon as one of them is not allowed here."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._number = self._depth = self._documents = 0
        # Asked directly: yaml.parse would be one more step for each of many events.
        self._next = cast("Callable[[], yaml.Event]", yaml.CSafeLoader(text).get_event)

    def __next__(self) -> yaml.Event:
        try:
            event = self._next()
        except yaml.MarkedYAMLError as error:
            sentence = error.problem or "it is not YAML"
            mark = _syntax_mark(error)
            _refuse(self.file, mark, "yaml-syntax", sentence, _syntax_mend(sentence))
        self._number += 1
        if not _is_plainly_allowed(event, self._number):
            self._depth += _STEPS.get(type(event), 0)
            self._documents += isinstance(event, yaml.DocumentStartEvent)
            self._refuse_beyond_limits(event)
        return event

    def _refuse_beyond_limits(self, event: yaml.Event) -> None:
        standing = _Standing(event, self._number, self._depth, self._documents)
        for limit in _LIMITS:
            if limit.broken(standing):
                mark = _mark(event.start_mark)
                _refuse(self.file, mark, limit.rule, limit.message, limit.mend)


def _is_plainly_allowed(event: yaml.Event, number: int) -> bool:
    """Whether this is the commonest event of all, a scalar with nothing any limit could mean."""
    return (
        type(event) is yaml.ScalarEvent
        and event.anchor is None
        and event.tag is None
        and number <= MAX_EVENTS
    )


_STEPS: Final[Mapping[type[yaml.Event], int]] = {
    yaml.MappingStartEvent: 1,
    yaml.SequenceStartEvent: 1,
    yaml.MappingEndEvent: -1,
    yaml.SequenceEndEvent: -1,
}


class _Standing(NamedTuple):
    """An event, and where the stream stands with it."""

    event: yaml.Event
    number: int
    depth: int
    documents: int

    def has(self, name: str) -> bool:
        """Whether the event carries something of that name."""
        return bool(getattr(self.event, name, None))


class _Limit(NamedTuple):
    """What no event of a definition may do."""

    rule: str
    broken: Callable[[_Standing], bool]
    message: str
    mend: str


_LIMITS: Final = (
    _Limit(
        "too-many-values",
        lambda standing: standing.number > MAX_EVENTS,
        f"there are more than {MAX_EVENTS:,} YAML nodes",
        "keep one experiment in a file",
    ),
    _Limit(
        "too-deep",
        lambda standing: standing.depth > MAX_DEPTH,
        f"values are nested more than {MAX_DEPTH} levels deep",
        "write fewer brackets and levels",
    ),
    # An alias event carries the name of its anchor.
    _Limit(
        "yaml-anchor",
        lambda standing: standing.has("anchor"),
        "anchors and aliases are not allowed",
        "write the value out, or put text that starts with & or * in quotes",
    ),
    _Limit(
        "yaml-tag",
        lambda standing: standing.has("tag"),
        "tags are not allowed",
        "remove the tag, or put text that starts with ! in quotes",
    ),
    _Limit(
        "yaml-directive",
        lambda standing: standing.has("version") or standing.has("tags"),
        "directives are not allowed",
        "remove the lines that start with %",
    ),
    _Limit(
        "one-document",
        lambda standing: standing.documents > 1,
        "a second document starts here",
        "keep one document in a file: remove this `---`",
    ),
)


class _Builder:
    """Makes plain values of the events, and remembers where they stood."""

    def __init__(self, events: _Events) -> None:
        self._events = events
        self.values: dict[Location, Mark] = {}
        self.keys: dict[Location, Mark] = {}
        self.problems: list[Problem] = []

    def document(self) -> Value:
        """The only document of the stream; None when there is none."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        content = self._value(next(self._events), ())
        while not isinstance(next(self._events), yaml.StreamEndEvent):
            pass
        return content

    def _value(self, event: yaml.Event, at: Location) -> Value:
        self.values[at] = _mark(event.start_mark)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(at)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at)
        # Aliases were refused, so only scalars are left.
        return _scalar(cast("yaml.ScalarEvent", event))

    def _sequence(self, at: Location) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*at, len(items))))
        return items

    def _mapping(self, at: Location) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._note(key, "key-not-text", "this key is not text", "write a word as the key")
                self._value(key, at)
                self._value(next(self._events), at)
            elif key.value in entries:
                first = self.keys[*at, key.value].line
                self._note(
                    key,
                    "duplicate-key",
                    f"the key {shown(key.value)} is written twice, first in line {first}",
                    "remove one of the two",
                )
                self._value(next(self._events), (*at, key.value))
            else:
                self.keys[*at, key.value] = _mark(key.start_mark)
                entries[key.value] = self._value(next(self._events), (*at, key.value))
        return entries

    def _note(self, event: yaml.Event, rule: str, message: str, mend: str) -> None:
        mark = _mark(event.start_mark)
        self.problems.append(Problem(self._events.file, *mark, rule, message, mend))


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    text = str(event.value)
    plain = event.implicit[0]
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
