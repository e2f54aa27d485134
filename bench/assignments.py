"""Assignments per second: Kassa against the SDKs that people use for it.

Every contender holds one running 50/50 experiment in memory, is asked about the same unit ids, and
answers one at a time, with exposure logging off. Rounds are interleaved, so that whatever else the
machine does falls on all of them alike; the median round counts. None of them touches a network.
"""

import json
import random
import statistics
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import eppo_client
import statsig_python_core as statsig
from growthbook import Experiment as GrowthBookExperiment
from growthbook import GrowthBook

from experiments import Catalog, Experiment, assign

EXPERIMENT = "one-page-checkout"
NOWHERE = "http://127.0.0.1:9"
Ask = Callable[[str], str]
"""The key of the variant of one unit."""


@dataclass(frozen=True)
class Contender:
    """One way to assign.

    Attributes:
        name: package and version.
        does: what one call does.
        ask: the call.
    """

    name: str
    does: str
    ask: Ask


@dataclass(frozen=True)
class AssignmentSpeed:
    """What a contender reached.

    Attributes:
        name: package and version.
        does: what one call does.
        per_second: assignments a second, in the median round.
        nanoseconds: for one assignment, in the median round.
        slower: how many times Kassa's time one assignment takes.
        same_as_kassa: share of the units that got the variant Kassa gives.
    """

    name: str
    does: str
    per_second: float
    nanoseconds: float
    slower: float
    same_as_kassa: float


class SpecsInMemory(statsig.DataStore):
    """Statsig's own door for specifications that do not come from its servers."""

    def get(self, _key: str) -> statsig.DataStoreResponse:
        """The specifications, whichever version is asked for."""
        return statsig.DataStoreResponse(result=json.dumps(_statsig_specs()), time=1)


def unit_ids(count: int, *, seed: int) -> list[str]:
    """Ids as Kassa's visitors have them: 16 random bytes, 22 characters of base64url."""
    generator = random.Random(seed)
    return [urlsafe_b64encode(generator.randbytes(16)).rstrip(b"=").decode() for _ in range(count)]


def race(*, units: int, rounds: int, seed: int) -> list[AssignmentSpeed]:
    """Lets all contenders assign the same units, round by round, Kassa first in the list."""
    ids = unit_ids(units, seed=seed)
    with ExitStack() as cleanup:
        contenders = _contenders(cleanup)
        answers = [[contender.ask(unit) for unit in ids] for contender in contenders]
        times = _interleaved(contenders, ids, rounds)
    medians = [statistics.median(each) / units for each in times]
    return [
        AssignmentSpeed(
            name=contender.name,
            does=contender.does,
            per_second=1 / median,
            nanoseconds=median * 1e9,
            slower=median / medians[0],
            same_as_kassa=sum(map(str.__eq__, given, answers[0])) / units,
        )
        for contender, median, given in zip(contenders, medians, answers, strict=True)
    ]


def _interleaved(
    contenders: Sequence[Contender], ids: Sequence[str], rounds: int
) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in contenders]
    for number in range(rounds):
        for offset in range(len(contenders)):
            place = (number + offset) % len(contenders)
            times[place].append(_seconds(contenders[place].ask, ids))
    return times


def _seconds(ask: Ask, ids: Sequence[str]) -> float:
    start = time.perf_counter()
    for unit in ids:
        ask(unit)
    return time.perf_counter() - start


def _contenders(cleanup: ExitStack) -> list[Contender]:
    experiment = _shipped()
    return [
        _kassa(experiment),
        _eppo(cleanup),
        _eppo_logged(cleanup),
        _eppo_details(cleanup),
        _statsig(cleanup),
        _growthbook_inline(cleanup, experiment),
        _growthbook_feature(cleanup, experiment),
    ]


def _shipped() -> Experiment:
    definitions = Path(__file__).parents[1] / "experiments" / "definitions"
    return Catalog.load(definitions).experiment(EXPERIMENT)


def _kassa(experiment: Experiment) -> Contender:
    now = datetime.now(UTC)
    return Contender(
        name=f"kassa {version('kassa')}",
        does="experiments.assign: bucket, slice, reason",
        ask=lambda unit: assign(experiment, unit, now=now).variant.key,
    )


def _growthbook_inline(cleanup: ExitStack, experiment: Experiment) -> Contender:
    client = GrowthBook()
    cleanup.callback(client.destroy)
    theirs: GrowthBookExperiment[str] = GrowthBookExperiment(**_growthbook_experiment(experiment))

    def ask(unit: str) -> str:
        client.set_attributes({"id": unit})
        return str(client.run(theirs).value)

    return Contender(
        name=f"growthbook {version('growthbook')}, run",
        does="one instance; set_attributes, run of an inline experiment, hashVersion 2",
        ask=ask,
    )


def _growthbook_feature(cleanup: ExitStack, experiment: Experiment) -> Contender:
    rule = _growthbook_experiment(experiment)
    client = GrowthBook(features={EXPERIMENT: {"defaultValue": "off", "rules": [rule]}})
    cleanup.callback(client.destroy)

    def ask(unit: str) -> str:
        client.set_attributes({"id": unit})
        return str(client.eval_feature(EXPERIMENT).value)

    return Contender(
        name=f"growthbook {version('growthbook')}, feature",
        does="one instance; set_attributes, eval_feature with one experiment rule",
        ask=ask,
    )


