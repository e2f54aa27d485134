"""From a document to typed definitions, or to every problem in it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from experiments.attributes import BUILT_IN, Attribute
from experiments.cases import Case, CasesFile, Expectation
from experiments.definition import Experiment
from experiments.document import Document, Location, path_text
from experiments.entry import Override, RampStep
from experiments.errors import InvalidDefinition, Problem, first_problems
from experiments.hints import Explained
from experiments.layers import Holdout, Layer, SlotEntry, one_slot_each
from experiments.metrics import Kind, Metric
from experiments.notation import KEY_PATTERN, STRICT, Breach, nearest, refuse_all, repeated, shown
from experiments.offers import InvoiceTerms, Offer, Subscription
from experiments.plan import AnalysisPlan, DecisionRule, Exposure, Guardrail, MetricRoles
from experiments.targeting_file import SCHEMA as TARGETING_SCHEMA
from experiments.variants import Variant

ELSEWHERE: Final = frozenset({"slot", "holdouts", "stopped", "granted"})
"""What an experiment learns from other files and from operators, and never from its own."""

Listed = TypeVar("Listed", Attribute, Holdout, Layer, Metric, Offer)


def _supported(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    refuse_all(
        Breach(
            (index, "kind"),
            "unsupported-value",
            "ratio metrics are not supported by this version",
            "write proportion or mean",
        )
        for index, metric in enumerate(metrics)
        if metric.kind is Kind.RATIO
    )
    return metrics


def _with_values(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    refuse_all(
        Breach(
            (index, "event"),
            "mean-without-values",
            f"{metric.event} has no value that a mean could be taken of",
            "write an event about money such as payment_succeeded, or `kind: proportion`",
        )
        for index, metric in enumerate(metrics)
        if metric.kind is Kind.MEAN and not metric.has_values
    )
    return metrics


def _unique(items: tuple[Listed, ...]) -> tuple[Listed, ...]:
    refuse_all(
        Breach(
            (index, "key"),
            "unique-key",
            f"the key {shown(items[index].key)} is taken by an earlier entry",
            "give each entry a key of its own",
        )
        for index in repeated(item.key for item in items)
    )
    return items


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MetricsFile:
    """What `metrics.yaml` holds.

    Attributes:
        version: version of the format.
        metrics: the metrics experiments may name, their keys unique.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    metrics: Annotated[
        tuple[Metric, ...],
        AfterValidator(_supported),
        AfterValidator(_with_values),
        AfterValidator(_unique),
        Field(description="a list of metrics, each with key, name, event, kind and direction"),
    ]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OffersFile:
    """What `offers.yaml` holds.

    Attributes:
        version: version of the format.
        offers: what is for sale, their keys unique.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    offers: Annotated[
        tuple[Offer, ...],
        AfterValidator(_unique),
        Field(description="a list of offers, each with key, name, amount and currency"),
    ]


def _not_built_in(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    refuse_all(
        Breach(
            (index, "key"),
            "unique-key",
            f"the service itself tells {shown(attribute.key)}",
            "remove this entry, or choose another key",
        )
        for index, attribute in enumerate(attributes)
        if attribute.key in BUILT_IN
    )
    return attributes


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LayersFile:
    """What `layers.yaml` holds.

    Attributes:
        version: version of the format.
        layers: sets of experiments of which a unit meets one at most, their keys unique.
        holdouts: units that see no experiment, their keys unique.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    layers: Annotated[
        tuple[Layer, ...],
        AfterValidator(_unique),
        AfterValidator(one_slot_each),
        Field(description="a list of layers, each with key and slots"),
    ] = ()
    holdouts: Annotated[
        tuple[Holdout, ...],
        AfterValidator(_unique),
        Field(description="a list of holdouts, each with key and share"),
    ] = ()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AttributesFile:
    """What `attributes.yaml` holds.

    Attributes:
        version: version of the format.
        attributes: what merchants tell of a unit beside what the service knows.
    """

    version: Annotated[Literal[1], Field(description="1")] = 1
    attributes: Annotated[
        tuple[Attribute, ...],
        AfterValidator(_unique),
        AfterValidator(_not_built_in),
        Field(description="a list of attributes, each with key, type and description"),
    ] = ()


