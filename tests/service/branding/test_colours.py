"""Contrast as WCAG 2.2 defines it, and colours as CSS writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.branding.colours import (
    contrast,
    hex_of,
    lighter_and_darker,
    lightness,
    mixed,
    readable_on,
)

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def by_the_definition(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio and -relative-luminance."""

    def luminance(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
            for share in shares
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("colour", "ratio"),
    [
        # Among them the two greys between which 4.5 lies, as W3C and WebAIM tell them.
        ("#000000", 21.0),
        ("#ffffff", 1.0),
        ("#767676", 4.54),
        ("#777777", 4.48),
        ("#949494", 3.03),
        ("#ff0000", 4.00),
        ("#0000ff", 8.59),
    ],
)
def test_contrast_with_white_is_as_published(colour: str, ratio: float) -> None:
    assert contrast(colour, "#ffffff") == pytest.approx(ratio, abs=0.005)
    assert contrast("#ffffff", colour) == contrast(colour, "#ffffff")


@given(COLOURS, COLOURS)
def test_contrast_is_what_the_definition_says(one: str, other: str) -> None:
    assert contrast(one, other) == pytest.approx(by_the_definition(one, other), rel=0.001)


@pytest.mark.parametrize(
    "text", ["#0b5d4e", "#0B5D4E", "rgb(11 93 78)", "rgb(11, 93, 78)", "hsl(169 79% 20%)"]
)
def test_a_colour_is_read_as_css_writes_it(text: str) -> None:
    assert contrast(hex_of(text), "#0b5d4e") < 1.03
    assert hex_of("#abc") == "#aabbcc"
    assert hex_of("rebeccapurple") == "#663399"


@pytest.mark.parametrize("text", ["", "#12345", "nothing", "#0b5d4e80", "color(display-p3 1 0 0)"])
def test_what_is_no_colour_of_every_screen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hex_of(text)


@given(COLOURS)
def test_what_is_written_on_a_colour_can_be_read(colour: str) -> None:
    assert contrast(readable_on(colour), colour) >= 4.5


def test_the_same_hue_comes_in_every_lightness_the_nearest_first() -> None:
    found = list(lighter_and_darker("#7a1fa2"))
    assert contrast(found[0], "#7a1fa2") < 1.05
    assert {found[-1], found[-2]} & {"#000000", "#ffffff"}
    distances = [abs(lightness(each) - lightness("#7a1fa2")) for each in found]
    assert distances == pytest.approx(sorted(distances), abs=0.02)


def test_a_mix_lies_between_its_colours() -> None:
    assert mixed("#000000", "#ffffff", 0) == "#000000"
    assert mixed("#000000", "#ffffff", 1) == "#ffffff"
    assert 1 < contrast(mixed("#000000", "#ffffff", 0.5), "#000000") < 21