def _growthbook_experiment(experiment: Experiment) -> dict[str, Any]:
    return {
        "key": experiment.key,
        "variations": [variant.key for variant in experiment.variants],
        "weights": list(experiment.shares.values()),
        "coverage": experiment.traffic,
        "seed": experiment.seed,
        "hashVersion": 2,
    }


def _eppo(cleanup: ExitStack) -> Contender:
    client = _eppo_client(cleanup, logged=False)
    return Contender(
        name=f"eppo-server-sdk {version('eppo-server-sdk')}",
        does="get_string_assignment, Rust core; the variant alone, without a reason",
        ask=lambda unit: client.get_string_assignment(EXPERIMENT, unit, {}, "off"),
    )


def _eppo_logged(cleanup: ExitStack) -> Contender:
    client = _eppo_client(cleanup, logged=True)
    return Contender(
        name=f"eppo-server-sdk {version('eppo-server-sdk')}, logged",
        does="the same, handing each assignment to a logger that does nothing",
        ask=lambda unit: client.get_string_assignment(EXPERIMENT, unit, {}, "off"),
    )


def _eppo_details(cleanup: ExitStack) -> Contender:
    client = _eppo_client(cleanup, logged=False)

    def ask(unit: str) -> str:
        return str(client.get_string_assignment_details(EXPERIMENT, unit, {}, "off").variation)

    return Contender(
        name=f"eppo-server-sdk {version('eppo-server-sdk')}, details",
        does="get_string_assignment_details: the variant with its reason",
        ask=ask,
    )


def _eppo_client(cleanup: ExitStack, *, logged: bool) -> eppo_client.EppoClient:
    flags = json.dumps(_eppo_flags(logged=logged)).encode()
    client = eppo_client.init(
        eppo_client.ClientConfig(
            api_key="none",
            base_url=NOWHERE,
            assignment_logger=eppo_client.AssignmentLogger(),
            poll_interval_seconds=None,
            initial_configuration=eppo_client.Configuration(flags_configuration=flags),
        )
    )
    cleanup.callback(client.shutdown)
    return client


def _eppo_flags(*, logged: bool) -> dict[str, object]:
    halves = {"two_page": (0, 5000), "one_page": (5000, 10000)}
    splits = [
        {
            "variationKey": key,
            "shards": [{"salt": EXPERIMENT, "ranges": [{"start": start, "end": end}]}],
        }
        for key, (start, end) in halves.items()
    ]
    flag = {
        "key": EXPERIMENT,
        "enabled": True,
        "variationType": "STRING",
        "variations": {key: {"key": key, "value": key} for key in halves},
        "allocations": [{"key": "split", "rules": [], "splits": splits, "doLog": logged}],
        "totalShards": 10000,
    }
    return {
        "createdAt": "2026-01-01T00:00:00.000Z",
        "format": "SERVER",
        "environment": {"name": "bench"},
        "flags": {EXPERIMENT: flag},
    }


def _statsig(cleanup: ExitStack) -> Contender:
    options = statsig.StatsigOptions(
        specs_url=NOWHERE,
        log_event_url=NOWHERE,
        disable_network=True,
        disable_all_logging=True,
        disable_disk_access=True,
        disable_country_lookup=True,
        output_log_level="none",
        data_store=SpecsInMemory(),  # type: ignore[no-untyped-call]  # the package's own base
    )
    client = statsig.Statsig("secret-none", options)
    client.initialize().wait()
    cleanup.callback(lambda: client.shutdown().wait())
    quiet = statsig.ExperimentEvaluationOptions(disable_exposure_logging=True)

    def ask(unit: str) -> str:
        found = client.get_experiment(statsig.StatsigUser(user_id=unit), EXPERIMENT, quiet)
        return str(found.get_string("variant", "off"))

    return Contender(
        name=f"statsig-python-core {version('statsig-python-core')}",
        does="StatsigUser, get_experiment, get_string, Rust core, specs in memory",
        ask=ask,
    )


def _statsig_specs() -> dict[str, object]:
    upper_edges = {"two_page": 500, "one_page": 1000}
    rules = [
        {
            "name": key,
            "groupName": key,
            "id": key,
            "salt": key,
            "idType": "userID",
            "passPercentage": 100,
            "conditions": [f"below {edge}"],
            "returnValue": {"variant": key},
            "isExperimentGroup": True,
        }
        for key, edge in upper_edges.items()
    ]
    conditions = {
        f"below {edge}": {
            "type": "user_bucket",
            "operator": "lt",
            "targetValue": edge,
            "field": None,
            "additionalValues": {"salt": EXPERIMENT},
            "idType": "userID",
        }
        for edge in upper_edges.values()
    }
    config = {
        "type": "dynamic_config",
        "entity": "experiment",
        "salt": EXPERIMENT,
        "enabled": True,
        "isActive": True,
        "hasSharedParams": False,
        "defaultValue": {"variant": "off"},
        "rules": rules,
        "idType": "userID",
        "version": 1,
    }
    return {
        "dynamic_configs": {EXPERIMENT: config},
        "feature_gates": {},
        "layer_configs": {},
        "experiment_to_layer": {},
        "condition_map": conditions,
        "has_updates": True,
        "time": 1,
    }