Part = TypeVar("Part")

# Which type describes the mapping at a path, with list indices left out.
_PARTS: Final[Mapping[type, Mapping[tuple[str, ...], type]]] = {
    Experiment: {
        (): Experiment,
        ("variants",): Variant,
        ("overrides",): Override,
        ("ramp",): RampStep,
        ("exposure",): Exposure,
        ("metrics",): MetricRoles,
        ("metrics", "guardrails"): Guardrail,
        ("analysis",): AnalysisPlan,
        ("decision",): DecisionRule,
    },
    MetricsFile: {(): MetricsFile, ("metrics",): Metric},
    OffersFile: {
        (): OffersFile,
        ("offers",): Offer,
        ("offers", "subscription"): Subscription,
        ("offers", "invoice"): InvoiceTerms,
    },
    LayersFile: {
        (): LayersFile,
        ("layers",): Layer,
        ("layers", "slots"): SlotEntry,
        ("holdouts",): Holdout,
    },
    AttributesFile: {(): AttributesFile, ("attributes",): Attribute},
    CasesFile: {(): CasesFile, ("tests",): Case, ("tests", "expect"): Expectation},
}
# Those that are one mapping, and no list of them.
_MAPPINGS: Final = frozenset(
    {Exposure, MetricRoles, AnalysisPlan, DecisionRule, Subscription, InvoiceTerms}
)
_KINDS: Final[Mapping[str, type]] = {
    "experiment": Experiment,
    "metrics": MetricsFile,
    "offers": OffersFile,
    "layers": LayersFile,
    "attributes": AttributesFile,
    "tests": CasesFile,
}
KINDS: Final = tuple(_KINDS)
"""The kinds of definition files there are."""


def parse_experiment(document: Document) -> Experiment:
    """The experiment of a file, whose stem is its key.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    key = PurePath(document.file).stem
    problems = [*_key_problems(document, key)]
    own = {name: value for name, value in document.content.items() if name not in ELSEWHERE}
    return _parse(Experiment, document, {**own, "key": key}, problems)


def parse_metrics(document: Document) -> Mapping[str, Metric]:
    """The metrics of a file, by key.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    file = _parse(MetricsFile, document, document.content, [])
    return {metric.key: metric for metric in file.metrics}


def parse_offers(document: Document) -> Mapping[str, Offer]:
    """The offers of a file, by key.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    file = _parse(OffersFile, document, document.content, [])
    return {offer.key: offer for offer in file.offers}


def parse_layers(document: Document) -> LayersFile:
    """The layers and holdouts of a file.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    return _parse(LayersFile, document, document.content, [])


def parse_attributes(document: Document) -> Mapping[str, Attribute]:
    """The attributes of a file, by key, after those the service knows itself.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    file = _parse(AttributesFile, document, document.content, [])
    return {**BUILT_IN, **{attribute.key: attribute for attribute in file.attributes}}


def parse_cases(document: Document) -> tuple[Case, ...]:
    """The assignment tests of a file.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    return _parse(CasesFile, document, document.content, []).tests


