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
_TIME = "must be an ISO 8601 time with its zone"
_OBJECT = "must be a JSON object"
# pydantic's name of a broken rule -> the rule, in words for who sent the request.
_RULES = {
    "value_error": "{error}",
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "literal_error": "must be {expected}",
    "string_type": "must be a string",
    "string_unicode": "must be a string of whole characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "unexpected_keyword_argument": "is not a field of this request",
    "period-too-long": "{message}",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
}
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


def is_form() -> bool:
    """Whether the request comes from a page's own form, as a browser sends it without a script."""
    return request.mimetype == "application/x-www-form-urlencoded"


def read_form() -> dict[str, str]:
    """The fields of a form; bounded as every body is.

    Raises:
        Malformed: a field stands twice, or holds what no store takes.
    """
    read_body()
    fields = request.form.to_dict(flat=False)
    for name, values in fields.items():
        if len(values) > 1 or "\0" in name + values[0]:
            raise Malformed("the form has a field twice, or a NUL character in one")
    return {name: values[0] for name, values in fields.items()}


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
    rule = _RULES.get(first["type"], "does not have the right form")
    return f"{where}: {rule.format(**first.get('ctx', {}))}"


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
