"""Request bodies: bounded, announced, and JSON without surprises, or refused."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from service.errors import LengthRequired, Malformed, Refused, TooLarge, UnsupportedMediaType

MAX_BODY = 64 * 1024
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_M = TypeVar("_M", bound=BaseModel)


def read_body(limit: int = MAX_BODY) -> bytes:
    """The raw bytes.

    Raises:
        LengthRequired: the body has no Content-Length; a chunked one would be cut silently.
        TooLarge: it is larger than ``limit`` bytes.
    """
    length = request.content_length
    if length is None or request.headers.get("Transfer-Encoding"):
        raise LengthRequired("send the body with a Content-Length")
    if length > limit:
        raise TooLarge(f"the body has {length} bytes, at most {limit} are taken")
    return request.get_data(cache=True, as_text=False)


def read_json(limit: int = MAX_BODY) -> Any:
    """The body's JSON value.

    Raises:
        UnsupportedMediaType: it is not announced as application/json.
        Malformed: it is not UTF-8 JSON, or uses what no store or browser agrees on: NaN,
            lone surrogates, NUL, numbers beyond a float, duplicate keys, deep nesting.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send the body as Content-Type: application/json")
    raw = read_body(limit)
    if _ESCAPED_NUL.search(raw):
        raise Malformed("the JSON holds a NUL character")
    try:
        from_json(raw, allow_inf_nan=False)
        return json.loads(raw, object_pairs_hook=_distinct, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"the body is not valid JSON: {str(exc).splitlines()[0]}") from exc


def validated(model: type[_M], value: object) -> _M:
    """The value as its model.

    Raises:
        Refused: naming the first field that breaks a rule, and the rule.
    """
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        raise Refused(broken_rule(exc)) from exc


def broken_rule(exc: ValidationError) -> str:
    """The first broken rule, as ``field: rule``; never the value, which may be private."""
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{where}: {first['msg']}"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return number
