"""GrowthBook's own SDK, which must give the very variants Kassa gives."""

from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from growthbook import Experiment, GrowthBook

from bench.contenders.question import (
    ATTRIBUTE,
    EXPERIMENT,
    OUTSIDE,
    TARGETED,
    VARIANTS,
    Contender,
    Known,
    asked,
)

_NAME = f"growthbook {version('growthbook')}"


def inline(cleanup: ExitStack) -> Contender:
    """An experiment handed over with each call; outside it, the SDK gives the first variant."""
    client = GrowthBook()
    cleanup.callback(client.destroy)
    theirs: Experiment[str] = Experiment(**_rule())

    def told(unit: str, attributes: Known) -> str:
        client.set_attributes({"id": unit, **attributes})
        result = client.run(theirs)
        return str(result.value) if result.inExperiment else OUTSIDE

    def ask(unit: str, attributes: Known) -> object:
        client.set_attributes({"id": unit, **attributes})
        return client.run(theirs).value

    does = "one instance; set_attributes, run of an inline experiment, hashVersion 2"
    return Contender(f"{_NAME}, run", does, ask, told)


def feature(cleanup: ExitStack) -> Contender:
    """An experiment as a rule of a feature, as GrowthBook's server sends it."""
    client = GrowthBook(features={EXPERIMENT: {"defaultValue": OUTSIDE, "rules": [_rule()]}})
    cleanup.callback(client.destroy)

    def ask(unit: str, attributes: Known) -> str:
        client.set_attributes({"id": unit, **attributes})
        return str(client.eval_feature(EXPERIMENT).value)

    does = "one instance; set_attributes, eval_feature with one experiment rule"
    return asked(f"{_NAME}, feature", does, ask)


def _rule() -> dict[str, Any]:
    return {
        "key": EXPERIMENT,
        "variations": list(VARIANTS),
        "weights": [0.5, 0.5],
        "coverage": 1.0,
        "seed": EXPERIMENT,
        "hashVersion": 2,
        "condition": {ATTRIBUTE: {"$in": list(TARGETED)}},
    }
