"""The report as a notebook: valid, safe to open, and its cells run with nothing else installed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import nbformat
import pytest

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.cells import Cell, by_day, together
from analysis.observations import Observations
from analysis.plan import Plan
from analysis.render import to_json, to_markdown, to_notebook
from analysis.report import Report
from tests.analysis.conftest import NOON

VARIANTS = ("two_page", "one_page")
EVIL = "</script>`````\n\n# {command} \"\"\" ''' \\ \x1b[31m\N{GRINNING FACE}"


@pytest.fixture
def dated(make_plan: Callable[..., Plan]) -> Report:
    """A report of three days, on the first of which nobody paid."""
    cells = [
        Cell(
            variant, date(2026, 11, day), (), 2000,
            {"paid_conversion": Aggregates.of_conversions(2000, (day - 1) * paid)},
        )
        for day in (1, 2, 3)
        for variant, paid in zip(VARIANTS, (100, 140), strict=True)
    ]  # fmt: skip
    axes = VARIANTS, ("paid_conversion",)
    whole = together(cells, *axes)
    observations = Observations(whole.units, whole.metrics, days=by_day(cells, *axes))
    return analyze(make_plan(), observations, as_of=NOON, generated_at=NOON, definitions="a" * 64)


def cells_of(notebook: str) -> list[tuple[str, str]]:
    return [(each["cell_type"], "".join(each["source"])) for each in json.loads(notebook)["cells"]]


def run(notebook: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for kind, source in cells_of(notebook):
        if kind == "code":
            exec(source, names)  # noqa: S102 - our own cells
    return names


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command is on the path."""
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_a_notebook_is_valid_and_opens_with_the_answer(dated: Report) -> None:
    text = to_notebook(dated)
    nbformat.validate(json.loads(text))
    (kind, answer), (_, about), *_ = cells_of(text)
    assert (kind, answer) == ("markdown", to_markdown(dated))
    assert "\n    kassa report one-page-checkout --as-of 2026-11-23T12:00:00Z\n" in about
    assert json.loads(text)["metadata"]["kassa"] == to_json(dated)


@pytest.mark.usefixtures("alone")
def test_its_cells_run_and_give_the_reports_own_numbers(
    dated: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(to_notebook(dated))
    assert names["report"] == to_json(dated)
    (comparison,) = dated.primary.comparisons
    again = names["recomputed"]["paid_conversion", "one_page"]
    assert (again.relative, again.absolute) == (comparison.relative, comparison.absolute)
    said = capsys.readouterr().out
    assert "2026-11-01 one_page: no interval yet" in said
    assert re.search(r"2026-11-03 +one_page +\+40\.0% .*\|.*o", said)
    assert "kassa is not on the path" in said
    assert "the page is shown in Jupyter" in said


@pytest.mark.usefixtures("alone")
def test_a_hostile_name_stays_text_in_a_notebook(dated: Report) -> None:
    evil = replace(dated, experiment=EVIL)
    text = to_notebook(evil)
    nbformat.validate(json.loads(text))
    assert run(text)["report"]["experiment"] == EVIL
    _, (_, about), *_ = cells_of(text)
    made_by = about.split("Made by\n\n")[1].split("\n\nThe next cell")[0]
    assert all(line.startswith("    ") or not line for line in made_by.splitlines())


def test_the_command_of_a_notebook_never_writes_over_it(dated: Report) -> None:
    words = ["kassa", "analyze", "a b.csv", "--format=notebook", "--unit", "u", "--output", "x"]
    text = to_notebook(replace(dated, definitions=None), rerun=shlex.join(words))
    code = [source for kind, source in cells_of(text) if kind == "code"]
    (command,) = [line for line in code[3].splitlines() if line.startswith("command = ")]
    assert command == "command = ['kassa', 'analyze', 'a b.csv', '--unit', 'u']"
    assert "--output" not in "".join(code)


def test_what_the_store_does_not_have_is_compared_and_not_verified(dated: Report) -> None:
    assert 'run("verify"' in to_notebook(dated).replace('\\"', '"')
    of_file = to_notebook(replace(dated, definitions=None))
    assert 'run("verify"' not in of_file.replace('\\"', '"')
    assert "Whether the files still say the same" in of_file
