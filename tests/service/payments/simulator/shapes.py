"""The installed SDK's resource classes as schemas: what an object may hold, and of which type.

Calibrated on Stripe's own fixtures (`test_shapes`): the checker that accepts them accepts us.
"""

import ast
import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from decimal import Decimal
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import stripe
import stripe._stripe_object
from stripe._expandable_field import ExpandableField
from stripe._object_classes import OBJECT_CLASSES

IGNORED = frozenset({"OBJECT_NAME", "last_response"})


def answer_findings(answer: Any) -> list[str]:
    """Every place where something the API answered is not what the SDK says, in words.

    Args:
        answer: an object of any kind, a list or a search result of them, an event or an error; or
            ``{"browser": …}`` with what the Stripe.js stand-in was given.
    """
    kind = answer.get("object", "") if isinstance(answer, dict) else ""
    if not isinstance(kind, str):
        return [f"answer.object: {kind!r} is not str"]
    if kind in _PAGES:
        members = [finding for each in answer.get("data", []) for finding in answer_findings(each)]
        return _page_findings(answer, _PAGES[kind]) + members
    return _single_findings(answer, kind)


def _single_findings(answer: Any, kind: str) -> list[str]:
    resource = resource_of(kind)
    if kind == "event":
        return findings(stripe.Event, answer) + _event_findings(answer)
    if resource is not None:
        return _deleted_findings(answer) if "deleted" in answer else findings(resource, answer)
    if isinstance(answer, dict) and answer.keys() == {"error"}:
        return findings(stripe.ErrorObject, answer["error"])
    if isinstance(answer, dict) and answer.keys() == {"browser"}:
        return _browser_findings(answer["browser"])
    return [f"answer: {kind or answer} is no object of the SDK"]


def resource_of(kind: object) -> type | None:
    """The SDK's class for objects that call themselves so."""
    module, name = OBJECT_CLASSES.get(str(kind), ("", ""))
    found: type | None = getattr(importlib.import_module(module), name) if module else None
    return found


_PAGES: dict[Any, dict[str, tuple[type, ...]]] = {
    "list": {"data": (list,), "has_more": (bool,), "url": (str,)},
    "search_result": {
        "data": (list,),
        "has_more": (bool,),
        "url": (str,),
        "next_page": (str, type(None)),
    },
}


def _page_findings(page: dict[str, Any], members: dict[str, tuple[type, ...]]) -> list[str]:
    kind = page["object"]
    known = members.keys() | {"object", "total_count"}
    return [f"{kind}.{name}: unknown" for name in page if name not in known] + [
        f"{kind}.{name}: missing or of another type"
        for name, kinds in members.items()
        if name not in page or not isinstance(page[name], kinds)
    ]


def _browser_findings(given: Any) -> list[str]:
    resource = resource_of(given.get("object")) if isinstance(given, dict) else None
    found = findings(resource, given) if resource else []
    # With a publishable key Stripe shows less of an object.
    return [f"in the browser: {each}" for each in found if not each.endswith(": missing")]


def _deleted_findings(answer: dict[str, Any]) -> list[str]:
    if answer["deleted"] is True and answer.keys() == {"id", "object", "deleted"}:
        return []
    return [f"deleted {answer['object']}: has {', '.join(sorted(answer))}"]


def _event_findings(event: dict[str, Any]) -> list[str]:
    data = event.get("data") or {}
    body, before = data.get("object", {}), data.get("previous_attributes")
    resource = resource_of(body.get("object"))
    found = [f"{event.get('type')}: {finding}" for finding in answer_findings(body)]
    if before is not None and resource is not None:
        found += [
            finding
            for finding in findings(resource, before, f"{resource.__name__} before")
            # Of what changed, and of hashes in it, only what is different is said.
            if not finding.endswith(": missing")
        ]
    return found


def findings(resource: type, body: Any, path: str = "") -> list[str]:
    """Every place where ``body`` is not what ``resource`` says, in words."""
    here = path or resource.__name__
    if not isinstance(body, dict):
        return [f"{here}: not an object"]
    members = annotations_of(resource)
    unknown = [f"{here}.{name}: unknown" for name in body if name not in members]
    missing = [
        f"{here}.{name}: missing"
        for name, kind in members.items()
        if name not in body and not _optional(kind)
    ]
    wrong = [
        finding
        for name, kind in members.items()
        if name in body
        for finding in _mismatch(kind, body[name], f"{here}.{name}")
    ]
    return unknown + missing + wrong


