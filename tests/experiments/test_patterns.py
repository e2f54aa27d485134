"""The patterns say what Python's globs and semver's order say, in Python and in JavaScript."""

import re
from fnmatch import translate

import pytest
import semver
from hypothesis import example, given
from hypothesis import strategies as st

from experiments import patterns
from tests.provision import node_scripts

GLOBS = ["*", "?", "en-*", "*-SE", "*a*b*", "a?c", "a.c", "??", "**", "[ab]*", "a/b", r"a\*", "🛒*"]
TEXTS = [
    "", "a", "en-GB", "en", "sv-SE", "xaxbx", "abc", "a.c", "aXc", "🛒", "🛒🛒", "a🛒c", "[ab]x",
    "ax", "a/b", "a\\b", "en-\n", "a\nc", "sv-SE\n", "null",
]  # fmt: skip
VERSIONS = [
    "0.0.0", "0.9.9", "1.0.0", "1.0.1", "1.2.10", "1.10.0", "2.0.0", "2.0.0-0", "2.0.0-1",
    "2.0.0-10", "2.0.0-alpha", "2.0.0-alpha.1", "2.0.0-alpha.10", "2.0.0-alpha.beta",
    "2.0.0-alpha-x", "2.0.0-a", "2.0.0-a0", "2.0.0-a.b", "2.0.0-rc.1", "2.0.0-rc.1.1", "2.0.0-1a",
    "2.0.0-01a", "2.0.0-A", "2.0.0--", "2.0.0-rc.123456", "2.0.0-rc.99999", "2.0.0+build.7",
    "2.0.0-rc.1+build-7.x", "99999.0.0", "100000.0.0", "20270101.0.0", "2.100000.0", "2.99999.3",
    "9.9.9", "10.10.10",
]  # fmt: skip
NO_VERSIONS = ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3.4", "x"]

identifiers = st.one_of(
    st.integers(0, 10**7).map(str),
    st.from_regex(r"[0-9]{0,2}[A-Za-z-][0-9A-Za-z-]{0,3}", fullmatch=True).filter(str.isascii),
)
versions = st.builds(
    lambda numbers, prerelease: (
        ".".join(map(str, numbers)) + (f"-{'.'.join(prerelease)}" if prerelease else "")
    ),
    st.tuples(*[st.integers(0, 120) | st.integers(99_990, 100_010)] * 3),
    st.lists(identifiers, max_size=3),
)


def found(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


@given(
    glob=st.text("ab?*.[🛒", min_size=1, max_size=8),
    text=st.text("abx.[🛒\n", max_size=10),
)
@example(glob="a*", text="a\n")
@example(glob="??", text="🛒")
def test_a_glob_takes_the_texts_that_fnmatch_takes(glob: str, text: str) -> None:
    expected = re.match(translate(glob.replace("[", "[[]")), text) is not None
    assert found(patterns.whole(glob), text) == expected


@given(bound=versions, version=versions)
def test_versions_rank_as_semver_ranks_them(bound: str, version: str) -> None:
    order = semver.Version.parse(version).compare(bound)
    assert found(patterns.later_version(bound), version) == (order > 0)
    assert found(patterns.same_or_later_version(bound), version) == (order >= 0)
    assert found(patterns.same_version(bound), version) == (order == 0)


@pytest.mark.parametrize("bound", VERSIONS)
def test_the_hard_versions_rank_as_well(bound: str) -> None:
    for version in VERSIONS:
        order = semver.Version.parse(version).compare(bound)
        assert found(patterns.later_version(bound), version) == (order > 0), version
        assert found(patterns.same_version(bound), version) == (order == 0), version


def test_what_is_no_version_is_never_found() -> None:
    made = [
        patterns.VERSION,
        patterns.later_version("0.0.0"),
        patterns.same_or_later_version("1.2.3"),
    ]
    for text in [*NO_VERSIONS, "1.2.3\n", "\u0661.0.0"]:
        assert not any(found(pattern, text) for pattern in made), text
    assert all(found(patterns.VERSION, version) for version in VERSIONS)


def test_no_text_makes_a_glob_slow() -> None:
    assert not found(patterns.whole("*a" * 90 + "b"), "a" * 20_000)


def test_javascript_finds_what_python_finds() -> None:
    globs = [(patterns.whole(glob), text) for glob in GLOBS for text in TEXTS]
    ranks = [
        (make(bound), version)
        for make in (
            patterns.same_version,
            patterns.later_version,
            patterns.same_or_later_version,
            lambda _: patterns.VERSION,
        )
        for bound in VERSIONS
        for version in [*VERSIONS, *NO_VERSIONS, "1.2.3\n"]
    ]
    pairs = globs + ranks
    expected = [found(pattern, text) for pattern, text in pairs]
    asked = [
        ({"text": {"$type": "string", "$regex": pattern}}, {"text": text})
        for pattern, text in pairs
    ]
    assert node_scripts.run("conditions.mjs", asked) == expected
    assert 0.1 < sum(expected) / len(expected) < 0.9
