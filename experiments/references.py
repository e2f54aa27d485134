"""What definitions say of each other: names that must exist, and parts that must fit together."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from pydantic import ValidationError

from experiments.attributes import Attribute, AttributeType, Scalar
from experiments.cases import Case
from experiments.definition import Experiment, Status
from experiments.document import Document, Location, Mark, path_text
from experiments.errors import Problem
from experiments.layers import Layer, SlotEntry
from experiments.metrics import Kind, Metric
from experiments.notation import KEY_PATTERN, nearest, shown, some
from experiments.offers import CURRENCIES, Offer
from experiments.schema import LayersFile
from experiments.targeting import (
    Condition,
    Glob,
    In,
    NotIn,
    Range,
    Semver,
    Targeting,
    conditions,
    contradictions,
)
from experiments.targeting_file import read_targeting

LAYERS = "layers.yaml"
TESTS_SUFFIX: Final = ".test.yaml"
"""Assignment tests stand beside the definitions, and are none."""
ALIVE = frozenset({Status.DRAFT, Status.RUNNING, Status.PAUSED})
"""Experiments in these states may still assign, and need their slots for themselves."""


class Placed(NamedTuple):
    """The document of an experiment, and the experiment or what is wrong with it."""

    document: Document
    experiment: Experiment | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Shared:
    """What the experiments of one directory share; None where a file does not hold.

    Attributes:
        metrics: every metric, by key.
        offers: everything for sale, by key.
        attributes: every attribute, by key.
        layers: layers and holdouts, with the document they stand in.
        flows: the flows there are; None when nobody knows, and any name is taken.
    """

    metrics: Mapping[str, Metric] | None
    offers: Mapping[str, Offer] | None
    attributes: Mapping[str, Attribute] | None
    layers: tuple[Document, LayersFile] | None
    flows: Collection[str] | None


def references(placed: Placed, shared: Shared) -> Iterator[Problem]:
    """Every name of one experiment that nothing has, and every part that does not fit it."""
    document = placed.document
    if shared.metrics is not None:
        yield from _metric_problems(placed, shared.metrics)
    if shared.flows is not None:
        yield from _unknown_flows(document, shared.flows)
    if shared.layers is not None:
        yield from _layer_problems(placed, shared.layers[1])
    if shared.attributes is not None and (targeting := _targeting(document)) is not None:
        for at, condition in conditions(targeting, ("targeting",)):
            yield from _condition_problems(document, at, condition, shared)
        for at, message in contradictions(targeting, ("targeting",)):
            mend = "change or remove one of the two"
            yield document.problem(
                document.at(at), "contradictory-targeting", f"{path_text(at)}: {message}", mend
            )
    if shared.attributes is not None:
        yield from _segment_problems(document, shared.attributes)
    if placed.experiment is not None:
        yield from _unreachable_variants(document, placed.experiment)


def _unknown(
    document: Document,
    at: Location,
    rule: str,
    what: str,
    key: str,
    known: Iterable[str],
    file: str = "",
) -> Problem:
    known = list(known)
    near = nearest(key, known)
    mends = [f"write {f'`{near}`' if near else f'one of {some(known)}'}"] if known else []
    mends += [f"define it in {file}"] if file else []
    mend = ", or ".join(mends) or "remove it"
    message = f"{path_text(at)}: {what} {shown(key)}"
    return document.problem(document.at(at), rule, message, mend)


def _key_at(document: Document, name: str) -> str | None:
    """A key at the top of the file, unless it breaks the rules of keys anyway."""
    value = document.content.get(name)
    found = isinstance(value, str) and re.fullmatch(KEY_PATTERN, value)
    return str(value) if found else None


# metrics


def _metric_problems(placed: Placed, metrics: Mapping[str, Metric]) -> Iterator[Problem]:
    document, experiment = placed.document, placed.experiment
    for at, key in _metric_keys(document):
        if not re.fullmatch(KEY_PATTERN, key):
            continue
        if key not in metrics:
            what = "no metric has the key"
            yield _unknown(document, at, "unknown-metric", what, key, metrics, "metrics.yaml")
        elif experiment is not None:
            yield from _misfits(document, at, experiment, metrics[key])


def _metric_keys(document: Document) -> Iterator[tuple[Location, str]]:
    # Read from the document, so that an experiment with another mistake is judged too.
    roles = document.content.get("metrics")
    for role, named in roles.items() if isinstance(roles, dict) else ():
        at: Location = ("metrics", role)
        listed = list(enumerate(named)) if isinstance(named, list) and role != "primary" else []
        places: list[tuple[Location, object]] = [(at, named)]
        places += [((*at, index), key) for index, key in listed]
        places += [
            ((*at, index, "metric"), key["metric"])
            for index, key in listed
            if isinstance(key, dict) and "metric" in key
        ]
        yield from ((place, key) for place, key in places if isinstance(key, str))


def _misfits(
    document: Document, at: Location, experiment: Experiment, metric: Metric
) -> Iterator[Problem]:
    if metric.unit is not None and metric.unit.value != experiment.unit.value:
        yield document.problem(
            document.at(at),
            "metric-unit",
            f"{path_text(at)}: {shown(metric.key)} is a number of one {metric.unit}, "
            f"and each {experiment.unit} is assigned",
            f"write `unit: {metric.unit}`, or take another metric",
        )
    run = _run(experiment)
    if run is not None and metric.window is not None and metric.window > run:
        yield document.problem(
            document.at(at),
            "window-too-long",
            f"{path_text(at)}: the window of {shown(metric.key)} is longer than the run of "
            f"{run / timedelta(days=1):g} days",
            "take a metric with a shorter window, or write a later end",
        )
    if at == ("metrics", "primary") and experiment.analysis.baseline is not None:
        yield from _rate_of_no_proportion(document, metric)


def _rate_of_no_proportion(document: Document, metric: Metric) -> Iterator[Problem]:
    if metric.kind is not Kind.PROPORTION:
        at = ("analysis", "baseline")
        message = f"{path_text(at)}: {shown(metric.key)} is a {metric.kind} and has no rate"
        yield document.problem(document.at(at), "baseline-of-proportion", message, "remove it")


def _run(experiment: Experiment) -> timedelta | None:
    if experiment.start is None or experiment.end is None:
        return None
    return experiment.end - experiment.start


# flows


def _unknown_flows(document: Document, flows: Collection[str]) -> Iterator[Problem]:
    for at, key in _flow_keys(document):
        if key not in flows and re.fullmatch(KEY_PATTERN, key):
            yield _unknown(document, at, "unknown-flow", "there is no checkout flow", key, flows)


def _flow_keys(document: Document) -> Iterator[tuple[Location, str]]:
    variants = document.content.get("variants")
    for at, variant in enumerate(variants if isinstance(variants, list) else ()):
        flow = variant.get("flow") if isinstance(variant, dict) else None
        if isinstance(flow, str):
            yield ("variants", at, "flow"), flow


def deciding_the_flow(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments that decide the checkout's flow: those that run, else those shipped."""
    candidates = [found for found in experiments if found.control.flow is not None]
    running = [found for found in candidates if found.status is Status.RUNNING]
    return running or [found for found in candidates if found.status is Status.SHIPPED]


