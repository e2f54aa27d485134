r"""Regular expressions that Python and JavaScript read alike, for whom conditions are handed to.

`\d`, `$` and `.` mean different things to the two; the patterns here use none of them.
"""

import re
from collections.abc import Iterator
from typing import Final

import semver

_END: Final = r"(?![\s\S])"
# JavaScript counts halves of a pair where Python counts one character.
_ANY_CHARACTER: Final = r"(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^\uD800-\uDFFF])"
_SYNTAX: Final = re.compile(r"[\\^$.*+?()\[\]{}|]")

_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_WORD_CHARACTERS: Final = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORD: Final = r"[0-9]*[A-Za-z-][0-9A-Za-z-]*"
_IDENTIFIER: Final = rf"(?:{_WORD}|{_NUMBER})"
_MORE: Final = rf"(?:\.{_IDENTIFIER})*"
_CORE: Final = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
_BUILD: Final = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"

VERSION: Final = rf"^{_CORE}(?:-{_IDENTIFIER}{_MORE})?{_BUILD}{_END}"
"""Any semantic version, as a whole."""


def whole(glob: str) -> str:
    """The pattern of the texts that are, as a whole, what a glob describes.

    Each star takes as little as it can and never gives back: no text makes the pattern slow.
    """
    first, *others = [_literal(part) for part in re.sub(r"\*+", "*", glob).split("*")]
    if not others:
        return f"^{first}{_END}"
    *middle, last = others
    held = "".join(
        rf"(?=([\s\S]*?{part}))(?:\{number})" for number, part in enumerate(middle, start=1)
    )
    return rf"^{first}{held}[\s\S]*{last}{_END}"


def _literal(part: str) -> str:
    return _ANY_CHARACTER.join(_SYNTAX.sub(r"\\\g<0>", text) for text in part.split("?"))


def same_version(version: str) -> str:
    """The pattern of the versions that rank with one: its numbers and pre-release, any build."""
    return _any(_equal(semver.Version.parse(version)))


def later_version(version: str) -> str:
    """The pattern of the versions that rank above one."""
    return _any(*_later(semver.Version.parse(version)))


def same_or_later_version(version: str) -> str:
    """The pattern of the versions that rank with one or above it."""
    parsed = semver.Version.parse(version)
    return _any(_equal(parsed), *_later(parsed))


def _any(*versions: str) -> str:
    return f"^(?:{'|'.join(versions)}){_BUILD}{_END}"


def _equal(version: semver.Version) -> str:
    core = _literal(f"{version.major}.{version.minor}.{version.patch}")
    return core + (f"-{_literal(version.prerelease)}" if version.prerelease else "")


def _later(version: semver.Version) -> Iterator[str]:
    numbers = [str(version.major), str(version.minor), str(version.patch)]
    suffix = rf"(?:-{_IDENTIFIER}{_MORE})?"
    for at, number in enumerate(numbers):
        parts = [*numbers[:at], _above_number(number), *[_NUMBER] * (2 - at)]
        yield r"\.".join(parts) + suffix
    if version.prerelease:
        core = _literal(".".join(numbers))
        yield core
        yield from (f"{core}-{later}" for later in _later_prerelease(version.prerelease))


def _later_prerelease(prerelease: str) -> Iterator[str]:
    identifiers = prerelease.split(".")
    yield rf"{_literal(prerelease)}(?:\.{_IDENTIFIER})+"
    for at, identifier in enumerate(identifiers):
        before = "".join(_literal(f"{each}.") for each in identifiers[:at])
        yield f"{before}{_above_identifier(identifier)}{_MORE}"


def _above_identifier(identifier: str) -> str:
    # Numbers rank below words, and words by their characters.
    if identifier.isdigit():
        return f"(?:{_WORD}|{_above_number(identifier)})"
    return rf"(?![0-9]+(?:[.+]|{_END})){_above_word(identifier)}"


def _above_number(number: str) -> str:
    ranks = [rf"[1-9][0-9]{{{len(number)},}}"]
    for at, digit in enumerate(number):
        if digit < "9":
            rest = len(number) - at - 1
            ranks.append(f"{number[:at]}[{int(digit) + 1}-9][0-9]{{{rest}}}")
    return f"(?:{'|'.join(ranks)})"


def _above_word(word: str) -> str:
    ranks = [f"{word}[0-9A-Za-z-]+"]
    for at, character in enumerate(word):
        above = _WORD_CHARACTERS[_WORD_CHARACTERS.index(character) + 1 :]
        if above:
            ranks.append(f"{word[:at]}[{above}][0-9A-Za-z-]*")
    return f"(?:{'|'.join(ranks)})"
