"""Where many units stand at once: `bucket` for millions, to the last bit.

This is the one module here that needs numpy. Pages never load it: they assign one visitor at a
time, and numpy would cost each worker its memory.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from experiments.bucketing import PRIME, hash_of_code_units

Floats: TypeAlias = NDArray[np.float64]
_Hashes: TypeAlias = NDArray[np.uint32]
_Column: TypeAlias = NDArray[np.uint8 | np.uint16]

# A block of hashes and its working copies stay in a core's own cache.
_BLOCK: Final = 1 << 14
_PRIME: Final = np.uint32(PRIME)
_ZERO: Final = np.uint32(ord("0"))
_BASIS: Final = np.uint32(hash_of_code_units(""))
_POWERS: Final = tuple(np.uint32(10**power) for power in range(9, 0, -1))


class Units:
    """Ids made ready for hashing once, to be placed under many seeds.

    Attributes:
        ids: the ids, in the order of every array that is made of them.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = tuple(ids)
        joined = "".join(self.ids)
        measure = len if joined.isascii() else _length
        lengths = np.fromiter(map(measure, self.ids), dtype=np.int64, count=len(self.ids))
        # Longest first, so that the units that have a given letter are always the first ones.
        self._order = np.argsort(-lengths, kind="stable")
        if (lengths != lengths[:1]).any():
            joined = "".join(map(self.ids.__getitem__, self._order.tolist()))
        self._columns = _columns(joined, lengths)

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, seed: str) -> Floats:
        """The position of every unit under a seed, as `bucket` finds it."""
        start = np.uint32(hash_of_code_units(seed))
        found = np.empty(len(self), dtype=np.float64)
        for first in range(0, len(self), _BLOCK):
            rows = slice(first, first + _BLOCK)
            order = self._order[rows]
            hashes = np.full(len(order), start, dtype=np.uint32)
            for column in self._columns:
                letters = column[rows]
                if not len(letters):
                    break
                _step(hashes[: len(letters)], letters)
            found[order] = (_hashed_digits(hashes) % np.uint32(10000)) / 10000
        return found


def positions(seed: str, units: Iterable[str]) -> Floats:
    """The position of each unit under a seed; `Units` keeps the ids ready for another seed."""
    return Units(units).positions(seed)


def _length(unit: str) -> int:
    return len(unit) if unit.isascii() else len(unit.encode("utf-16-le", "surrogatepass")) // 2


def _columns(joined: str, lengths: NDArray[np.int64]) -> list[_Column]:
    """The first letters of all units, the second letters of all that have one, and so on.

    Args:
        joined: the ids, longest first, without anything between them.
        lengths: their lengths, in any order.
    """
    letters: _Column = (
        np.frombuffer(joined.encode("ascii"), dtype=np.uint8)
        if joined.isascii()
        else np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    )
    parts: list[list[_Column]] = [[] for _ in range(lengths.max(initial=0))]
    same, counts = np.unique(lengths, return_counts=True)
    start = 0
    for length, count in zip(same[::-1].tolist(), counts[::-1].tolist(), strict=True):
        block = letters[start : start + length * count].reshape(count, length)
        for at in range(length):
            parts[at].append(block[:, at])
        start += length * count
    return [np.concatenate(part) for part in parts]


def _step(hashes: _Hashes, letters: _Column | _Hashes) -> None:
    np.bitwise_xor(hashes, letters, out=hashes)
    np.multiply(hashes, _PRIME, out=hashes)


def _hashed_digits(numbers: _Hashes) -> _Hashes:
    """The hash of each number's decimal digits, as text without leading zeros."""
    hashes = np.full(len(numbers), _BASIS, dtype=np.uint32)
    smallest = numbers.min(initial=_POWERS[0])
    rest = numbers.copy()
    for power in _POWERS:
        digits = rest // power
        rest -= digits * power
        _step(hashes, digits + _ZERO)
        if smallest < power:
            # A leading zero is not written: such a number starts again with its next digit.
            np.copyto(hashes, _BASIS, where=numbers < power)
    _step(hashes, rest + _ZERO)
    return hashes
