"""What a new version of an experiment must not do to the visitors of the old one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from experiments.definition import Experiment, Status
from experiments.document import Document, Location, Value, path_text
from experiments.errors import Problem
from experiments.layers import Slot
from experiments.notation import shown, some

_NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.RUNNING}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.STOPPED, Status.SHIPPED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.STOPPED, Status.SHIPPED}),
    Status.STOPPED: frozenset({Status.SHIPPED}),
    Status.SHIPPED: frozenset(),
}


@dataclass(frozen=True)
class Change:
    """An experiment before and after, and where the new one is written.

    Attributes:
        before: as it was.
        after: as it is now.
        document: the new file.
        slot_before: its positions in a layer as they were.
        slot_after: its positions in a layer now.
        layers: the new `layers.yaml`.
    """

    before: Experiment
    after: Experiment
    document: Document
    slot_before: Slot | None
    slot_after: Slot | None
    layers: Document

    @property
    def runs_on(self) -> bool:
        """Whether visitors are assigned before and after, so that each difference meets them."""
        return self.before.status is self.after.status is Status.RUNNING

    def problem(self, at: Location, rule: str, message: str, mend: str) -> Problem:
        """A problem at a place of the new file."""
        return self.document.problem(self.document.at(at), rule, message, mend)


def judged(change: Change) -> Iterator[Problem]:
    """Every rule that a change breaks, at its place in the new file."""
    yield from _status(change)
    if change.runs_on:
        for rule in _WHILE_RUNNING:
            yield from rule(change)


def may_become(status: Status) -> list[Status]:
    """What an experiment of some status may become, in the order of an experiment's life."""
    return [each for each in Status if each in _NEXT[status]]


def lowered(before: Experiment, after: Experiment) -> Iterator[tuple[Location, float]]:
    """Where the new version writes less traffic, and how much it was."""
    if after.traffic < before.traffic:
        yield ("traffic",), before.traffic
    steps = {step.after: step.traffic for step in before.ramp}
    for index, step in enumerate(after.ramp):
        if step.traffic < steps.get(step.after, 0):
            yield ("ramp", index, "traffic"), steps[step.after]


def removed(before: Experiment, file: str) -> Iterator[Problem]:
    """The problem of an experiment whose file is gone, at the place where the file stood."""
    if before.status is Status.RUNNING:
        yield Problem(
            file,
            1,
            1,
            "removed-while-running",
            f"{shown(before.key)} was running, and its file is gone",
            "bring it back with `status: stopped`, and remove it in a later change",
        )


def _status(change: Change) -> Iterator[Problem]:
    was, now = change.before.status, change.after.status
    if now not in {was, *may_become(was)}:
        mend = f"write {' or '.join([was, *may_become(was)])}"
        if was in {Status.STOPPED, Status.SHIPPED}:
            mend += "; to test again, write a new experiment"
        message = f"status: {was} does not become {now}"
        yield change.problem(("status",), "status-transition", message, mend)


def _seed(change: Change) -> Iterator[Problem]:
    was, now = change.before.seed, change.after.seed
    if was != now:
        yield change.problem(
            ("seed",),
            "seed-changed",
            f"seed: it was {shown(was)}, and another seed moves visitors who are counted already",
            f"write `seed: {was}`, or give the new split a new experiment",
        )


def _unit(change: Change) -> Iterator[Problem]:
    was, now = change.before.unit, change.after.unit
    if was != now:
        yield change.problem(
            ("unit",),
            "unit-changed",
            f"unit: it was {was}, and units that are counted already would be assigned anew",
            f"write `unit: {was}`, or give the other unit a new experiment",
        )


