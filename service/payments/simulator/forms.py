"""Stripe's form encoding: ``a[b][0]=x`` into nested mappings of text.

Lists stay mappings keyed by their index (``a[]=x`` takes the next one), because only the
parameter's own type tells ``{"0": …}`` from a list; `parameters` decides.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from service.payments.simulator.errors import InvalidParameterError

Wire = str | dict[str, "Wire"]
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MOST_FIELDS = 1000
_DEEPEST = 10


def decode(encoded: bytes | str) -> dict[str, Wire]:
    """Read a query string or body.

    Raises:
        InvalidParameterError: not UTF-8, too many fields, or keys that contradict each other.
    """
    try:
        text = encoded if isinstance(encoded, str) else encoded.decode("utf-8")
        fields = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as exc:
        raise InvalidParameterError(
            "The request is not a UTF-8 form of at most 1000 fields."
        ) from (exc)
    decoded: dict[str, Wire] = {}
    for key, value in fields:
        _place(decoded, key, value)
    return decoded


def _place(decoded: dict[str, Wire], key: str, value: str) -> None:
    *path, last = _segments(key)
    node = decoded
    for segment in path:
        branch = node.setdefault(segment or str(len(node)), {})
        if not isinstance(branch, dict):
            raise InvalidParameterError(f"Invalid parameter: {key}", param=key)
        node = branch
    last = last or str(len(node))
    if isinstance(node.get(last), dict):
        raise InvalidParameterError(f"Invalid parameter: {key}", param=key)
    node[last] = value


def _segments(key: str) -> list[str]:
    matched = _KEY.fullmatch(key)
    if matched is None:
        raise InvalidParameterError("Invalid parameter name.")
    head, tail = matched.groups()
    segments = [head, *re.findall(r"\[([^\[\]]*)\]", tail)]
    if len(segments) > _DEEPEST:
        raise InvalidParameterError("Parameters are nested too deeply.")
    return segments
