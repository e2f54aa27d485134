"""Unleash's SDK, a Rust core behind JSON, with its toggles in memory and metrics off."""

import json
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from UnleashClient.cache import BaseCache
from UnleashClient.clients.unleash_client import UnleashClient
from UnleashClient.constants import FEATURES_URL

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

_WHOLE = 1000


class TogglesInMemory(BaseCache):
    """Unleash's own door for toggles that do not come from its servers."""

    bootstrapped = True

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {FEATURES_URL: json.dumps(_toggles())}

    def set(self, key: str, value: Any) -> None:
        """Keeps a value."""
        self._kept[key] = value

    def mset(self, data: dict[str, Any]) -> None:
        """Keeps several values."""
        self._kept.update(data)

    def get(self, key: str, default: Any = None) -> Any:
        """The value kept, or the default."""
        return self._kept.get(key, default)

    def exists(self, key: str) -> bool:
        """Whether a value is kept."""
        return key in self._kept

    def destroy(self) -> None:
        """Forgets everything."""
        self._kept.clear()


def variant(_cleanup: ExitStack) -> Contender:
    """A toggle with a constraint and variants."""
    # Toggles are read when the client is made: it is never started, so that no thread ends either.
    client = UnleashClient(
        url=NOWHERE,
        app_name="bench",
        cache=TogglesInMemory(),
        disable_metrics=True,
        disable_registration=True,
    )

    def ask(unit: str, attributes: Known) -> str:
        found = client.get_variant(EXPERIMENT, {"userId": unit, "properties": attributes})
        return str(found["name"]) if found["enabled"] else OUTSIDE

    return asked(
        f"UnleashClient {version('UnleashClient')}",
        "get_variant: gradual rollout with a constraint and variants, metrics off",
        ask,
    )


def _toggles() -> dict[str, object]:
    constraint = {
        "contextName": ATTRIBUTE,
        "operator": "IN",
        "values": list(TARGETED),
        "inverted": False,
        "caseInsensitive": False,
    }
    strategy = {
        "name": "flexibleRollout",
        "parameters": {"rollout": "100", "stickiness": "userId", "groupId": EXPERIMENT},
        "constraints": [constraint],
        "variants": [
            {
                "name": key,
                "weight": _WHOLE // len(VARIANTS),
                "weightType": "fix",
                "stickiness": "userId",
            }
            for key in VARIANTS
        ],
    }
    feature = {
        "name": EXPERIMENT,
        "type": "experiment",
        "enabled": True,
        "stale": False,
        "strategies": [strategy],
        "variants": [],
        "impressionData": False,
    }
    return {"version": 2, "features": [feature], "segments": []}