def _variants(change: Change) -> Iterator[Problem]:
    was = [variant.key for variant in change.before.variants]
    now = [variant.key for variant in change.after.variants]
    for index, key in enumerate(now):
        if key not in was:
            yield change.problem(
                ("variants", index, "key"),
                "variants-changed",
                f"variants[{index}].key: there was no variant {shown(key)}, and its visitors "
                "would come from those of the others",
                "remove it, or give the new set of variants a new experiment",
            )
    if gone := [key for key in was if key not in now]:
        yield change.problem(
            ("variants",),
            "variants-changed",
            f"variants: {some(gone)} is gone, and its visitors would be moved to the others",
            "write it again, or pause the experiment first and give the rest a new one",
        )
    if was != now and sorted(was) == sorted(now):
        yield change.problem(
            ("variants",),
            "variants-changed",
            "variants: they stand in another order, and visitors would change places with it",
            f"write them in the order {some(was)}",
        )


def _flows(change: Change) -> Iterator[Problem]:
    was = {variant.key: variant.flow for variant in change.before.variants}
    for index, variant in enumerate(change.after.variants):
        if variant.key in was and was[variant.key] != variant.flow:
            yield change.problem(
                ("variants", index, "flow"),
                "variants-changed",
                f"variants[{index}].flow: it was {shown(was[variant.key])}, and visitors who are "
                "counted already have seen that one",
                "write it again, or give the other flow a new experiment",
            )


def _weights(change: Change) -> Iterator[Problem]:
    was = {variant.key: variant.weight for variant in change.before.variants}
    now = {variant.key: variant.weight for variant in change.after.variants}
    if was == now or was.keys() != now.keys():
        return
    index = next(at for at, key in enumerate(now) if now[key] != was[key])
    split = ", ".join(f"{weight:g}" for weight in was.values())
    yield change.problem(
        ("variants", index, "weight"),
        "weights-changed",
        f"variants[{index}].weight: the weights were {split}, and others move visitors who are "
        "counted already",
        "write them again, or give the new split a new experiment",
    )


def _control(change: Change) -> Iterator[Problem]:
    was, now = change.before.control.key, change.after.control.key
    if was != now:
        index = [variant.key for variant in change.after.variants].index(now)
        yield change.problem(
            ("variants", index, "control"),
            "control-changed",
            f"variants[{index}].control: the control was {shown(was)}, and visitors outside the "
            "experiment would see another checkout",
            f"write `control: true` on {shown(was)}, or give the comparison a new experiment",
        )


def _traffic(change: Change) -> Iterator[Problem]:
    for at, was in lowered(change.before, change.after):
        yield change.problem(
            at,
            "traffic-lowered",
            f"{path_text(at)}: it was {was:g}, and with less of it visitors who are counted "
            "already would leave",
            f"write {was:g} or more, or pause it first",
        )


def _slot(change: Change) -> Iterator[Problem]:
    if change.slot_before == change.slot_after:
        return
    message = "other visitors would enter, and some who are counted already would leave"
    mend = "write the slot as it was, or pause the experiment first"
    if change.before.layer != change.after.layer:
        said = f"layer: it was {shown(change.before.layer)}; {message}"
        yield change.problem(("layer",), "slot-changed", said, mend)
    else:
        at = _slot_in(change.layers, change.after.key)
        mark = change.layers.at(at)
        said = f"the slot of the running experiment {shown(change.after.key)} changed: {message}"
        yield change.layers.problem(mark, "slot-changed", said, mend)


def _slot_in(layers: Document, experiment: str) -> Location:
    """Where the slot of an experiment is written, or the whole file when it is nowhere."""
    found: Iterator[Location] = (
        ("layers", number, "slots", index)
        for number, layer in _entries(layers.content.get("layers"))
        for index, slot in _entries(layer.get("slots"))
        if slot.get("experiment") == experiment
    )
    return next(found, ())


def _entries(listed: Value) -> Iterator[tuple[int, dict[str, Value]]]:
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


_WHILE_RUNNING: Final[tuple[Callable[[Change], Iterator[Problem]], ...]] = (
    _seed,
    _unit,
    _variants,
    _flows,
    _weights,
    _control,
    _traffic,
    _slot,
)
