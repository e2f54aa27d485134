"""The documents say what is so: commands run, files hold, links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from openfeature import api

from analysis.report import Report
from experiments import RULES
from experiments.catalog import lint
from experiments.trials import run
from service.checkout.flows import FLOWS
from service.cli import main
from service.settings import PROJECT
from tests.service.branding.brands import LOGO, woff2, write

DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CHANGELOG.md",
    *sorted((PROJECT / "docs").glob("*.md")),
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[str]:
    return [
        text
        for document in DOCUMENTS
        for found, text in _BLOCK.findall(document.read_text(encoding="utf-8"))
        if found == language
    ]


def _commands(start: str) -> list[str]:
    lines = [line for block in _blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


@pytest.mark.parametrize("command", _commands("kassa "))
def test_every_documented_command_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").symlink_to(PROJECT / "experiments")
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("source", _blocks("python"))
def test_every_documented_program_runs(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    names: dict[str, object] = {}
    exec(source, names)  # noqa: S102 - our own documents
    api.clear_providers()
    assert names.get("layout") in FLOWS or isinstance(names.get("report"), Report)


@pytest.mark.parametrize("command", _commands("make "))
def test_every_documented_target_exists(command: str) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{shlex.split(command)[1]}:", makefile, re.MULTILINE)


_TESTS = [text for text in _blocks("yaml") if "\ntests:" in text]


@pytest.mark.parametrize("text", _TESTS)
def test_every_documented_assignment_test_passes(text: str, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "experiments" / "definitions", tmp_path / "definitions")
    tests = tmp_path / "definitions" / "one-page-checkout.test.yaml"
    tests.write_text(text, encoding="utf-8")
    trials = run([tests], now=datetime.now(UTC))
    assert trials
    assert all(trial.passed for trial in trials)


_BRANDS = [text for text in _blocks("yaml") if "accent:" in text]
_DEFINITIONS = [text for text in _blocks("yaml") if text not in {*_TESTS, *_BRANDS}]


@pytest.mark.parametrize("text", _DEFINITIONS)
def test_every_documented_definition_holds(text: str, tmp_path: Path) -> None:
    definition = tmp_path / ("documented.yaml" if "variants:" in text else "metrics.yaml")
    definition.write_text(text, encoding="utf-8")
    assert lint([definition], flows=FLOWS) == []


def test_the_documented_metrics_are_the_shipped_ones() -> None:
    (text,) = [block for block in _blocks("yaml") if "\nmetrics:\n  -" in block]
    shipped = (PROJECT / "experiments" / "metrics.yaml").read_text(encoding="utf-8")
    for metric in yaml.safe_load(text)["metrics"]:
        assert metric in yaml.safe_load(shipped)["metrics"]


def test_the_documented_analysis_of_a_file_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = [block for block in _blocks("") if block.startswith("kassa analyze ")]
    rows = [f"u{n},{('control', 'other')[n % 2]},{n % 3 // 2}" for n in range(60)]
    (tmp_path / "visits.csv").write_text("\n".join(["user_id,group,converted", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(main, shlex.split(text.replace("\\\n", " "))[1:])
    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["units"] == {"control": 30, "other": 30}


def test_the_documented_brand_passes_its_documented_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = _BRANDS
    names = re.findall(r"(?:logo|file): (\S+)", text)
    assert len(names) == 3
    kept = {name: woff2() if name.endswith("woff2") else LOGO for name in names}
    write(tmp_path, text, **kept)
    monkeypatch.chdir(tmp_path)
    commands = [line for block in _blocks("") for line in block.splitlines()]
    ours = [line for line in commands if line.startswith("kassa brand ")]
    assert [line.split()[2] for line in ours] == ["check", "preview"]
    for line in ours:
        ran = CliRunner().invoke(main, shlex.split(line)[1:])
        assert ran.exit_code == 0, ran.output
    assert "Acme Sans" in (tmp_path / "brand.html").read_text(encoding="utf-8")


def test_the_documented_plan_needs_the_units_it_says() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (command,) = _commands("kassa power")
    ran = CliRunner().invoke(main, [*shlex.split(command)[1:], "--format", "json"])
    plan = json.loads(ran.stdout)
    assert f"planned_units: {plan['units']}" in readme
    (lift,) = re.findall(r"lift of ([\d.]+)%\s+with 80% power", readme)
    assert float(lift) == round(plan["lift"] * 100, 1)


def test_every_rule_of_lint_is_documented_in_its_own_words() -> None:
    text = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    _, _, table = text.partition("## Lint rules\n")
    assert dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", table, re.MULTILINE)) == RULES


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_every_command_is_named_in_the_readme(command: str) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\b(?:kassa|make) {command}\b", readme)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    roots = "service|analysis|experiments|templates|tests|docs"
    for name in re.findall(rf"`((?:{roots})/[\w./-]+)", text):
        assert (PROJECT / name).exists(), name


def test_every_configuration_variable_is_documented() -> None:
    settings = (PROJECT / "service" / "settings.py").read_text(encoding="utf-8")
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"\b(?:KASSA|STRIPE)_[A-Z_]+\b", settings)):
        assert name in readme, name


def test_every_flow_is_documented() -> None:
    experiments = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for flow in FLOWS:
        assert f"`{flow}`" in experiments
