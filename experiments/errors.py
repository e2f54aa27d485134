"""What this floor refuses, and how it says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Final

RULES: Mapping[str, str] = MappingProxyType(
    {
        # the file
        "unreadable": "The file can be opened and read.",
        "file-extension": "Definitions are files ending in .yaml.",
        "misplaced-file": "What experiments share stands in files above the definitions.",
        "file-too-large": "A definition file holds at most 256 kB.",
        "not-utf8": "A definition file is UTF-8 text.",
        "control-character": "Text holds printable characters only.",
        "too-many-problems": "Only the first problems of a file are listed.",
        # the YAML
        "yaml-syntax": "The file is well-formed YAML.",
        "yaml-anchor": "Anchors and aliases are not used: every value is written out.",
        "yaml-tag": "Tags are not used: every value is plain.",
        "yaml-directive": "Directives are not used: the file is read as YAML 1.2.",
        "one-document": "A file holds one YAML document.",
        "too-deep": "Values are nested at most 20 levels deep.",
        "too-many-values": "A file holds at most 20,000 YAML nodes.",
        "empty-file": "A definition file holds a definition.",
        "not-a-mapping": "The top of a file is a mapping of keys to values.",
        "key-not-text": "Keys are plain text.",
        "duplicate-key": "A key is written once in each mapping.",
        # one value
        "unknown-key": "Only known keys are written.",
        "key-from-file": "The key of an experiment is the name of its file.",
        "missing-key": "Required keys are written.",
        "wrong-type": "A value has the type its key asks for.",
        "unknown-value": "A value from a closed list is on that list.",
        "unsupported-value": "Only values this version acts on are written.",
        "out-of-range": "A number is within its range.",
        "empty-text": "Text that people read says something.",
        "text-too-long": "Text stays within its length.",
        "bad-key": "Keys are lower-case letters, digits, - and _, at most 64.",
        "bad-time": "A time is ISO 8601 with a zone.",
        "bad-duration": "A duration is a whole number and a unit: d, h or m.",
        "unknown-currency": "A currency is an ISO 4217 code in lower case.",
        "weight-decimals": "A weight or an edge of a slot has at most two decimals.",
        "margin-direction": "A margin is the accepted loss, above 0 whichever way is worse.",
        "bad-version": "A range of versions compares with whole semantic versions.",
        "one-operator": "A condition compares an attribute in one way.",
        "targeting-too-large": "Targeting has at most 100 conditions, nested at most 5 deep.",
        # several values
        "variant-count": "An experiment has 2 to 20 variants.",
        "unique-key": "Keys in one list differ.",
        "one-control": "Exactly one variant is the control.",
        "weights-sum": "The weights of the variants sum to 100.",
        "flow-on-every-variant": "Either every variant names a flow, or none does.",
        "end-before-start": "An experiment or a holdout ends after it starts.",
        "whole-weeks": "An experiment with a start and an end runs for whole weeks.",
        "window-too-long": "Windows are no longer than the experiment runs.",
        "effect-unreachable": "The planned units can come in time, and can show the effect.",
        "one-primary": "An experiment has one primary metric.",
        "margin-missing": "A decision has a margin with not_worse, and only then.",
        "looks-missing": "An analysis has planned looks with group_sequential, and only then.",
        "ramp-start": "An experiment with a ramp has a start.",
        "ramp-order": "Each step of a ramp comes later than the one before, with more traffic.",
        "ramp-end": "The last step of a ramp is the traffic, and comes before the end.",
        "unknown-variant": "An override shows one of the variants.",
        "customers-of-visitors": "Customers are listed only where customers are assigned.",
        "contradictory-targeting": "Conditions that hold together can hold together.",
        "unreachable-variant": "Each variant gets two of the planned units at least.",
        "winner-missing": "A shipped experiment names its winner.",
        "winner-not-shipped": "Only a shipped experiment has a winner.",
        "unknown-winner": "The winner is one of the variants.",
        "metric-once": "A metric has one role in an experiment.",
        "mean-without-values": "A mean is taken of an event about money: others have no value.",
        "one-source": "A metric reads an event or a column of the ledger.",
        "cap-of-mean": "Only a mean is capped.",
        "period-too-long": "A period of a subscription is three years at most.",
        "one-way-to-pay": "An offer is a subscription or an invoice, not both.",
        "slot-empty": "A slot ends after it starts.",
        "slot-overflow": "Slots stay within the 100 percent of their layer.",
        "slot-once": "An experiment has one slot in one layer.",
        # what the service knows
        "unknown-flow": "A variant names one of the checkout's flows.",
        # several files
        "unknown-metric": "Metrics of an experiment are defined in metrics.yaml.",
        "metric-unit": "A metric of one kind of unit is read where that unit is assigned.",
        "baseline-of-proportion": "Only a proportion has a rate to plan with.",
        "unknown-attribute": "Conditions and segments name attributes that are known of units.",
        "attribute-type": "A condition compares an attribute as its type can be compared.",
        "segment-of-numbers": "Segments are made by attributes with few values: numbers have many.",
        "attribute-value": "A condition names values that the attribute can have.",
        "unknown-layer": "Layers of experiments are defined in layers.yaml.",
        "unknown-holdout": "Holdouts of experiments are defined in layers.yaml.",
        "slot-missing": "An experiment that names a layer has a slot in it.",
        "slot-unclaimed": "A slot's experiment names the layer.",
        "slots-overlap": "Slots of experiments that may run do not overlap.",
        "unknown-experiment": "Slots are of experiments that are defined.",
        "one-checkout-experiment": "Experiments that decide a checkout's flow exclude each other.",
        "one-control-flow": "Controls of one layer show the same flow.",
        # before and after
        "seed-changed": "The seed of a running experiment stays.",
        "unit-changed": "The unit of a running experiment stays.",
        "variants-changed": "Variants of a running experiment stay, as do their order and flows.",
        "weights-changed": "The weights of a running experiment stay.",
        "control-changed": "The control of a running experiment stays.",
        "slot-changed": "The slot of a running experiment stays.",
        "traffic-lowered": "The traffic of a running experiment only grows.",
        "status-transition": "An experiment that is stopped or shipped does not run again.",
        "removed-while-running": "The file of a running experiment stays.",
    }
)
"""Every rule a definition is judged by: its stable id, and what it asks for."""


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing wrong in one place of one file, with what to write instead.

    Attributes:
        file: the file as it was named by the caller.
        line: line in the file, from 1.
        column: column in that line in characters, from 1.
        rule: id of the broken rule, a key of `RULES`.
        message: what is wrong.
        mend: what to write instead.
    """

    file: str
    line: int
    column: int
    rule: str
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.rule} {self.message}; {self.mend}"


MAX_PROBLEMS: Final = 100
"""How many problems of one file are listed."""


def first_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The problems worth listing: with too many, the last says that there are more."""
    found = list(islice(problems, MAX_PROBLEMS + 1))
    if len(found) > MAX_PROBLEMS:
        found[-1] = replace(
            found[-1],
            rule="too-many-problems",
            message=f"there are more than {MAX_PROBLEMS} problems",
            mend="mend those listed and look again",
        )
    return found


class ExperimentError(Exception):
    """Anything this floor refuses."""


class InvalidDefinition(ExperimentError):
    """Definitions that break rules.

    Attributes:
        problems: every problem found, in the order of files, lines and columns.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class UnknownExperiment(ExperimentError):
    """No experiment has this key.

    Attributes:
        key: the key that was asked for.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"no experiment has the key {key!r}")
