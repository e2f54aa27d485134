"""One report, several readers: a terminal, a program, a browser, a wiki, a spreadsheet, Jupyter."""

from analysis.render.document import SCHEMA, to_json
from analysis.render.html import DATA_BLOCK, to_html
from analysis.render.markdown import to_markdown
from analysis.render.notebook import to_notebook
from analysis.render.sheet import to_csv
from analysis.render.text import to_text

__all__ = [
    "DATA_BLOCK",
    "SCHEMA",
    "to_csv",
    "to_html",
    "to_json",
    "to_markdown",
    "to_notebook",
    "to_text",
]