def rivals(documents: Mapping[Experiment, Document]) -> Iterator[Problem]:
    """Experiments that want to decide the flow of the same checkout."""
    deciding = deciding_the_flow(documents)
    for rival in deciding[1:]:
        first, document = deciding[0], documents[rival]
        if rival.layer is None or rival.layer != first.layer:
            yield document.problem(
                document.at(("status",)),
                "one-checkout-experiment",
                f"{shown(first.key)} is {rival.status} too and decides the checkout's flow",
                "pause or stop one of the two, or give both a slot in one layer",
            )
        elif rival.control.flow != first.control.flow:
            at = ("variants", rival.variants.index(rival.control), "flow")
            yield document.problem(
                document.at(at),
                "one-control-flow",
                f"{path_text(at)}: the control of {shown(first.key)}, in the same layer, shows "
                f"{shown(first.control.flow)}",
                f"write `flow: {first.control.flow}`, what visitors see today",
            )


# layers and holdouts


def _layer_problems(placed: Placed, layers: LayersFile) -> Iterator[Problem]:
    document, key = placed.document, _stem(placed.document)
    named = {layer.key: layer for layer in layers.layers}
    name = _key_at(document, "layer")
    if name is not None and name not in named:
        yield _unknown(
            document, ("layer",), "unknown-layer", "there is no layer", name, named, LAYERS
        )
    elif name is not None and named[name].slot_of(key) is None:
        yield document.problem(
            document.at(("layer",)),
            "slot-missing",
            f"layer: layers.yaml gives {shown(key)} no slot in {shown(name)}",
            f"write `- {{experiment: {key}, from: 0, to: 50}}` there",
        )
    holdouts = [holdout.key for holdout in layers.holdouts]
    holdout = _key_at(document, "holdout")
    if holdout is not None and holdout not in holdouts:
        what = "there is no holdout"
        yield _unknown(document, ("holdout",), "unknown-holdout", what, holdout, holdouts, LAYERS)


