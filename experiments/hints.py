"""JSON Schemas as editors show them: each key with what it means and what to write."""

import re
from collections.abc import Mapping
from datetime import timedelta
from inspect import getdoc
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DataclassSchema, WithDefaultSchema
from typing_extensions import override

from experiments.notation import UNITS

# An entry of a docstring's list of attributes, with the lines it goes on in.
_ENTRY: Final = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)

# What a docstring says to programmers, and what a file's writer reads instead.
_WORDS: Final = {
    "None means": "without it,",
    "None where": "left out where",
    "None takes": "without it,",
    "; the file says `[a-z]+`": "",
}


class Explained(GenerateJsonSchema):
    """Makes schemas whose words come from the docstrings of the types they describe."""

    @override
    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        """The schema of a mapping."""
        made = super().dataclass_schema(schema)
        told, meanings = _told(schema["cls"])
        names = {
            field.get("validation_alias", field["name"]): field["name"]
            for field in schema["schema"]["fields"]
        }
        for key, entry in made["properties"].items():
            if "description" in entry:
                entry["description"] = _sentences(meanings[names[key]], entry["description"])
        return {**made, "description": told}

    @override
    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """The schema of a value that may be left out; a default is told where it says something."""
        made = super().default_schema(schema)
        default = schema.get("default")
        if not (default and isinstance(default, str | int | float | timedelta)):
            made.pop("default", None)
        return made

    @override
    def encode_default(self, dft: Any) -> Any:
        """A default as the file would say it."""
        return _written(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def _told(kind: type[Any]) -> tuple[str, Mapping[str, str]]:
    """What a docstring says of a type, and of each of its attributes."""
    doc = getdoc(kind) or ""
    _, _, listed = doc.partition("Attributes:\n")
    meanings = {name: " ".join(said.split()) for name, said in _ENTRY.findall(listed)}
    return " ".join(doc.partition("\n\n")[0].split()), meanings


def _sentences(meaning: str, form: str) -> str:
    for python, word in _WORDS.items():
        meaning = re.sub(python, word, meaning)
    if meaning.rstrip(".").lower() in form.lower():
        return f"Write {form}."
    return f"{meaning[0].upper()}{meaning[1:]} Write {form}."


def _written(duration: timedelta) -> str:
    """A duration as the file would say it, in the largest unit that is whole."""
    lengths = {unit: timedelta(**{name: 1}) for unit, name in UNITS.items()}
    unit = next(unit for unit, length in lengths.items() if not duration % length)
    return f"{duration // lengths[unit]}{unit}"
