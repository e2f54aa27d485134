"""A scheme's colours: what the merchant wrote, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from service.branding.colours import away_from, contrast, lighter_and_darker, mixed, readable_on

Scheme = Literal["light", "dark"]
SCHEMES: Final[tuple[Scheme, Scheme]] = ("light", "dark")
"""Both schemes of a page, by the `prefers-color-scheme` of whoever looks at it."""

Tokens = Mapping[str, str]
"""Colours as ``#rrggbb``, by the names they have in the stylesheet."""

_TEXT: Final = 4.5
_GRAPHIC: Final = 3.0


@dataclass(frozen=True)
class Pair:
    """One token seen on another, on some page.

    Attributes:
        needed: the least contrast ratio by WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for the outline of
            a field, of the focus, and for a sign (1.4.11).
        use: where it is seen.
    """

    token: str
    ground: str
    needed: float
    use: str


PAIRS: Final = (
    Pair("text", "page", _TEXT, "text beside the form"),
    Pair("text", "surface", _TEXT, "text, and what is typed"),
    Pair("text", "sunken", _TEXT, "what was given in the step before"),
    Pair("text", "danger-soft", _TEXT, "the list of problems"),
    Pair("text", "warning-soft", _TEXT, "a warning"),
    Pair("text", "good-soft", _TEXT, "a verdict: nothing was charged"),
    Pair("muted", "page", _TEXT, "small print beside the form"),
    Pair("muted", "surface", _TEXT, "small print and hints"),
    Pair("muted", "sunken", _TEXT, "titles of what was given"),
    Pair("accent", "page", _TEXT, "a link beside the form, and the focus"),
    Pair("accent", "surface", _TEXT, "a link or a quiet button, and the focus"),
    Pair("accent", "sunken", _TEXT, "the link to change what was given"),
    Pair("accent", "warning-soft", _TEXT, "the button in a warning"),
    Pair("accent", "good-soft", _TEXT, "the number of a step that is done"),
    Pair("accent-strong", "page", _TEXT, "a link under the pointer"),
    Pair("accent-strong", "surface", _TEXT, "a quiet button under the pointer"),
    Pair("on-accent", "accent", _TEXT, "the button"),
    Pair("on-accent", "accent-strong", _TEXT, "the button under the pointer"),
    Pair("danger", "surface", _TEXT, "what is wrong with a field"),
    Pair("danger", "danger-soft", _TEXT, "a link in the list of problems"),
    Pair("accent", "danger-soft", _GRAPHIC, "the focus in the list of problems"),
    Pair("field-line", "surface", _GRAPHIC, "the outline of a field"),
    Pair("warning", "warning-soft", _GRAPHIC, "the sign of a payment on its way"),
)
"""Everything that is read or recognised on a visitor's page."""

# Of which of the merchant's colours a token is made, the likeliest culprit first.
_MADE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text",),
    "muted": ("text",),
    "field-line": ("text",),
    "accent": ("accent",),
    "accent-strong": ("accent",),
    "good-soft": ("accent", "surface"),
    "on-accent": ("on-accent", "accent"),
    "page": ("page",),
    "surface": ("surface",),
    "sunken": ("surface", "page"),
    "danger": ("surface",),
    "danger-soft": ("surface",),
    "warning": ("surface",),
    "warning-soft": ("surface",),
}


@dataclass(frozen=True)
class Judged:
    """A pair of a palette, measured."""

    pair: Pair
    ratio: float

    @property
    def passes(self) -> bool:
        """Whether it can be read."""
        return self.ratio >= self.pair.needed

    @property
    def told(self) -> str:
        """The ratio as people read it: cut and not rounded, for 4.499 is not enough."""
        return f"{int(self.ratio * 100) / 100:.2f}:1"


@dataclass(frozen=True)
class Failing:
    """One of the merchant's colours with what can't be read because of it.

    Attributes:
        key: the colour's token.
        worst: the pair that is farthest from what it needs.
        others: how many more there are.
        nearest: the nearest colour of its hue with which nothing fails, or None.
    """

    key: str
    worst: Judged
    others: int
    nearest: str | None


def shipped_tokens(stylesheet: str) -> dict[Scheme, Tokens]:
    """The colours of the shipped look, as the stylesheet has them."""
    blocks = re.findall(r":root \{(.*?)\}", stylesheet, re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks[:2]]
    light, dark = found
    return {"light": light, "dark": light | dark}