def _stem(document: Document) -> str:
    return re.split(r"[/\\]", document.file)[-1].removesuffix(".yaml")


def slot_problems(
    document: Document, layers: LayersFile, placed: Mapping[str, Placed]
) -> Iterator[Problem]:
    """Slots of experiments that do not want them, and slots that overlap.

    Args:
        document: the file of the layers.
        layers: what it says.
        placed: every experiment of the directory, by key.
    """
    for number, layer in enumerate(layers.layers):
        for index, slot in enumerate(layer.slots):
            at = ("layers", number, "slots", index, "experiment")
            yield from _unclaimed(document, at, layer, slot, placed)
        yield from _overlaps(document, number, layer, placed)


def _unclaimed(
    document: Document, at: Location, layer: Layer, slot: SlotEntry, placed: Mapping[str, Placed]
) -> Iterator[Problem]:
    key = slot.experiment
    if key not in placed:
        what = "no experiment has the key"
        yield _unknown(document, at, "unknown-experiment", what, key, placed)
    elif placed[key].document.content.get("layer") != layer.key:
        yield document.problem(
            document.at(at),
            "slot-unclaimed",
            f"{path_text(at)}: {shown(key)} does not name the layer {shown(layer.key)}",
            f"write `layer: {layer.key}` in {key}.yaml, or remove this slot",
        )


def _overlaps(
    document: Document, number: int, layer: Layer, placed: Mapping[str, Placed]
) -> Iterator[Problem]:
    alive = [
        (index, slot)
        for index, slot in enumerate(layer.slots)
        if slot.experiment in placed and _alive(placed[slot.experiment])
    ]
    for place, (index, slot) in enumerate(alive):
        for _, other in alive[:place]:
            if slot.lower < other.upper and other.lower < slot.upper:
                at = ("layers", number, "slots", index)
                yield document.problem(
                    document.at(at),
                    "slots-overlap",
                    f"{path_text(at)}: {shown(slot.experiment)} would share positions with "
                    f"{shown(other.experiment)}, which has {other.lower:g} to {other.upper:g}",
                    "move one of the two, or stop an experiment",
                )


def _alive(placed: Placed) -> bool:
    return placed.experiment is None or placed.experiment.status in ALIVE


# segments


