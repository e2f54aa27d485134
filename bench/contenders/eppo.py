"""Eppo's SDK, a Rust core: bare, with a logger, and with the details that give a reason."""

import json
from contextlib import ExitStack
from importlib.metadata import version

import eppo_client

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

_NAME = f"eppo-server-sdk {version('eppo-server-sdk')}"
_SHARDS = 10000


def bare(cleanup: ExitStack) -> Contender:
    """The variant alone."""
    client = _client(cleanup, logged=False)
    return asked(
        _NAME,
        "get_string_assignment, Rust core; the variant alone, without a reason",
        lambda unit, attributes: client.get_string_assignment(
            EXPERIMENT, unit, attributes, OUTSIDE
        ),
    )


def logged(cleanup: ExitStack) -> Contender:
    """The variant, told to a logger."""
    client = _client(cleanup, logged=True)
    return asked(
        f"{_NAME}, logged",
        "the same, handing each assignment to a logger that does nothing",
        lambda unit, attributes: client.get_string_assignment(
            EXPERIMENT, unit, attributes, OUTSIDE
        ),
    )


def details(cleanup: ExitStack) -> Contender:
    """The variant with its reason, as Kassa's call gives it."""
    client = _client(cleanup, logged=False)

    def ask(unit: str, attributes: Known) -> str:
        found = client.get_string_assignment_details(EXPERIMENT, unit, attributes, OUTSIDE)
        return str(found.variation)

    does = "get_string_assignment_details: the variant with its reason"
    return asked(f"{_NAME}, details", does, ask)


def _client(cleanup: ExitStack, *, logged: bool) -> eppo_client.EppoClient:
    flags = json.dumps(_flags(logged=logged)).encode()
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


def _flags(*, logged: bool) -> dict[str, object]:
    each = _SHARDS // len(VARIANTS)
    splits = [
        {
            "variationKey": key,
            "shards": [
                {"salt": EXPERIMENT, "ranges": [{"start": place * each, "end": (place + 1) * each}]}
            ],
        }
        for place, key in enumerate(VARIANTS)
    ]
    condition = {"attribute": ATTRIBUTE, "operator": "ONE_OF", "value": list(TARGETED)}
    allocation = {
        "key": "split",
        "rules": [{"conditions": [condition]}],
        "splits": splits,
        "doLog": logged,
    }
    flag = {
        "key": EXPERIMENT,
        "enabled": True,
        "variationType": "STRING",
        "variations": {key: {"key": key, "value": key} for key in VARIANTS},
        "allocations": [allocation],
        "totalShards": _SHARDS,
    }
    return {
        "createdAt": "2026-01-01T00:00:00.000Z",
        "format": "SERVER",
        "environment": {"name": "bench"},
        "flags": {EXPERIMENT: flag},
    }
