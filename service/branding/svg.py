"""An SVG that draws, and does nothing else.

Browsers run no script of an image and load nothing for it, but the file has an address that can be
opened on its own; what it could do there is refused here, and stopped by its policy too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

_SVG: Final = "http://www.w3.org/2000/svg"
_NAMES: Final = """
    svg g defs symbol use title desc metadata style switch
    path rect circle ellipse line polyline polygon text tspan textPath
    linearGradient radialGradient stop pattern clipPath mask marker
    filter feBlend feColorMatrix feComponentTransfer feComposite feFlood feFuncA feFuncB feFuncG
    feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset feDropShadow
"""
_SHAPES: Final = frozenset(_NAMES.split())
# What drawing programs note for themselves; browsers pass it by.
_NOTES: Final = (
    "http://www.inkscape.org/",
    "http://sodipodi.sourceforge.net/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://purl.org/dc/",
    "http://www.bohemiancoding.com/sketch/",
    "http://ns.adobe.com/",
)
_NUMBER: Final = r"\s*(\d+(?:\.\d+)?)"
_FOREIGN_URL: Final = re.compile(r"url\((?!\s*[\"']?#)|@import|image-set|\\", re.IGNORECASE)


class Unsafe(Exception):
    """Something in the file that a logo must not have.

    Attributes:
        line: where it stands, from 1.
        rule: the rule it breaks.
        mend: what to do about it.
    """

    def __init__(self, line: int, message: str, mend: str, rule: str = "unsafe-svg") -> None:
        super().__init__(message)
        self.line, self.mend, self.rule = line, mend, rule


def size_of_svg(content: bytes) -> tuple[int, int]:
    """How wide and high it is, in its own units.

    Raises:
        Unsafe: it could run something or ask for something elsewhere, is not well-formed, or tells
            no size.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        message = f"is not well-formed: {expat.ErrorString(error.code)}"
        raise Unsafe(error.lineno, message, "export the logo again", "bad-logo") from error
    return reader.size


class _Reader:
    """Looks at every element, attribute and style of a file."""

    def __init__(self) -> None:
        self.size = (0, 0)
        self._depth = self._styles = 0
        self.parser = parser = expat.ParserCreate("utf-8", " ")
        # In the encoding it is served in, whatever it says of itself; and text comes whole, so
        # that no word of it is cut in two.
        parser.buffer_text, parser.buffer_size = True, 1024 * 1024
        parser.StartDoctypeDeclHandler = self._doctype
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._element
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _refuse(self, message: str, mend: str) -> None:
        raise Unsafe(self.parser.CurrentLineNumber, message, mend)

    def _doctype(self, *_: object) -> None:
        self._refuse("it has a DOCTYPE", "remove the line that starts with <!DOCTYPE")

    def _instruction(self, target: str, _: str) -> None:
        self._refuse(f"it has an instruction <?{target}", "remove it")

    def _element(self, name: str, attributes: Mapping[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self._styles:
            # Browsers read the text around it as one.
            self._refuse(f"its style has <{local}> in it", "write the style as text alone")
        if not self._depth and name != f"{_SVG} svg":
            self._refuse(f"it begins with <{local}>", f'begin with <svg xmlns="{_SVG}">')
        if (space != _SVG or local not in _SHAPES) and not space.startswith(_NOTES):
            self._refuse(f"it has <{local}>", "remove it: a logo is drawn of shapes alone")
        for key, value in attributes.items():
            self._attribute(key.rpartition(" ")[2], value)
        if not self._depth:
            self.size = self._measured(attributes)
        self._depth += 1
        self._styles += name == f"{_SVG} style"

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._styles -= name == f"{_SVG} style"

    def _attribute(self, key: str, value: str) -> None:
        lower = key.lower()
        if lower.startswith("on"):
            self._refuse(f"it has the event handler {key}", "remove it")
        if lower in {"href", "src"} and not value.strip().startswith("#"):
            self._refuse(f"{key} refers elsewhere", "draw it in the file itself")
        if _FOREIGN_URL.search(value):
            self._refuse(f"{key} refers elsewhere", "draw it in the file itself")

    def _text(self, text: str) -> None:
        if self._styles and _FOREIGN_URL.search(text):
            self._refuse("its style refers elsewhere", "draw it in the file itself")

    def _measured(self, attributes: Mapping[str, str]) -> tuple[int, int]:
        told = [re.fullmatch(f"{_NUMBER}(?:px)?", attributes.get(key, "")) for key in _SIDES]
        box = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())
        sides = [each[1] if each else "" for each in told]
        if not all(sides) and len(box) == 4:
            sides = box[2:]
        try:
            width, height = (round(float(side)) for side in sides)
        except (ValueError, OverflowError):
            width = height = 0
        if not (0 < width < 100_000 and 0 < height < 100_000):
            mend = 'give <svg> its size, such as viewBox="0 0 120 32"'
            line = self.parser.CurrentLineNumber
            raise Unsafe(line, "it tells no size", mend, "bad-logo")
        return width, height


_SIDES: Final = ("width", "height")