def _segment_problems(document: Document, attributes: Mapping[str, Attribute]) -> Iterator[Problem]:
    analysis = document.content.get("analysis")
    named = analysis.get("segments") if isinstance(analysis, dict) else None
    for index, key in enumerate(named if isinstance(named, list) else ()):
        at = ("analysis", "segments", index)
        if not (isinstance(key, str) and re.fullmatch(KEY_PATTERN, key)):
            continue
        if key not in attributes:
            what, file = "there is no attribute", "attributes.yaml"
            yield _unknown(document, at, "unknown-attribute", what, key, attributes, file)
        elif attributes[key].type is AttributeType.NUMBER:
            message = f"{path_text(at)}: {key} is a number, and each of its values a segment"
            mend = "remove it, or declare an attribute that holds classes of it"
            yield document.problem(document.at(at), "segment-of-numbers", message, mend)


# targeting


def _targeting(document: Document) -> Targeting | None:
    """The targeting of a file, unless it breaks the rules of targeting anyway."""
    value = document.content.get("targeting")
    try:
        return None if value is None else read_targeting(value)
    except ValidationError:
        return None


def _condition_problems(
    document: Document, at: Location, condition: Condition, shared: Shared
) -> Iterator[Problem]:
    attributes = shared.attributes or {}
    attribute = attributes.get(condition.attribute)
    if attribute is None:
        what = "there is no attribute"
        place = (*at, "attribute")
        key, file = condition.attribute, "attributes.yaml"
        yield _unknown(document, place, "unknown-attribute", what, key, attributes, file)
        return
    if attribute.type not in _OPERATORS[type(condition)]:
        place = (*at, "attribute")
        yield document.problem(
            document.at(place),
            "attribute-type",
            f"{path_text(place)}: {attribute.key} is a {attribute.type}, and this compares "
            f"{_COMPARES[type(condition)]}",
            f"compare it with {_FITS[attribute.type]}",
        )
    elif isinstance(condition, In | NotIn):
        yield from _value_problems(document, at, condition, attribute, shared.offers)


_OPERATORS: Mapping[type[Condition], frozenset[AttributeType]] = {
    In: frozenset(AttributeType),
    NotIn: frozenset(AttributeType),
    Range: frozenset({AttributeType.NUMBER}),
    Glob: frozenset({AttributeType.TEXT, AttributeType.VERSION}),
    Semver: frozenset({AttributeType.VERSION}),
}
_COMPARES: Mapping[type[Condition], str] = {
    Range: "numbers",
    Glob: "text",
    Semver: "versions",
}
_FITS: Mapping[AttributeType, str] = {
    AttributeType.TEXT: "in, not_in or glob",
    AttributeType.NUMBER: "in, not_in, min or max",
    AttributeType.BOOLEAN: "in or not_in",
    AttributeType.VERSION: "semver, in, not_in or glob",
}


def _value_problems(
    document: Document,
    at: Location,
    condition: In | NotIn,
    attribute: Attribute,
    offers: Mapping[str, Offer] | None,
) -> Iterator[Problem]:
    operator = "in" if isinstance(condition, In) else "not_in"
    for index, value in enumerate(condition.values):
        known, told = _closed_list(attribute, offers)
        fault = attribute.fault(value) or ("" if not known or value in known else told)
        if fault:
            place = (*at, operator, index)
            message = f"{path_text(place)}: {shown(value)} is never its value: {fault}"
            mend = _value_mend(value, attribute, known)
            yield document.problem(document.at(place), "attribute-value", message, mend)


def _closed_list(
    attribute: Attribute, offers: Mapping[str, Offer] | None
) -> tuple[tuple[str, ...], str]:
    """The only values an attribute has, where they are known, and how to say so."""
    if attribute.key == "currency":
        return tuple(sorted(CURRENCIES)), "currency is an ISO 4217 code in lower case"
    if attribute.key == "offer":
        return tuple(offers or ()), "no offer of offers.yaml has this key"
    return attribute.values, ""


def _value_mend(value: Scalar, attribute: Attribute, known: tuple[str, ...]) -> str:
    cased = (str(value).upper(), str(value).lower())
    near = next((each for each in cased if _may_be(each, attribute, known)), "")
    near = near or nearest(str(value), known)
    if near:
        return f"write `{near}`"
    return f"write one of {some(known)}" if known else f"write {_FORMS[attribute.type]}"


