"""Statsig's SDK, a Rust core, with its specifications in memory and exposures off."""

import json
from contextlib import ExitStack
from importlib.metadata import version

import statsig_python_core as statsig

from bench.contenders.question import (
    ATTRIBUTE,
    EXPERIMENT,
    NOWHERE,
    OUTSIDE,
    TARGETED,
    VARIANTS,
    Contender,
    Known,
    asked,
)

_BUCKETS = 1000


class SpecsInMemory(statsig.DataStore):
    """Statsig's own door for specifications that do not come from its servers."""

    def get(self, _key: str) -> statsig.DataStoreResponse:
        """The specifications, whichever version is asked for."""
        return statsig.DataStoreResponse(result=json.dumps(_specs()), time=1)


def experiment(cleanup: ExitStack) -> Contender:
    """An experiment, evaluated for a user with a country."""
    client = _client(cleanup)
    quiet = statsig.ExperimentEvaluationOptions(disable_exposure_logging=True)

    def ask(unit: str, attributes: Known) -> str:
        user = statsig.StatsigUser(user_id=unit, country=str(attributes[ATTRIBUTE]))
        found = client.get_experiment(user, EXPERIMENT, quiet)
        return str(found.get_string("variant", OUTSIDE))

    return asked(
        f"statsig-python-core {version('statsig-python-core')}",
        "StatsigUser, get_experiment, get_string, Rust core, exposures off",
        ask,
    )


def _client(cleanup: ExitStack) -> statsig.Statsig:
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
    return client


def _specs() -> dict[str, object]:
    # The first rule that holds decides, so those who are not targeted leave before the split.
    rules = [_rule("elsewhere", "elsewhere", {})]
    rules += [_rule(key, key, {"variant": key}) | {"isExperimentGroup": True} for key in VARIANTS]
    config = {
        "type": "dynamic_config",
        "entity": "experiment",
        "salt": EXPERIMENT,
        "enabled": True,
        "isActive": True,
        "hasSharedParams": False,
        "defaultValue": {"variant": OUTSIDE},
        "rules": rules,
        "idType": "userID",
        "version": 1,
    }
    return {
        "dynamic_configs": {EXPERIMENT: config},
        "feature_gates": {},
        "layer_configs": {},
        "experiment_to_layer": {},
        "condition_map": _conditions(),
        "has_updates": True,
        "time": 1,
    }


def _rule(name: str, condition: str, value: dict[str, str]) -> dict[str, object]:
    return {
        "name": name,
        "groupName": name,
        "id": name,
        "salt": name,
        "idType": "userID",
        "passPercentage": 100,
        "conditions": [condition],
        "returnValue": value,
    }


def _conditions() -> dict[str, object]:
    each = _BUCKETS // len(VARIANTS)
    below: dict[str, object] = {
        key: {
            "type": "user_bucket",
            "operator": "lt",
            "targetValue": (place + 1) * each,
            "field": None,
            "additionalValues": {"salt": EXPERIMENT},
            "idType": "userID",
        }
        for place, key in enumerate(VARIANTS)
    }
    elsewhere = {
        "type": "user_field",
        "operator": "none",
        "targetValue": list(TARGETED),
        "field": ATTRIBUTE,
        "additionalValues": {},
        "idType": "userID",
    }
    return below | {"elsewhere": elsewhere}
