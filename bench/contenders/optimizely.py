"""Optimizely's SDK, with its datafile in memory and decision events off."""

import json
from contextlib import ExitStack
from importlib.metadata import version
from typing import NoReturn

from optimizely.event.event_processor import BaseEventProcessor
from optimizely.helpers.sdk_settings import OptimizelySdkSettings
from optimizely.optimizely import Optimizely
from optimizely.optimizely_user_context import UserAttributes

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

_TRAFFIC = 10000


class NoEvents(BaseEventProcessor):
    """Where events would go; there must be none."""

    def process(self, user_event: object) -> NoReturn:
        """Refuses an event."""
        raise AssertionError(f"{user_event!r} was sent")


def decide(cleanup: ExitStack) -> Contender:
    """A decision for a user's context."""
    client = Optimizely(
        json.dumps(_datafile()),
        event_processor=NoEvents(),
        settings=OptimizelySdkSettings(odp_disabled=True),
        default_decide_options=["DISABLE_DECISION_EVENT", "EXCLUDE_VARIABLES"],
    )
    cleanup.callback(client.close)

    def ask(unit: str, attributes: Known) -> str:
        context = client.create_user_context(unit, UserAttributes(attributes))
        if context is None:
            raise AssertionError("the datafile is refused")
        return context.decide(EXPERIMENT).variation_key or OUTSIDE

    return asked(
        f"optimizely-sdk {version('optimizely-sdk')}",
        "create_user_context, decide; datafile in memory, events and variables off",
        ask,
    )


def _datafile() -> dict[str, object]:
    each = _TRAFFIC // len(VARIANTS)
    experiment = {
        "id": "experiment",
        "key": EXPERIMENT,
        "status": "Running",
        "layerId": "layer",
        "variations": [
            {"id": key, "key": key, "featureEnabled": True, "variables": []} for key in VARIANTS
        ],
        "trafficAllocation": [
            {"entityId": key, "endOfRange": (place + 1) * each}
            for place, key in enumerate(VARIANTS)
        ],
        "forcedVariations": {},
        "audienceIds": ["audience"],
        "audienceConditions": ["or", "audience"],
    }
    flag = {
        "id": "flag",
        "key": EXPERIMENT,
        "rolloutId": "",
        "experimentIds": ["experiment"],
        "variables": [],
    }
    is_one = [
        {"type": "custom_attribute", "name": ATTRIBUTE, "match": "exact", "value": value}
        for value in TARGETED
    ]
    audience = {"id": "audience", "name": "targeted", "conditions": json.dumps(["or", *is_one])}
    return {
        "version": "4",
        "accountId": "account",
        "projectId": "project",
        "revision": "1",
        "sdkKey": "none",
        "environmentKey": "bench",
        "experiments": [experiment],
        "featureFlags": [flag],
        "audiences": [audience],
        "typedAudiences": [],
        "attributes": [{"id": "attribute", "key": ATTRIBUTE}],
        "rollouts": [],
        "groups": [],
        "events": [],
        "variables": [],
        "anonymizeIP": True,
        "botFiltering": False,
    }
