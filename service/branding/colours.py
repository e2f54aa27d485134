"""Colours as CSS writes them, and how well one is read on another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from coloraide import Color

_BLACK, _WHITE = "#000000", "#ffffff"
# Steps of lightness that the eye can just tell apart.
_STEPS = 100


def hex_of(text: str) -> str:
    """An opaque colour of sRGB as ``#rrggbb``.

    Args:
        text: any colour that CSS can write as a value of its own, such as ``#0b5d4e``,
            ``rgb(11 93 78)`` or ``oklch(43% 0.08 176)``.

    Raises:
        ValueError: it is no colour, lets something through, or lies beyond what sRGB can show.
    """
    colour = Color(text)
    if colour.alpha(nans=False) < 1:
        raise ValueError("it is not opaque")
    return _written(colour, fitted=False)


def _written(colour: Color, *, fitted: bool) -> str:
    there = colour.convert("srgb")
    if fitted:
        there = there.fit(method="oklch-chroma")
    elif not there.in_gamut(tolerance=0.001):
        raise ValueError("it lies beyond sRGB, which every screen can show")
    return there.to_string(hex=True, comma=False)


@lru_cache(maxsize=4096)
def _luminance(colour: str) -> float:
    return Color(colour).luminance()


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21.

    As WCAG 2.2 defines it: (L1 + 0.05) / (L2 + 0.05), L1 the relative luminance of the lighter
    (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=4096)
def mixed(colour: str, other: str, share: float) -> str:
    """The colour with so much of the other in it, as the eye sees it.

    Args:
        colour: the one to begin with, as ``#rrggbb``.
        other: what is mixed in, as ``#rrggbb``.
        share: of the other, from 0 to 1.
    """
    return _written(Color(colour).mix(other, share, space="oklab"), fitted=True)


def readable_on(background: str) -> str:
    """White where it can be read on the background, else black, which then can."""
    return _WHITE if contrast(_WHITE, background) >= 4.5 else _BLACK


def away_from(colour: str, other: str, by: float) -> str:
    """The colour, lighter or darker by so much that it contrasts more with the other.

    Args:
        colour: the one to change, as ``#rrggbb``.
        other: the one it is seen beside, as ``#rrggbb``.
        by: of OKLCH's lightness, from 0 to 1.
    """
    direction = 1 if _luminance(colour) > _luminance(other) else -1
    return with_lightness(colour, lightness(colour) + direction * by)


def lightness(colour: str) -> float:
    """How light it looks, from 0 to 1 (OKLCH)."""
    return Color(colour).convert("oklch").get("lightness", nans=False)


@lru_cache(maxsize=4096)
def with_lightness(colour: str, wanted: float) -> str:
    """The same hue, lighter or darker."""
    changed = Color(colour).convert("oklch").set("lightness", min(max(wanted, 0.0), 1.0))
    return _written(changed, fitted=True)


def lighter_and_darker(colour: str) -> Iterator[str]:
    """The same hue in every lightness, the nearest to the colour first."""
    here = lightness(colour)
    steps = sorted((step / _STEPS for step in range(_STEPS + 1)), key=lambda each: abs(each - here))
    return (with_lightness(colour, step) for step in steps)