@functools.cache
def annotations_of(resource: type) -> dict[str, Any]:
    """The wire members of a resource class and their types."""
    found: dict[str, Any] = {}
    for owner in reversed(resource.__mro__):
        if not owner.__module__.startswith("stripe.") or owner in _BASES:
            continue
        names = _Names(owner)
        for name, kind in inspect.get_annotations(owner).items():
            if name not in IGNORED and not name.startswith("_"):
                found[name] = _resolved(kind, names)
    return found


_BASES = frozenset(
    owner
    for owner in stripe._stripe_object.StripeObject.__mro__
    if owner.__module__.startswith("stripe.")
)


class _Names(dict[str, Any]):
    """What names mean inside a class: its module's, its own, and those of the classes around it.

    What the SDK imports for type checkers alone is imported when it is first asked for.
    """

    def __init__(self, owner: type) -> None:
        place: Any = sys.modules[owner.__module__]
        super().__init__({**vars(typing), **vars(place)})
        self._imports = _imports(owner.__module__)
        for step in owner.__qualname__.split("."):
            place = getattr(place, step)
            self.update({n: v for n, v in vars(place).items() if inspect.isclass(v)})

    def __missing__(self, name: str) -> Any:
        module, original = self._imports[name]
        return getattr(importlib.import_module(module), original)


@functools.cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """Every name that a module imports, whenever it does, and where from."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _resolved(kind: Any, names: _Names) -> Any:
    """A type whose parts are types, and not names of them."""
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        return _resolved(eval(kind, {}, names), names)  # noqa: S307 - the SDK's own annotations
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is None or origin is Literal:
        return kind
    parts = tuple(_resolved(each, names) for each in arguments)
    return typing.Union[parts] if origin is UnionType else origin[parts]  # noqa: UP007 - parts are data


def _optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _mismatch(kind: Any, value: Any, path: str) -> list[str]:
    if kind is Any:
        return []
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _GENERIC:
        return list(_GENERIC[origin](arguments, value, path))
    if inspect.isclass(kind) and issubclass(kind, stripe.StripeObject):
        return findings(kind, value, path)
    # Numbers that are not whole travel as text, and the SDK makes them exact.
    kind = {float: int | float, Decimal: str}.get(kind, kind)
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f"{path}: {value!r} is not {getattr(kind, '__name__', kind)}"]


def closed(options: tuple[Any, ...]) -> tuple[Any, ...]:
    """The options of a union without the text by which the SDK leaves a set open for the future.

    What is said today, by the simulator or to Stripe, is of the set as it is today.
    """
    literals = [each for each in options if get_origin(each) is Literal and get_args(each) != ("",)]
    return tuple(each for each in options if each is not str) if literals else options


def _union(arguments: tuple[Any, ...], value: Any, path: str) -> Iterator[str]:
    if value is None and type(None) in arguments:
        return
    found = [_mismatch(each, value, path) for each in closed(arguments) if each is not type(None)]
    yield from min(found, key=len)


def _literal(arguments: tuple[Any, ...], value: Any, path: str) -> Iterator[str]:
    if value not in arguments:
        yield f"{path}: {value!r} is not one of {arguments[:5]}"


def _list(arguments: tuple[Any, ...], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: not a list"
        return
    for index, member in enumerate(value):
        yield from _mismatch(arguments[0], member, f"{path}[{index}]")


def _untyped(arguments: tuple[Any, ...], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    for name, member in value.items():
        yield from _mismatch(arguments[0], member, f"{path}.{name}")


def _page(arguments: tuple[Any, ...], value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("object") != "list":
        yield f"{path}: not a list object"
        return
    yield from _list(arguments, value["data"], f"{path}.data")


_GENERIC: dict[Any, Any] = {
    typing.Union: _union,
    ExpandableField: _union,
    Literal: _literal,
    list: _list,
    stripe.ListObject: _page,
    stripe._stripe_object.UntypedStripeObject: _untyped,
}
