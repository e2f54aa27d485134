"""What every contender is asked: the same experiment, for the same units.

One running 50/50 experiment for visitors of two countries. Each visit brings its own attributes, as
a page does; about half of the visits come from elsewhere, and must stay outside.
"""

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

EXPERIMENT: Final = "one-page-checkout"
ATTRIBUTE: Final = "country"
TARGETED: Final = ("SE", "NO")
ELSEWHERE: Final = ("DE", "US")
VARIANTS: Final = ("two_page", "one_page")
OUTSIDE: Final = "outside"
"""What a contender answers for a unit that is not in the experiment."""
NOWHERE: Final = "http://127.0.0.1:9"
"""An address nobody listens on, for clients that want one."""


Known: TypeAlias = dict[str, str | int | float | bool | None]
"""Attributes of a unit, in the type that the strictest of the peers asks for."""


class Visit(NamedTuple):
    """One question: who asks, and from where."""

    unit: str
    attributes: Known


Ask = Callable[[str, Known], object]
"""Something that decides for one unit with its attributes; called as often as the clock runs."""


@dataclass(frozen=True)
class Contender:
    """One way to assign.

    Attributes:
        name: package and version.
        does: what one call does.
        ask: the call that is timed; it ends with the variant in hand.
        told: the key of the unit's variant, or `OUTSIDE`, as the contender has it; not timed.
    """

    name: str
    does: str
    ask: Ask
    told: Callable[[str, Known], str]


def asked(name: str, does: str, ask: Callable[[str, Known], str]) -> Contender:
    """A contender whose call gives all there is to tell."""
    return Contender(name=name, does=does, ask=ask, told=ask)


def visits(count: int, *, seed: int) -> list[Visit]:
    """Visits with ids as Kassa's visitors have them: 16 random bytes as base64url."""
    generator = random.Random(seed)
    return [
        Visit(
            urlsafe_b64encode(generator.randbytes(16)).rstrip(b"=").decode(),
            {ATTRIBUTE: generator.choice(TARGETED + ELSEWHERE)},
        )
        for _ in range(count)
    ]
