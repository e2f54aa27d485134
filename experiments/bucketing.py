"""Where a unit stands: GrowthBook's hash, version 2.

Any GrowthBook SDK that is given the same seed, weights and coverage finds the same variant.
Source: https://docs.growthbook.io/lib/build-your-own (hashing, version 2; bucket ranges).
"""

from collections.abc import Iterable
from typing import Final

from fnv_hash_fast import fnv1a_32

_OFFSET_BASIS = 0x811C9DC5
PRIME = 0x01000193
_MASK = 0xFFFFFFFF


PLACES: Final = 10000
"""How many different positions there are."""


def bucket(seed: str, unit_id: str) -> float:
    """The position of a unit under a seed: `fnv1a32(str(fnv1a32(seed + unit))) % 10000 / 10000`.

    Args:
        seed: what makes this experiment's split independent of others.
        unit_id: who is being assigned; any text.

    Returns:
        A multiple of 0.0001 in [0, 1), the same for ever.
    """
    return place(seed, unit_id) / PLACES


def place(seed: str, unit_id: str) -> int:
    """The position of a unit under a seed as a whole number of ten thousandths."""
    text = seed + unit_id
    try:
        first = fnv1a_32(text.encode("ascii"))
    except UnicodeEncodeError:
        first = hash_of_code_units(text)
    return fnv1a_32(b"%d" % first) % 10000


def first_place(edge: float) -> int:
    """The first place whose position is not below an edge: `position < edge` is `place < this`."""
    near = int(edge * PLACES)
    return next(at for at in range(max(near - 1, 0), PLACES + 2) if at / PLACES >= edge)


def hash_of_code_units(text: str) -> int:
    """FNV-1a of a text's UTF-16 code units; for ASCII the same as of its bytes."""
    # JavaScript hashes UTF-16 code units; bytes of UTF-8 would give other visitors other variants.
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    value = _OFFSET_BASIS
    for unit in units:
        value = ((value ^ unit) * PRIME) & _MASK
    return value


def ranges(shares: Iterable[float], coverage: float) -> tuple[tuple[float, float], ...]:
    """The half-open range `[lower, upper)` of positions that each variant takes.

    Each range starts where it starts at full coverage, so more coverage moves nobody.

    Args:
        shares: share of each variant, each in (0, 1], summing to 1.
        coverage: share of units that enter, in (0, 1].

    Returns:
        One range for each share, in the same order.
    """
    found = []
    start = 0.0
    for share in shares:
        # The order of these floating-point steps is GrowthBook's; another order rounds otherwise.
        found.append((start, start + coverage * share))
        start += share
    return tuple(found)
