"""The documents say what is so: commands run, files hold, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.catalog import lint
from service.cli import main
from service.settings import PROJECT

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


@pytest.mark.parametrize("command", _commands("make "))
def test_every_documented_target_exists(command: str) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{shlex.split(command)[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("text", _blocks("yaml"))
def test_every_documented_experiment_holds(text: str, tmp_path: Path) -> None:
    definition = tmp_path / "documented.yaml"
    definition.write_text(text, encoding="utf-8")
    assert lint([definition]) == []


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


def test_every_flow_and_command_is_documented() -> None:
    from service.checkout.flows import FLOWS  # noqa: PLC0415 - beside what it checks

    experiments = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for flow in FLOWS:
        assert f"`{flow}`" in experiments
