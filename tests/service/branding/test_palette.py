"""What follows from a merchant's colours can be read, or the colour is refused with a mend."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.branding.brand import SHIPPED
from service.branding.palette import (
    PAIRS,
    SCHEMES,
    Scheme,
    failing,
    judged,
    nearest,
    palette,
    shipped_tokens,
)

STYLESHEET = SHIPPED.read_text(encoding="utf-8")
LOOK = shipped_tokens(STYLESHEET)
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_shipped_look_can_be_read(scheme: Scheme) -> None:
    assert [each for each in judged(LOOK[scheme]) if not each.passes] == []
    assert palette({}, LOOK[scheme]) == LOOK[scheme]


def test_the_two_schemes_are_two() -> None:
    assert LOOK["light"].keys() == LOOK["dark"].keys()
    assert LOOK["light"]["page"] != LOOK["dark"]["page"]


def test_every_colour_that_rules_use_is_judged_or_nothing_that_is_read() -> None:
    """A new token has to be judged, unless it is a line that decorates or the simulator's own."""
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLESHEET)) & LOOK["light"].keys()
    decorates = {"line", "simulated", "on-simulated"}
    assert used - decorates == {name for each in PAIRS for name in (each.token, each.ground)}


@settings(max_examples=25, deadline=None)
@given(COLOURS, st.sampled_from(SCHEMES))
def test_any_accent_passes_or_has_a_nearest_that_does(accent: str, scheme: Scheme) -> None:
    shipped = LOOK[scheme]
    found = failing({"accent": accent}, shipped)
    if not found:
        return
    (only,) = found
    assert only.key == "accent"
    assert not only.worst.passes
    assert only.nearest is not None
    assert failing({"accent": only.nearest}, shipped) == []


def test_the_nearest_is_near() -> None:
    """A step of lightness nearer to the merchant's colour would not pass."""
    found = nearest("text", {"text": "#777777"}, LOOK["light"])
    assert found is not None
    assert failing({"text": found}, LOOK["light"]) == []
    assert failing({"text": "#727272"}, LOOK["light"]) != []
    assert "#6c" < found < "#72"


@pytest.mark.parametrize(
    ("given_colours", "key", "ground"),
    [
        ({"accent": "#ffcc00"}, "accent", "page"),
        ({"accent": "#0b5d4e", "on-accent": "#333333"}, "on-accent", "accent"),
        ({"text": "#999999"}, "text", "page"),
        ({"page": "#123456"}, "page", "page"),
        ({"surface": "#101010"}, "surface", "surface"),
    ],
    ids=str,
)
def test_the_colour_that_is_wrong_is_named(
    given_colours: dict[str, str], key: str, ground: str
) -> None:
    found = {each.key: each for each in failing(given_colours, LOOK["light"])}
    assert found[key].worst.pair.ground == ground
    assert found.keys() == {key}


def test_where_no_lightness_helps_there_is_no_nearest() -> None:
    found = failing({"page": "#000000", "surface": "#ffffff", "text": "#7f7f7f"}, LOOK["light"])
    assert any(each.nearest is None for each in found)
