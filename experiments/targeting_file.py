"""How a file says whom an experiment is for, read strictly, and its JSON Schema."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import semver

from experiments.attributes import Scalar
from experiments.notation import KEY_PATTERN, Breach, nearest, refuse_all, shown
from experiments.targeting import (
    All,
    AnyOf,
    Comparator,
    Condition,
    Glob,
    In,
    Location,
    Not,
    NotIn,
    Range,
    Semver,
    Targeting,
)

MAX_DEPTH: Final = 5
MAX_CONDITIONS: Final = 100


class _Reader:
    """Reads the mapping of a file, and keeps everything that is wrong with it."""

    def __init__(self) -> None:
        self.breaches: list[Breach] = []
        self._count = 0

    def read(self, value: object, at: Location, depth: int = 0) -> Targeting | None:
        """What a mapping says, or None when it breaks a rule."""
        if not isinstance(value, dict):
            self._refuse(at, "wrong-type", f"{shown(value)} is not a mapping", _SHAPES)
            return None
        if depth > MAX_DEPTH:
            message = f"conditions are nested more than {MAX_DEPTH} levels deep"
            self._refuse(at, "targeting-too-large", message, "write fewer levels")
            return None
        groups = [key for key in ("all", "any", "not") if key in value]
        if not groups:
            return self._condition(value, at)
        for key in value:
            if key != groups[0]:
                message = f"{groups[0]} stands alone in its mapping"
                self._refuse((*at, key), "unknown-key", message, f"move it below `{groups[0]}:`")
        below = value[groups[0]]
        if groups[0] == "not":
            part = self.read(below, (*at, "not"), depth + 1)
            return None if part is None else Not(part)
        return self._group(groups[0], below, (*at, groups[0]), depth)

    def _group(self, key: str, below: object, at: Location, depth: int) -> Targeting | None:
        if not isinstance(below, list) or not below:
            message = f"{_listless(below)} is not a list of conditions"
            self._refuse(at, "wrong-type", message, "write a list of one or more conditions")
            return None
        parts = [self.read(part, (*at, index), depth + 1) for index, part in enumerate(below)]
        known = tuple(part for part in parts if part is not None)
        if not known:
            return None
        return All(known) if key == "all" else AnyOf(known)

    def _condition(self, value: dict[str, object], at: Location) -> Targeting | None:
        self._count += 1
        if self._count == MAX_CONDITIONS + 1:
            message = f"there are more than {MAX_CONDITIONS} conditions"
            self._refuse(at, "targeting-too-large", message, "write fewer conditions")
            return None
        name = value.get("attribute")
        if name is None:
            self._refuse(at, "missing-key", "the key attribute is missing", _SHAPES)
        elif not (isinstance(name, str) and re.fullmatch(KEY_PATTERN, name)):
            mend = "write the key of an attribute such as country"
            self._refuse((*at, "attribute"), "bad-key", f"{shown(name)} is not a key", mend)
        unknown = [key for key in value if key not in _KEYS]
        for key in unknown:
            near = nearest(key, _KEYS)
            mend = f"write `{near}`" if near else f"remove it; the keys here are {_LISTED}"
            self._refuse((*at, key), "unknown-key", f"the key {shown(key)} is unknown", mend)
        operators = sorted({_OPERATOR_OF[key] for key in value if key in _OPERATOR_OF})
        if unknown and not operators:
            return None
        if len(operators) != 1:
            said = " and ".join(operators) or "nothing"
            message = f"a condition compares in one way, and this one has {said}"
            self._refuse(at, "one-operator", message, f"keep one of {_LISTED_OPERATORS}")
            return None
        return _OPERATORS[operators[0]](self, str(name), value, at)

    def values(self, value: object, at: Location) -> tuple[Scalar, ...] | None:
        """A list of values, which has one at least, each of them plain."""
        if not isinstance(value, list) or not value:
            message = f"{_listless(value)} is not a list of values"
            self._refuse(at, "wrong-type", message, "write a list of one or more, such as [SE, NO]")
            return None
        for index, each in enumerate(value):
            if not isinstance(each, str | int | float):
                mend = "write text, a number, true or false"
                self._refuse((*at, index), "wrong-type", f"{shown(each)} is not a value", mend)
        return tuple(value)

    def _refuse(self, at: Location, rule: str, message: str, mend: str) -> None:
        self.breaches.append(Breach(at, rule, message, mend))

    def membership(
        self, kind: type[In] | type[NotIn], name: str, value: Any, at: Location
    ) -> Targeting | None:
        """`in` or `not_in`."""
        values = self.values(value, at)
        return None if values is None else kind(name, values)

    def range(self, name: str, value: Any, at: Location) -> Targeting | None:
        """`min`, `max`, or both."""
        bounds: dict[str, float | None] = {}
        for key in ("min", "max"):
            bound = value.get(key)
            if key in value and (isinstance(bound, bool) or not isinstance(bound, int | float)):
                mend = "write a number such as 1000"
                self._refuse((*at, key), "wrong-type", f"{shown(bound)} is not a number", mend)
                bound = None
            bounds[key] = bound
        minimum, maximum = bounds["min"], bounds["max"]
        if minimum is not None and maximum is not None and minimum > maximum:
            message = f"no number is at least {minimum:g} and at most {maximum:g}"
            mend = "write a `max` that is not below `min`"
            self._refuse((*at, "max"), "contradictory-targeting", message, mend)
            return None
        return Range(name, minimum, maximum)

    def glob(self, name: str, value: Any, at: Location) -> Targeting | None:
        """`glob`."""
        pattern = value["glob"]
        if not isinstance(pattern, str) or not 1 <= len(pattern) <= 200:
            mend = 'write text with * or ?, in quotes, such as "en-*"'
            message = f"{shown(pattern)} is not a pattern of at most 200 characters"
            self._refuse((*at, "glob"), "wrong-type", message, mend)
            return None
        return Glob(name, pattern)

    def semver(self, name: str, value: Any, at: Location) -> Targeting | None:
        """`semver`."""
        said = value["semver"]
        found = [_COMPARATOR.fullmatch(part) for part in str(said).split()]
        if not isinstance(said, str) or not found or not all(found):
            mend = 'write comparisons with whole versions, such as ">=2.1.0 <3.0.0"'
            message = f"{shown(said)} is not a range of versions"
            self._refuse((*at, "semver"), "bad-version", message, mend)
            return None
        comparators = tuple(Comparator(each[1] or "=", each[2]) for each in found if each)
        for each in comparators:
            if not semver.Version.is_valid(each.version):
                message = f"{shown(each.version)} is not a semantic version"
                mend = "write three numbers such as 2.1.0"
                self._refuse((*at, "semver"), "bad-version", message, mend)
                return None
        return Semver(name, comparators)


def _listless(value: object) -> str:
    return "an empty list" if value == [] else shown(value)


_COMPARATOR = re.compile(r"(>=|<=|!=|=|>|<)?(\d\S{0,100})")
_SHAPES: Final = "write {attribute: country, in: [SE]}, or a list of such below all, any or not"
_OPERATOR_OF: Final = {
    "in": "in",
    "not_in": "not_in",
    "min": "min/max",
    "max": "min/max",
    "glob": "glob",
    "semver": "semver",
}
_KEYS: Final = ("attribute", *_OPERATOR_OF)
_LISTED: Final = ", ".join(_KEYS)
_LISTED_OPERATORS: Final = "in, not_in, min and max, glob, semver"
_OPERATORS: Final[Mapping[str, Callable[[_Reader, str, Any, Location], Targeting | None]]] = {
    "in": lambda reader, name, value, at: reader.membership(In, name, value["in"], (*at, "in")),
    "not_in": lambda reader, name, value, at: reader.membership(
        NotIn, name, value["not_in"], (*at, "not_in")
    ),
    "min/max": _Reader.range,
    "glob": _Reader.glob,
    "semver": _Reader.semver,
}


def read_targeting(value: object) -> Targeting:
    """What a file says of whom an experiment is for.

    Raises:
        pydantic.ValidationError: with every rule it breaks.
    """
    if isinstance(value, Condition | All | AnyOf | Not):
        return value
    reader = _Reader()
    found = reader.read(value, ())
    refuse_all(reader.breaches)
    if found is None:
        raise AssertionError("a targeting without a breach says something")
    return found


_VALUES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"type": ["string", "number", "boolean"]},
}
_BELOW: Final = {"$ref": "#/$defs/Targeting"}
_PARTS: Final = {"type": "array", "minItems": 1, "items": _BELOW}

SCHEMA: Final[Mapping[str, Any]] = {
    "title": "Targeting",
    "description": "One condition on an attribute, or conditions joined by all, any or not.",
    "type": "object",
    "properties": {
        "attribute": {
            "type": "string",
            "pattern": KEY_PATTERN,
            "description": "the key of an attribute: country, currency, device, locale, offer, "
            "amount, or one of attributes.yaml",
        },
        "in": {**_VALUES, "description": "the attribute is one of these"},
        "not_in": {**_VALUES, "description": "the attribute is none of these"},
        "min": {"type": "number", "description": "the attribute is at least this number"},
        "max": {"type": "number", "description": "the attribute is at most this number"},
        "glob": {"type": "string", "description": "the form of the whole text: * and ?"},
        "semver": {
            "type": "string",
            "description": 'comparisons of versions that all hold, such as ">=2.1.0 <3.0.0"',
        },
        "all": {**_PARTS, "description": "every condition of the list holds"},
        "any": {**_PARTS, "description": "at least one condition of the list holds"},
        "not": {**_BELOW, "description": "the condition does not hold"},
    },
    "additionalProperties": False,
    "oneOf": [
        {"required": ["attribute", "in"]},
        {"required": ["attribute", "not_in"]},
        {"required": ["attribute"], "anyOf": [{"required": ["min"]}, {"required": ["max"]}]},
        {"required": ["attribute", "glob"]},
        {"required": ["attribute", "semver"]},
        {"required": ["all"]},
        {"required": ["any"]},
        {"required": ["not"]},
    ],
}
"""The JSON Schema of a targeting, which stands below `#/$defs/Targeting`."""