def palette(given: Tokens, shipped: Tokens) -> Tokens:
    """Every colour of a scheme.

    What follows from the merchant's colours is made so that it can be read, as far as those allow.

    Args:
        given: the merchant's: any of accent, on-accent, page, surface and text.
        shipped: the shipped look's, which stay where nothing was given that they depend on.
    """
    made = {**shipped, **given}
    grounds = given.keys() & {"page", "surface"}
    if grounds:
        made["sunken"] = mixed(made["surface"], made["page"], 0.6)
    if grounds or "text" in given:
        made |= _of_text(made)
    if "accent" in given and "on-accent" not in given:
        made["on-accent"] = readable_on(made["accent"])
    if given:
        made |= _of_accent(made)
        made |= _of_signs(made)
    return made


def judged(tokens: Tokens) -> list[Judged]:
    """Every pair, measured."""
    return [Judged(pair, contrast(tokens[pair.token], tokens[pair.ground])) for pair in PAIRS]


def failing(given: Tokens, shipped: Tokens) -> list[Failing]:
    """The merchant's colours with which something can't be read, each with a mend."""
    by_key: dict[str, list[Judged]] = {}
    for each in _failures(given, shipped):
        by_key.setdefault(_culprit(each.pair, given), []).append(each)
    found = []
    for key, failures in by_key.items():
        worst = min(failures, key=lambda each: each.ratio / each.pair.needed)
        found.append(Failing(key, worst, len(failures) - 1, nearest(key, given, shipped)))
    return found


def nearest(key: str, given: Tokens, shipped: Tokens) -> str | None:
    """The nearest colour of the same hue with which nothing fails that need not.

    Args:
        key: the token to change; one of those given.
        given: the merchant's colours.
        shipped: those of the shipped look.
    """
    unavoidable = {
        each.pair for each in _failures(given, shipped) if _culprit(each.pair, given) != key
    }
    for colour in lighter_and_darker(given[key]):
        left = {each.pair for each in _failures({**given, key: colour}, shipped)}
        if left <= unavoidable:
            return colour
    return None


def _failures(given: Tokens, shipped: Tokens) -> Iterator[Judged]:
    return (each for each in judged(palette(given, shipped)) if not each.passes)


def _culprit(pair: Pair, given: Tokens) -> str:
    made_of = (*_MADE_OF[pair.token], *_MADE_OF[pair.ground], *given)
    return next(key for key in made_of if key in given)


def _of_text(made: Tokens) -> Tokens:
    text, surface = made["text"], made["surface"]
    grounds = [made[name] for name in ("page", "surface", "sunken")]
    quieter = (mixed(text, surface, share / 100) for share in range(35, 0, -5))
    lines = (mixed(text, surface, share / 100) for share in range(50, 0, -5))
    return {
        "muted": _first(quieter, text, lambda each: _least(each, grounds) >= _TEXT),
        "field-line": _first(lines, text, lambda each: contrast(each, surface) >= _GRAPHIC),
        "line": mixed(surface, text, 0.14),
    }


def _of_accent(made: Tokens) -> Tokens:
    accent, on_accent = made["accent"], made["on-accent"]
    stronger = (away_from(accent, on_accent, by / 100) for by in (8, 6, 4, 2))
    grounds = [made["page"], made["surface"], on_accent]
    return {
        "accent-strong": _first(stronger, accent, lambda each: _least(each, grounds) >= _TEXT),
        "good-soft": _soft(accent, made, [(made["text"], _TEXT), (accent, _TEXT)]),
    }


def _of_signs(made: Tokens) -> Tokens:
    text, accent, surface = made["text"], made["accent"], made["surface"]
    found: dict[str, str] = {}
    for sign, needed, of_accent in (("danger", _TEXT, _GRAPHIC), ("warning", _GRAPHIC, _TEXT)):
        colour = found[sign] = _sign(made[sign], surface, needed)
        found[f"{sign}-soft"] = _soft(
            colour, made, [(text, _TEXT), (colour, needed), (accent, of_accent)]
        )
    return found


def _sign(colour: str, surface: str, needed: float) -> str:
    # A little more than needed, so that the softer ground below it has room.
    wanted = 1.1 * needed
    if contrast(colour, surface) >= wanted:
        return colour
    others = lighter_and_darker(colour)
    return _first(others, colour, lambda each: contrast(each, surface) >= wanted)


def _soft(colour: str, made: Tokens, read: Iterable[tuple[str, float]]) -> str:
    """The surface with a breath of the colour in it, on which all of `read` can be read."""
    surface, read = made["surface"], list(read)
    softer = (mixed(surface, colour, share / 100) for share in (12, 9, 6, 3, 1))
    return _first(
        softer, surface, lambda each: all(contrast(each, on) >= least for on, least in read)
    )


def _first(candidates: Iterable[str], otherwise: str, fits: Callable[[str], bool]) -> str:
    return next((each for each in candidates if fits(each)), otherwise)


def _least(colour: str, grounds: Iterable[str]) -> float:
    return min(contrast(colour, ground) for ground in grounds)