def _may_be(value: str, attribute: Attribute, known: tuple[str, ...]) -> bool:
    return not attribute.fault(value) and (not known or value in known)


_FORMS: Mapping[AttributeType, str] = {
    AttributeType.TEXT: "a value that it can have, in quotes if need be",
    AttributeType.NUMBER: "a number without quotes",
    AttributeType.BOOLEAN: "true or false",
    AttributeType.VERSION: 'a version in quotes, such as "2.1.0"',
}


# variants


def _unreachable_variants(document: Document, experiment: Experiment) -> Iterator[Problem]:
    planned = experiment.analysis.planned_units
    for index, variant in enumerate(experiment.variants):
        if planned * variant.weight / 100 < 2:
            at = ("variants", index, "weight")
            yield document.problem(
                document.at(at),
                "unreachable-variant",
                f"{path_text(at)}: of {planned:,} planned units {variant.weight:g} percent are "
                f"{planned * variant.weight / 100:g}, and {shown(variant.key)} is hardly seen",
                "write a larger weight, or plan more units",
            )


# assignment tests


def tested_key(name: str) -> str:
    """The key of the experiment that a file of tests is about."""
    return name.removesuffix(TESTS_SUFFIX) if name.endswith(TESTS_SUFFIX) else ""


def untested(document: Document, key: str, known: Collection[str]) -> Iterator[Problem]:
    """Tests that stand beside no definition of their own.

    Args:
        document: the file of the tests.
        key: the experiment it is about, by its name.
        known: the experiments beside it.
    """
    if key not in known:
        near = nearest(key, known)
        yield document.problem(
            Mark(1, 1),
            "unknown-experiment",
            f"there is no definition {shown(key)} beside these tests",
            f"name the file {near or 'after its experiment, <key>'}{TESTS_SUFFIX}",
        )


def case_problems(
    document: Document,
    cases: Iterable[Case],
    experiment: Experiment | None,
    attributes: Mapping[str, Attribute] | None,
) -> Iterator[Problem]:
    """What tests say that their experiment, or any, can't be asked.

    Args:
        document: the file of the tests.
        cases: what it says.
        experiment: what they are about; None where it does not hold.
        attributes: every attribute, by key; None where nobody knows.
    """
    for number, case in enumerate(cases):
        at: Location = ("tests", number)
        keys = [variant.key for variant in experiment.variants] if experiment else []
        wanted = case.expect.variant
        if keys and wanted not in keys:
            place, what = (*at, "expect", "variant"), "no variant has the key"
            yield _unknown(document, place, "unknown-variant", what, wanted, keys)
        if experiment is not None and (fault := _status_fault(case, experiment)):
            place, mend = (*at, "status"), "write a status that the experiment can have"
            message = f"{path_text(place)}: {fault}"
            yield document.problem(document.at(place), "unknown-value", message, mend)
        for name, value in case.attributes.items() if attributes is not None else ():
            yield from _known_problems(document, (*at, "attributes", name), value, attributes or {})


def _status_fault(case: Case, experiment: Experiment) -> str:
    """Why the experiment can't have the status of a test, or nothing."""
    try:
        case.tried(experiment)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return str(first.get("ctx", {}).get("message", first["msg"]))
    return ""


def _known_problems(
    document: Document, at: Location, value: Scalar, attributes: Mapping[str, Attribute]
) -> Iterator[Problem]:
    name = str(at[-1])
    if name not in attributes:
        what, file = "there is no attribute", "attributes.yaml"
        yield _unknown(document, at, "unknown-attribute", what, name, attributes, file)
    elif fault := attributes[name].fault(value):
        message = f"{path_text(at)}: {shown(value)} is no value of this attribute"
        yield document.problem(document.at(at), "attribute-value", message, fault)
