"""One report, several readers: a terminal, a program, a browser, a spreadsheet."""

from analysis.render.document import to_json
from analysis.render.text import to_text

__all__ = ["to_json", "to_text"]