def parse_as(kind: type[Part], document: Document, parts: Mapping[tuple[str, ...], type]) -> Part:
    """Another floor's file, read as strictly as a definition and refused in the same words.

    Args:
        kind: a pydantic dataclass; each field's description says what to write.
        document: the file.
        parts: which type describes the mapping at a path.

    Raises:
        InvalidDefinition: with every problem of the file.
    """
    words = _Words(parts, frozenset(parts.values()) - {kind})
    return _parse(kind, document, document.content, [], words)


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one kind of file, made from the same types that check it.

    Args:
        kind: one of `KINDS`.

    Raises:
        KeyError: for any other kind.
    """
    schema = TypeAdapter(_KINDS[kind]).json_schema(schema_generator=Explained)
    if kind == "experiment":
        # The file's name is the key; editors must not ask for it a second time.
        for name in {"key", *ELSEWHERE}:
            del schema["properties"][name]
        # It refers to itself, which the type that reads it does not.
        schema["$defs"]["Targeting"] = dict(TARGETING_SCHEMA)
        schema["properties"]["targeting"]["$ref"] = "#/$defs/Targeting"
        del schema["$defs"]["Holdout"], schema["$defs"]["Slot"]
        schema["required"] = ["version", *(key for key in schema["required"] if key != "key")]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _key_problems(document: Document, key: str) -> Iterator[Problem]:
    if "key" in document.content:
        yield document.problem(
            document.at_key(("key",)),
            "key-from-file",
            f"the key is the name of the file, {shown(key)}",
            "remove this line, or rename the file",
        )
    for name in sorted(ELSEWHERE & set(document.content)):
        yield document.problem(
            document.at_key((name,)),
            "unknown-key",
            f"{name}: the key is unknown",
            f"remove it; {_WHENCE[name]}",
        )
    if not re.fullmatch(KEY_PATTERN, key):
        yield document.problem(
            document.at(()),
            "bad-key",
            f"the name of the file, {shown(key)}, is not a key",
            "rename the file to lower-case letters, digits, - and _, such as one-page.yaml",
        )


class _Words(NamedTuple):
    """The types that a kind of file is told in.

    Attributes:
        parts: which type describes the mapping at a path, with list indices left out.
        mappings: those that are one mapping, and no list of them.
    """

    parts: Mapping[tuple[str, ...], type]
    mappings: frozenset[type]


def _parse(
    kind: type[Part],
    document: Document,
    content: Mapping[str, object],
    problems: list[Problem],
    words: _Words | None = None,
) -> Part:
    words = words or _Words(_PARTS[kind], _MAPPINGS)
    errors = _unwritten_version(kind, content)
    definition: Part | None = None
    try:
        # Strict JSON is what YAML can say: text for times and enumerations, lists for tuples.
        definition = TypeAdapter(kind).validate_json(json.dumps(content))
    except ValidationError as error:
        errors += error.errors(include_url=False)
    found = [*problems, *first_problems(_Findings(kind, document, errors, words).problems())]
    if found or definition is None:
        raise InvalidDefinition(found)
    return definition


def _unwritten_version(kind: type, content: Mapping[str, object]) -> list[ErrorDetails]:
    # In Python the version has a default; a file says which format it is written in.
    if kind is not Experiment or "version" in content:
        return []
    return [ErrorDetails(type="missing", loc=("version",), msg="", input=None)]


class _Findings:
    """What pydantic found in a document, told in the document's own terms."""

    def __init__(
        self, kind: type, document: Document, errors: list[ErrorDetails], words: _Words
    ) -> None:
        self._parts, self._mappings = words
        self._document = document
        self._errors = [error for error in errors if _is_about_the_file(kind, error)]

    def problems(self) -> Iterator[Problem]:
        """One problem for each error, except for keys that are there under a misspelt name."""
        misspelt: set[Location] = set()
        for error in sorted(self._errors, key=lambda error: error["type"] == "missing"):
            at = error["loc"]
            if error["type"] == "missing":
                if at not in misspelt:
                    yield self._missing(at)
            elif error["type"] == "unexpected_keyword_argument":
                meant = "" if self._mapping_of(at) else self._meant(at)
                misspelt.add((*at[:-1], meant))
                yield self._unknown(at, meant)
            else:
                yield self._wrong(error)

    def _missing(self, at: Location) -> Problem:
        return self._document.problem(
            self._document.at(at[:-1]),
            "missing-key",
            f"{path_text(at)}: the key is missing",
            f"write `{at[-1]}:` and {self._form(at)}",
        )

    def _unknown(self, at: Location, meant: str) -> Problem:
        mark = self._document.at_key(at)
        known = ", ".join(self._known(at))
        mend = f"write `{meant}`" if meant else f"remove it; the keys here are {known}"
        if above := self._mapping_of(at):
            mend = f"move it below `{above}:`, indented"
        message = f"{path_text(at)}: the key is unknown"
        return self._document.problem(mark, "unknown-key", message, mend)

    def _wrong(self, error: ErrorDetails) -> Problem:
        at, rule, context = error["loc"], error["type"], error.get("ctx", {})
        if "mend" in context:
            message, mend = context["message"], context["mend"]
        else:
            rule, says = _FINDINGS[rule]
            message, mend = says.format(value=shown(error["input"]), **context), self._mend(error)
        mark = (
            self._document.at_key(at)
            if rule == "unknown-key"
            else self._document.at(_SHOWN_AT.get(rule, at))
        )
        return self._document.problem(mark, rule, f"{path_text(at)}: {message}", mend)

    def _mend(self, error: ErrorDetails) -> str:
        value, at = error["input"], error["loc"]
        if error["type"] == "string_type" and isinstance(value, int):
            return f'put it in quotes: "{json.dumps(value)}"'
        if error["type"] in {"float_type", "int_type"} and _reads_as_number(value):
            return f"remove the quotes: {value}"
        expected = re.findall("'([^']*)'", error.get("ctx", {}).get("expected", ""))
        # Another word of a closed list is no misspelling: a user is no customer.
        near = nearest(str(value), expected, likeness=0.7)
        return f"write `{near}`" if near else f"write {self._form(at)}"

    def _known(self, at: Location) -> list[str]:
        part = self._part(at)
        hidden = {"key", *ELSEWHERE} if part is Experiment else set()
        return [key for key in _keys_of(part) if key not in hidden]

    def _meant(self, at: Location) -> str:
        here = at[:-1]
        free = [name for name in self._known(at) if (*here, name) not in self._document.keys]
        return nearest(str(at[-1]), free)

    def _mapping_of(self, at: Location) -> str:
        """The mapping at the top that a key of the top belongs to, or nothing."""
        for path, part in self._parts.items():
            if len(at) == len(path) == 1 and part in self._mappings and at[0] in _keys_of(part):
                return path[0]
        return ""

    def _part(self, at: Location) -> Any:
        names = tuple(str(step) for step in at if isinstance(step, str))
        return self._parts[names[:-1]]

    def _form(self, at: Location) -> str:
        name = next(step for step in reversed(at) if isinstance(step, str))
        fields = self._part(at).__pydantic_fields__
        field = next(each for key, each in fields.items() if name in {key, each.alias})
        return str(field.description)


