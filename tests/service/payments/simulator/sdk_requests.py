"""The installed SDK's methods as an index: which parameters Stripe takes at which address."""

import functools
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import stripe
import stripe._request_options
import typing_extensions
from stripe._stripe_object import UntypedStripeObject

from tests.service.payments.simulator.shapes import closed

_CALL = re.compile(r'self\._request\(\s*"(get|post|delete)",\s*"(/v1/[^"]+)"')
_PARAMS = re.compile(r'params: (?:Optional\[)?"(\w+)"')
_IMPORT = re.compile(r"from (stripe\.params[\w.]*) import \(?\s*(\w+)")
_WRAPPERS = frozenset({typing.Union, UnionType, typing_extensions.NotRequired})
# The command line and the SDK's generic `raw_request` may ask for more of an answer anywhere.
_ANYWHERE = frozenset({"expand[]"})


def misfits(method: str, path: str, parameters: Mapping[str, list[str]]) -> list[str]:
    """The parameters that Stripe does not take there, and the values it does not take for them.

    Args:
        method: the HTTP method.
        path: with a ``*`` where an id stands, or with the id itself.
        parameters: by their names in the form, indices left out, e.g. ``items[][price]``; values
            as `recorder` keeps them.
    """
    declared = parameters_at(method, path)
    if declared is None:
        return [f"{method} {path}: not in the SDK"]
    found = []
    for name, values in parameters.items():
        steps = re.findall(r"[^\[\]]+|\[\]", name)
        if name in _ANYWHERE:
            continue
        if not _takes(declared, steps, None):
            found.append(f"{method} {path}: {name}")
        found += [
            f"{method} {path}: {name}={value}"
            for value in values
            if _takes(declared, steps, None) and not _takes(declared, steps, value)
        ]
    return found


@functools.cache
def parameters_at(method: str, path: str) -> Any:
    """The SDK's type of a method's parameters; None where no method asks there."""
    found = _methods().get((method.lower(), path))
    if found is None:
        fitting = [
            declared
            for (verb, template), declared in _methods().items()
            if verb == method.lower() and _pattern(template).fullmatch(path)
        ]
        found = fitting[0] if fitting else None
    return getattr(import_module(found[0]), found[1]) if found else None


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", template))


@functools.cache
def _methods() -> dict[tuple[str, str], tuple[str, str]]:
    """Method and path template to the module and the name of what it takes."""
    found = {}
    for source in sorted(Path(stripe.__path__[0]).rglob("_*_service.py")):
        text = source.read_text(encoding="utf-8")
        imported = {name: module for module, name in _IMPORT.findall(text)}
        for function in re.split(r"\n    (?:async )?def ", text)[1:]:
            call, params = _CALL.search(function), _PARAMS.search(function)
            if call and params:
                found[call[1], call[2]] = (imported[params[1]], params[1])
    return found


def _takes(kind: Any, steps: list[str], value: str | None) -> bool:
    """Whether a parameter's type has a place for the rest of a name, and for a value there."""
    if not steps:
        return value is None or _fits(kind, value)
    return any(_takes(inner, rest, value) for inner, rest in _entered(kind, steps[0], steps[1:]))


def _fits(kind: Any, value: str) -> bool:
    arguments = get_args(kind)
    if get_origin(kind) in _WRAPPERS:
        return any(_fits(option, value) for option in closed(arguments))
    if get_origin(kind) is typing.Literal:
        return value in arguments
    if kind is bool:
        return value in {"true", "false"}
    if kind is int:
        return value == "0"
    return value == "" or kind in {str, float, Decimal, Any}  # nothing empties lists and hashes


def _entered(kind: Any, step: str, rest: list[str]) -> Iterator[tuple[Any, list[str]]]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _WRAPPERS:
        for option in arguments:
            yield from _entered(option, step, rest)
    elif origin is list and step == "[]":
        yield arguments[0], rest
    elif origin in {dict, UntypedStripeObject}:
        yield arguments[-1], rest
    elif typing_extensions.is_typeddict(kind) and step in _members(kind):
        yield _members(kind)[step], rest


@functools.cache
def _members(declared: type) -> dict[str, Any]:
    # With the options' own names, and the one the SDK imports only for type checkers.
    names = {**vars(stripe._request_options), **vars(sys.modules[declared.__module__])}
    names["StripeContext"] = Any
    hints = typing_extensions.get_type_hints(declared, names, include_extras=True)
    options = stripe._request_options.RequestOptions.__annotations__.keys()
    return {name: kind for name, kind in hints.items() if name not in options}
