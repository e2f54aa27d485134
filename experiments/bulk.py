"""Many units at once: `bucket` and `assign` for millions, with the same answer for each.

This is the one module here that needs numpy. Pages never load it: they assign one visitor at a
time, and numpy would cost each worker its memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from experiments.assignment import Assignment, Cause, while_closed
from experiments.attributes import NOTHING, Attributes, Scalar
from experiments.bucketing import PLACES, PRIME, hash_of_code_units
from experiments.definition import Experiment
from experiments.rules import OUTSIDE, Rules
from experiments.targeting import Targeting, conditions
from experiments.variants import Variant

Places: TypeAlias = NDArray[np.uint16]
Indices: TypeAlias = NDArray[np.int16]
Flags: TypeAlias = NDArray[np.bool_]
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

    def places(self, seed: str) -> Places:
        """The position of every unit under a seed in ten thousandths, as `place` finds it."""
        start = np.uint32(hash_of_code_units(seed))
        found = np.empty(len(self), dtype=np.uint16)
        for first in range(0, len(self), _BLOCK):
            rows = slice(first, first + _BLOCK)
            order = self._order[rows]
            hashes = np.full(len(order), start, dtype=np.uint32)
            for column in self._columns:
                letters = column[rows]
                if not len(letters):
                    break
                _step(hashes[: len(letters)], letters)
            found[order] = _hashed_digits(hashes) % np.uint32(PLACES)
        return found


CAUSES: Final = tuple(Cause)
"""What the numbers of `Assigned.cause` stand for."""
_CODE: Final = {cause: code for code, cause in enumerate(CAUSES)}


@dataclass(frozen=True, eq=False)
class Assigned:
    """What many units see, and why: each array has one entry for each unit, in their order.

    Attributes:
        experiment: the definition.
        units: who was assigned.
        variant: which of the experiment's variants each unit sees, by its index.
        cause: why, as an index into `CAUSES`.
    """

    experiment: Experiment
    units: Units
    variant: Indices
    cause: NDArray[np.uint8]

    @property
    def enrolled(self) -> Flags:
        """Which units count in the experiment once they are exposed."""
        return np.equal(self.cause, _CODE[Cause.SPLIT])

    @property
    def entered(self) -> Indices:
        """The variant of each unit that counts; -1 for every other."""
        return np.where(self.enrolled, self.variant, np.int16(-1))

    def __getitem__(self, at: int) -> Assignment:
        """What `assign` says of one of the units."""
        return Assignment(
            self.experiment.key,
            self.units.ids[at],
            self.experiment.variants[self.variant[at]],
            CAUSES[self.cause[at]],
            seed=self.experiment.seed,
        )


def assign_many(
    experiment: Experiment,
    units: Units,
    *,
    now: datetime,
    attributes: Sequence[Attributes] | None = None,
) -> Assigned:
    """Finds what each unit sees, exactly as `assign` does for one.

    Args:
        experiment: the definition.
        units: who is asked about; none of them empty.
        now: the time, aware.
        attributes: what is known of each unit, in their order; None where nothing is.

    Raises:
        ValueError: when an id is empty, or there are not as many attributes as units.
    """
    _refuse_unknown(units, attributes)
    if not experiment.is_open(now):
        seen, why = while_closed(experiment)
        variant, cause = _filled(len(units), _index(experiment, seen), why)
        return Assigned(experiment, units, variant, cause)
    variant, cause = _split(experiment, units, now)
    # The other way round than `assign` asks: what is asked first is written last, and stands.
    control = _index(experiment, experiment.control)
    for barred, why in _bars(experiment, units, now, attributes):
        variant[barred], cause[barred] = control, _CODE[why]
    _force(experiment, units, now, variant, cause)
    return Assigned(experiment, units, variant, cause)


def _refuse_unknown(units: Units, attributes: Sequence[Attributes] | None) -> None:
    if not all(units.ids):
        raise ValueError("a unit_id is empty: there is nobody to assign")
    if attributes is not None and len(attributes) != len(units):
        raise ValueError(f"{len(attributes)} attributes are given for {len(units)} units")


def _index(experiment: Experiment, variant: Variant) -> int:
    return experiment.variants.index(variant)


def _filled(count: int, variant: int, cause: Cause) -> tuple[Indices, NDArray[np.uint8]]:
    return np.full(count, variant, dtype=np.int16), np.full(count, _CODE[cause], dtype=np.uint8)


def _split(
    experiment: Experiment, units: Units, now: datetime
) -> tuple[Indices, NDArray[np.uint8]]:
    variants = np.frombuffer(experiment.rules.places_at(now), dtype=np.uint8)
    variant = variants[units.places(experiment.seed)].astype(np.int16)
    outside = variant == OUTSIDE
    variant[outside] = _index(experiment, experiment.control)
    outside_traffic, split = np.uint8(_CODE[Cause.OUTSIDE_TRAFFIC]), np.uint8(_CODE[Cause.SPLIT])
    return variant, np.where(outside, outside_traffic, split)


def _bars(
    experiment: Experiment,
    units: Units,
    now: datetime,
    attributes: Sequence[Attributes] | None,
) -> Iterator[tuple[Flags, Cause]]:
    """Who may not enter, and why; the last that is told of a unit is the one that stands."""
    rules = experiment.rules
    slot = rules.slot
    if slot is not None:
        placed = units.places(slot.seed)
        yield (placed < slot.start) | (placed >= slot.end), Cause.OTHER_SLOT
    for holdout in rules.holdouts:
        if holdout.holds(now):
            yield units.places(holdout.seed) < holdout.end, Cause.HELD_OUT
    if experiment.targeting is not None:
        known = attributes or [NOTHING] * len(units)
        yield ~_admitted(rules, experiment.targeting, known), Cause.NOT_TARGETED


def _admitted(rules: Rules, targeting: Targeting, attributes: Sequence[Attributes]) -> Flags:
    """Whom the experiment is for; each combination of attributes is asked about once."""
    name, among, admits = rules.attribute, rules.among, rules.admits
    if admits is None:
        admitted = (among is None or known.get(name) in among for known in attributes)
        return np.fromiter(admitted, dtype=np.bool_, count=len(attributes))
    names = sorted({condition.attribute for _, condition in conditions(targeting)})
    columns = [_told_apart([known.get(name) for known in attributes]) for name in names]
    answers = {values: admits(_known(names, values)) for values in set(zip(*columns, strict=True))}
    found = map(answers.__getitem__, zip(*columns, strict=True))
    return np.fromiter(found, dtype=np.bool_, count=len(attributes))


_Truth: TypeAlias = tuple[bool]
_Value: TypeAlias = Scalar | _Truth | None


def _told_apart(values: list[Scalar | None]) -> list[_Value]:
    """To Python 1 is True, and to targeting it is not: booleans are wrapped."""
    if bool not in set(map(type, values)):
        return list(values)
    return [(value,) if isinstance(value, bool) else value for value in values]


def _known(names: Sequence[str], values: Sequence[_Value]) -> Attributes:
    pairs = zip(names, values, strict=True)
    plain = ((name, value[0] if isinstance(value, tuple) else value) for name, value in pairs)
    return {name: value for name, value in plain if value is not None}


def _force(
    experiment: Experiment,
    units: Units,
    now: datetime,
    variant: Indices,
    cause: NDArray[np.uint8],
) -> None:
    forced = {unit: each for unit, each in experiment.rules.forced.items() if each.holds(now)}
    if not forced:
        return
    for at, unit in enumerate(units.ids):
        if unit in forced:
            variant[at] = _index(experiment, experiment.variant(forced[unit].variant))
            cause[at] = _CODE[Cause.OVERRIDE]


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