def _keys_of(part: Any) -> list[str]:
    return [field.alias or name for name, field in part.__pydantic_fields__.items()]


def _is_about_the_file(kind: type, error: ErrorDetails) -> bool:
    # An experiment's key comes from the file's name, and the defaults of seeds from keys.
    derived = error["type"] == "default_factory_not_called"
    return not (derived or (kind is Experiment and error["loc"] == ("key",)))


def _reads_as_number(value: object) -> bool:
    return (
        isinstance(value, str) and re.fullmatch(r"(0|[1-9]\d{0,14})(\.\d{1,9})?", value) is not None
    )


# Whence an experiment learns what its file may not say.
_WHENCE: Final[Mapping[str, str]] = {
    "slot": "slots stand in layers.yaml, and the experiment names its `layer:`",
    "holdouts": "write `holdout:` and a key of layers.yaml",
    "stopped": "write `status: stopped`",
    "granted": "steps of a ramp are granted by operators",
}

# Where a key is missing because of another, the other one is shown.
_SHOWN_AT: Final[Mapping[str, Location]] = {"winner-missing": ("status",)}

# What pydantic's own errors mean here: the rule, and what is wrong.
_FINDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("wrong-type", "{value} is not text"),
    "bool_type": ("wrong-type", "{value} is neither true nor false"),
    "int_type": ("wrong-type", "{value} is not a whole number"),
    "float_type": ("wrong-type", "{value} is not a number"),
    "finite_number": ("out-of-range", "{value} is not a finite number"),
    "tuple_type": ("wrong-type", "{value} is not a list"),
    "dataclass_type": ("wrong-type", "{value} is not a mapping"),
    "enum": ("unknown-value", "{value} is not one of {expected}"),
    "literal_error": ("unknown-value", "{value} is not {expected}"),
    "greater_than": ("out-of-range", "{value} is not above {gt:g}"),
    "greater_than_equal": ("out-of-range", "{value} is below {ge}"),
    "less_than": ("out-of-range", "{value} is not below {lt:g}"),
    "less_than_equal": ("out-of-range", "{value} is above {le}"),
    "too_long": ("out-of-range", "there are more than {max_length} entries"),
    "string_too_long": ("text-too-long", "the text is longer than {max_length} characters"),
    "string_pattern_mismatch": ("bad-key", "{value} is not a key"),
}
