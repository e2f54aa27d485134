"""What is known of a unit: the attributes that targeting may name."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.notation import STRICT, Key, Paragraph

Scalar: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Scalar]

NOTHING: Final[Attributes] = MappingProxyType({})
"""The attributes of a unit of whom nothing is known."""

DEVICES: Final = ("desktop", "phone", "tablet")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


class AttributeType(StrEnum):
    """What the values of an attribute are."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    VERSION = "version"
    """Text such as 2.1.0, ordered as semantic versions are."""

    def holds(self, value: object) -> bool:
        """Whether a value is of this type."""
        return isinstance(value, _PYTHON[self]) and isinstance(value, bool) == (
            self is AttributeType.BOOLEAN
        )


_PYTHON: Final[Mapping[AttributeType, tuple[type, ...]]] = {
    AttributeType.TEXT: (str,),
    AttributeType.NUMBER: (int, float),
    AttributeType.BOOLEAN: (bool,),
    AttributeType.VERSION: (str,),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Attribute:
    """One thing that may be known of a unit.

    Attributes:
        key: the name conditions use and merchants send.
        type: what its values are.
        description: where it comes from and what it says.
        values: the only values there are; empty where any is possible.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as plan")]
    type: Annotated[AttributeType, Field(description="text, number, boolean or version")]
    description: Annotated[
        Paragraph, Field(description="where it comes from and what it says, in a sentence")
    ]
    values: Annotated[
        tuple[str, ...], Field(description="the only values of a text, such as [free, pro]")
    ] = ()

    def fault(self, value: Scalar) -> str:
        """Why this attribute can never have the value; nothing where it can."""
        if not self.type.holds(value):
            return f"{self.key} is a {self.type}"
        if self.values and value not in self.values:
            return f"{self.key} is one of {', '.join(self.values)}"
        form = _FORMS.get(self.key)
        if (
            form is not None
            and BUILT_IN.get(self.key) is self
            and not form[0].fullmatch(str(value))
        ):
            return f"{self.key} is {form[1]}"
        return ""


_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "country": (_COUNTRY, "an ISO 3166 code in upper case such as SE"),
    "locale": (_LOCALE, "a language, perhaps with its region, such as sv or pt-BR"),
}

BUILT_IN: Final[Mapping[str, Attribute]] = MappingProxyType(
    {
        attribute.key: attribute
        for attribute in (
            Attribute(
                key="country",
                type=AttributeType.TEXT,
                description="Country of the visitor, as an ISO 3166 code such as SE.",
            ),
            Attribute(
                key="currency",
                type=AttributeType.TEXT,
                description="Currency of the order, as an ISO 4217 code in lower case.",
            ),
            Attribute(
                key="device",
                type=AttributeType.TEXT,
                description="What the visitor holds, by the browser's own word.",
                values=DEVICES,
            ),
            Attribute(
                key="locale",
                type=AttributeType.TEXT,
                description="Language of the checkout, such as sv or pt-BR.",
            ),
            Attribute(
                key="offer",
                type=AttributeType.TEXT,
                description="Key of the offer that is bought.",
            ),
            Attribute(
                key="amount",
                type=AttributeType.NUMBER,
                description="Total of the order in minor units of its currency.",
            ),
        )
    }
)
"""The attributes the service knows of every checkout."""
