"""The report as a Jupyter notebook (nbformat 4.5): the answer, its numbers, and cells to ask on.

The cells need nothing but Python to show the numbers, Kassa to compute them again, and Jupyter to
show the page.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from textwrap import indent

from analysis.render.document import to_json
from analysis.render.html import command_of
from analysis.render.markdown import to_markdown
from analysis.report import Json, Report

_ABOUT = """## Ask on

Made by

{command}

The next cell has every number of the report, the same as `--format json`."""

_LIFTS = '''# The lift of the primary metric over all units until each day, with its interval.
def lifts(report):
    key = next(each["metric"] for each in report["metrics"] if each["role"] == "primary")
    for point in report["time_series"]:
        for metric in point["metrics"]:
            for found in metric["comparisons"] if metric["metric"] == key else []:
                always = found["sequential"]
                ends = always if always["ci_low"] is not None else found["relative"]
                lift = found["relative"]["estimate"]
                yield point["day"], found["variant"], lift, ends["ci_low"], ends["ci_high"]


def drawn(low, lift, high, reach=1.0, width=61):
    """An interval on a line from -100% to +100%; the bar is no difference."""
    def place(value):
        return round((min(max(value, -reach), reach) + reach) / (2 * reach) * (width - 1))

    line = [" "] * width
    line[place(low):place(high) + 1] = "-" * (place(high) + 1 - place(low))
    line[place(0)], line[place(lift)] = "|", "o"
    return "".join(line)


for day, variant, lift, low, high in lifts(report):
    if None in (lift, low, high):
        print(f"{day} {variant}: no interval yet")
    else:
        numbers = f"{lift:+8.1%} {low:+8.1%} {high:+8.1%}"
        print(f"{day} {variant:>12} {numbers} {drawn(low, lift, high)}")'''

_AGAIN = """# Proportions are judged again from the units and conversions above, by Kassa's Python.
from analysis.aggregates import Aggregates
from analysis.inference import INFERENCES
from experiments.metrics import Kind

recomputed = {}
for metric in report["metrics"]:
    if metric["kind"] != "proportion":
        continue
    arms = {
        key: Aggregates.of_conversions(arm["units"], arm["sum"])
        for key, arm in metric["variants"].items()
    }
    for found in metric["comparisons"]:
        again = INFERENCES[Kind.PROPORTION].compare(
            arms[found["control"]], arms[found["variant"]], alpha=report["analysis"]["alpha"]
        )
        recomputed[metric["metric"], found["variant"]] = again
        print(metric["metric"], found["variant"], again.relative)"""

_RUN = """# The command that makes this report again (needs `kassa` on the path).
import shutil
import subprocess

command = {command}
kassa = shutil.which("kassa")


def run(*words):
    ran = subprocess.run([kassa, *words], capture_output=True, text=True)
    return ran.stdout or ran.stderr"""

_VERIFY = """# Whether every number still stands in the store that Kassa is configured for here.
import pathlib
import tempfile

if kassa is None:
    print("kassa is not on the path")
else:
    with tempfile.TemporaryDirectory() as made:
        file = pathlib.Path(made, "report.json")
        file.write_text(json.dumps(report), encoding="utf-8")
        print(run("verify", str(file)))"""

_COMPARE = '''# Whether the files still say the same.
if kassa is None:
    print("kassa is not on the path")
else:
    said = run(*command[1:], "--format", "json", "--quiet")
    again = json.loads(said) if said.startswith("{") else {}

    def same(one, other):
        """Sums of fractions differ in their last digits from run to run."""
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        if isinstance(one, float) and isinstance(other, (int, float)):
            return abs(one - other) <= 1e-9 * max(abs(one), abs(other))
        return one == other

    for part in ("units", "checks", "metrics", "segments", "time_series"):
        print(part, "stands" if same(report[part], again.get(part)) else "does not stand")'''

_PAGE = """# The page with its figures, where this is a notebook.
try:
    from IPython.display import HTML, display
except ImportError:
    print("the page is shown in Jupyter; elsewhere use --format html")
else:
    if kassa is not None:
        display(HTML(run(*command[1:], "--format", "html")))"""


def to_notebook(report: Report, *, rerun: str | None = None) -> str:
    """A notebook as a file has it.

    Args:
        report: What was concluded.
        rerun: The command that makes this report again; by default `kassa report` as of the
            report's own time.
    """
    document: dict[str, Json] = to_json(report)
    notebook: dict[str, Json] = {
        "cells": [_cell(index, *cell) for index, cell in enumerate(_cells(report, rerun))],
        "metadata": {
            "kassa": document,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, allow_nan=False) + "\n"


def _cells(report: Report, rerun: str | None) -> Iterator[tuple[str, str]]:
    """Kind and source of every cell."""
    words = _plain(shlex.split(rerun or command_of(report)))
    data = json.dumps(json.dumps(to_json(report), allow_nan=False))
    yield "markdown", to_markdown(report)
    yield "markdown", _ABOUT.format(command=indent(shlex.join(words), " " * 4))
    yield "code", f"import json\n\nreport = json.loads({data})"
    yield "code", _LIFTS
    yield "code", _AGAIN
    yield "code", _RUN.format(command=repr(words))
    yield "code", _VERIFY if report.definitions else _COMPARE
    yield "code", _PAGE


def _plain(words: Sequence[str]) -> list[str]:
    """The command without what says how and where it is written: else it would write over this."""
    kept: list[str] = []
    given = iter(words)
    for word in given:
        name, told, _ = word.partition("=")
        if name not in {"--format", "--output"}:
            kept.append(word)
        elif not told:
            next(given, None)
    return kept


def _cell(index: int, kind: str, source: str) -> Json:
    code: dict[str, Json] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {
        "cell_type": kind,
        "id": f"kassa-{index}",
        "metadata": {},
        "source": list(source.splitlines(keepends=True)),
        **code,
    }
