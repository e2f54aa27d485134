"""What a change of definitions would do: pure, so the same change always gives the same plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from experiments import Catalog, Experiment, Status
from experiments.assignment import Assignment
from experiments.assignment import kept as keeping
from experiments.attributes import Attributes
from experiments.bulk import Units, assign_many
from experiments.definition import Unit
from experiments.differences import Changed, Hazard, differing, hazards
from service.planning.movement import NOWHERE, Movement, Standing
from service.planning.population import Population
from service.store.visitors import Visitor

ATTRIBUTES = ("country", "device", "currency")
"""What a movement is broken down by, where it is known."""

Kept = Mapping[str, Mapping[str, str]]
"""The variants that units were exposed to, by experiment and unit."""


@dataclass(frozen=True)
class Effect:
    """What a change does to the units of one experiment.

    Attributes:
        changed: the definition's own differences.
        at: the moment that is looked at: now, or the start that is yet to come.
        exposed: visitors who were exposed to it before.
        returning: the movement where those who were exposed keep what they saw.
        new: the movement of the same ids by their hash alone, as of visitors who come first.
        by_attribute: the movement of new visitors, by attribute and its value.
        hazards: why its analysis would no longer hold.
        notes: what else to know of the counts.
    """

    changed: Changed
    at: datetime
    exposed: int
    returning: Movement
    new: Movement
    by_attribute: Mapping[str, Mapping[str, Movement]]
    hazards: tuple[Hazard, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """A change of definitions, and whom it moves.

    Attributes:
        against: what the definitions are compared with, as people call it.
        generated_at: when it was made.
        population: whom it was tried on.
        effects: one for each experiment that differs.
        others: metrics, offers, layers and attributes that differ.
        hazards: what changed metrics do to running experiments, by metric.
    """

    against: str
    generated_at: datetime
    population: Population
    effects: tuple[Effect, ...]
    others: tuple[Changed, ...]
    hazards: Mapping[str, tuple[Hazard, ...]]

    @property
    def changes(self) -> int:
        """How many definitions differ."""
        return len(self.effects) + len(self.others)


class _Side(NamedTuple):
    """An experiment on one side of the change, and how the population stands in it."""

    hashed: list[Standing]
    returning: list[Standing]


def propose(
    before: Catalog,
    after: Catalog,
    *,
    population: Population,
    kept: Kept,
    against: str,
    now: datetime,
) -> Proposal:
    """Compares two versions of the definitions, and tries the change on a population.

    Args:
        before: the definitions as they were.
        after: the definitions as they would be.
        population: whom it is tried on.
        kept: which variants they were exposed to.
        against: what `before` is, as people call it.
        now: the time of the change.
    """
    ready = _Ready(population.visitors)
    effects = tuple(
        _effect(changed, before, after, ready=ready, kept=kept.get(changed.key, {}), now=now)
        for changed in differing("experiment", before.experiments, after.experiments)
    )
    others = tuple(_others(before, after))
    return Proposal(
        against=against,
        generated_at=now,
        population=population,
        effects=effects,
        others=others,
        hazards=_metric_hazards(others, before),
    )


def _others(before: Catalog, after: Catalog) -> Iterator[Changed]:
    yield from differing("metric", before.metrics, after.metrics)
    yield from differing("offer", before.offers, after.offers)
    yield from differing("layer", before.layers, after.layers)
    yield from differing("attribute", before.attributes, after.attributes)


def _metric_hazards(others: Sequence[Changed], before: Catalog) -> Mapping[str, tuple[Hazard, ...]]:
    """A metric that is counted otherwise rewrites the results of experiments that run."""
    found = {}
    for changed in others:
        named = [
            experiment.key
            for experiment in before.experiments.values()
            if experiment.status is Status.RUNNING and changed.key in experiment.metrics.keys
        ]
        if changed.kind == "metric" and named and _counts_otherwise(changed):
            message = (
                f"{', '.join(named)} reads it while running: its numbers change from the first "
                "unit on; define a metric of another key"
            )
            found[changed.key] = (Hazard("metric-changed", message),)
    return found


def _counts_otherwise(changed: Changed) -> bool:
    return any(difference.path != "name" for difference in changed.differences)


class _Units(NamedTuple):
    """Ids made ready for hashing, which visitor each belongs to, and what is known of them."""

    units: Units
    of: list[int]
    attributes: list[Attributes]


class _Ready:
    """The population, as visitors and as customers."""

    def __init__(self, visitors: Sequence[Visitor]) -> None:
        self.visitors = visitors
        self.attributes = [visitor.attributes for visitor in visitors]
        self._ready: dict[Unit, _Units] = {}

    def units(self, unit: Unit) -> _Units:
        """The ids that are assigned; visitors without one of this kind are left out."""
        if unit not in self._ready:
            ids = {at: visitor.id_of(unit) for at, visitor in enumerate(self.visitors)}
            of = [at for at, name in ids.items() if name]
            attributes = [self.attributes[at] for at in of]
            self._ready[unit] = _Units(Units(ids[at] or "" for at in of), of, attributes)
        return self._ready[unit]


def _effect(
    changed: Changed,
    before: Catalog,
    after: Catalog,
    *,
    ready: _Ready,
    kept: Mapping[str, str],
    now: datetime,
) -> Effect:
    old, new = before.experiments.get(changed.key), after.experiments.get(changed.key)
    at = _moment(old, new, now)
    was, will = _side(old, ready, kept, at), _side(new, ready, kept, at)
    judged = new or old
    ids = ready.units(judged.unit).units.ids if judged else ()
    return Effect(
        changed=changed,
        at=at,
        exposed=sum(unit in kept for unit in ids),
        returning=Movement.of(was.returning, will.returning),
        new=Movement.of(was.hashed, will.hashed),
        by_attribute=_by_attribute(ready, was.hashed, will.hashed),
        hazards=hazards(old, new, changed) if old and new else _gone(old),
        notes=tuple(_notes(old, new, at, now)),
    )


def _moment(old: Experiment | None, new: Experiment | None, now: datetime) -> datetime:
    """Now; or the start that is still to come, for before it nobody is assigned."""
    judged = new or old
    return max(now, judged.start) if judged and judged.start else now


def _gone(old: Experiment | None) -> tuple[Hazard, ...]:
    if old is None or old.status is not Status.RUNNING:
        return ()
    message = "its units would be left without a report; write `status: stopped`, and keep the file"
    return (Hazard("removed-while-running", message),)


def _notes(
    old: Experiment | None, new: Experiment | None, at: datetime, now: datetime
) -> Iterator[str]:
    if at > now:
        yield f"counted as of its start, {at:%Y-%m-%d %H:%M} UTC"
    if new is not None and new.stopped:
        yield "an operator has stopped it, so that nobody is in it whatever its file says"
    if new is not None and new.status is not Status.RUNNING:
        yield f"its status is {new.status}, so that nobody enters"
    if new is not None and new.status is Status.DRAFT:
        yield f"`kassa preview {new.key}` shows what it would do"
    if old is not None and new is not None and old.status is not new.status:
        yield f"the status goes from {old.status} to {new.status}"


def _side(
    experiment: Experiment | None, ready: _Ready, kept: Mapping[str, str], at: datetime
) -> _Side:
    if experiment is None:
        nowhere = [NOWHERE] * len(ready.visitors)
        return _Side(nowhere, nowhere)
    units, of, attributes = ready.units(experiment.unit)
    assigned = assign_many(experiment, units, now=at, attributes=attributes)
    # Who has no id of this kind sees the control.
    hashed = [Standing(experiment.control.key, counted=False)] * len(ready.visitors)
    table = [
        (Standing(variant.key, counted=False), Standing(variant.key, counted=True))
        for variant in experiment.variants
    ]
    found = zip(of, assigned.variant.tolist(), assigned.enrolled.tolist(), strict=True)
    for visitor, variant, counted in found:
        hashed[visitor] = table[variant][counted]
    returning = list(hashed)
    for at_unit, unit in enumerate(units.ids):
        if unit in kept:
            stands = keeping(experiment, assigned[at_unit], kept[unit])
            returning[of[at_unit]] = _standing(stands)
    return _Side(hashed, returning)


def _standing(assignment: Assignment) -> Standing:
    return Standing(assignment.variant.key, counted=assignment.enrolled)


def _by_attribute(
    ready: _Ready, before: Sequence[Standing], after: Sequence[Standing]
) -> dict[str, dict[str, Movement]]:
    return {
        name: found
        for name in ATTRIBUTES
        if (found := _by_values([each.get(name) for each in ready.attributes], before, after))
    }


def _by_values(
    values: Sequence[object], before: Sequence[Standing], after: Sequence[Standing]
) -> dict[str, Movement]:
    groups: dict[str, list[tuple[Standing, Standing]]] = {}
    for value, old, new in zip(values, before, after, strict=True):
        if value is not None:
            groups.setdefault(str(value), []).append((old, new))
    largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return {value: Movement.of(*zip(*pairs, strict=True)) for value, pairs in largest}
