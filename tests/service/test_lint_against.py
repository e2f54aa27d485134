"""`kassa lint` knows what git has, and says what a change would do to visitors."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.service.repositories import change, commit, git, shop_in

DEFINITIONS = "experiments/definitions"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = shop_in(tmp_path)
    monkeypatch.chdir(root)
    return root


def lint(*words: str) -> Result:
    return CliRunner().invoke(main, ["lint", *words], prog_name="kassa")


def test_the_last_commit_is_what_a_change_is_compared_with(shop: Path) -> None:
    change(shop, "seed: one-page-checkout", "seed: another")
    answer = f"{DEFINITIONS}/one-page-checkout.yaml:10:7 seed-changed seed: it was "
    for path in (DEFINITIONS, "experiments", ".", f"{DEFINITIONS}/one-page-checkout.yaml"):
        found = lint(path)
        assert found.exit_code == 1
        assert found.stdout.startswith(answer)
    commit(shop)
    assert lint(DEFINITIONS).exit_code == 0
    assert lint(DEFINITIONS, "--against", "HEAD~1").stdout.startswith(answer)


def test_definitions_in_force_are_compared_too(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASSA_DEFINITIONS", str(shop / DEFINITIONS))
    assert lint().exit_code == 0
    change(shop, "weight: 50", "weight: 50.5")
    change(shop, "weight: 50.5, flow", "weight: 49.5, flow")
    (line,) = lint().stdout.splitlines()
    assert " weights-changed variants[0].weight: the weights were 50, 50" in line


def test_several_paths_are_compared_once_each(shop: Path) -> None:
    file = change(shop, "seed: one-page-checkout", "seed: another")
    found = lint(str(file), str(file), DEFINITIONS, "--format", "json")
    assert [each["rule"] for each in json.loads(found.stdout)["problems"]] == ["seed-changed"]


def test_a_removed_file_is_told_though_it_is_gone(shop: Path) -> None:
    (shop / DEFINITIONS / "one-page-checkout.yaml").unlink()
    found = lint("experiments")
    assert found.exit_code == 1
    assert "one-page-checkout.yaml:1:1 removed-while-running" in found.stdout


def test_a_comparison_can_be_left_out(shop: Path) -> None:
    change(shop, "seed: one-page-checkout", "seed: another")
    assert lint(DEFINITIONS, "--against", "none").exit_code == 0


def test_an_unknown_revision_is_wrong_usage(shop: Path) -> None:
    found = lint(DEFINITIONS, "--against", "nowhere")
    assert found.exit_code == 2
    assert found.stderr == (
        f"Error: git has no revision 'nowhere' of {shop}: no branch, tag or commit here "
        "is called so; it may have to be fetched first\n"
    )


def test_without_a_history_nothing_is_compared(shop: Path) -> None:
    git(shop, "checkout", "--quiet", "--orphan", "new")
    change(shop, "seed: one-page-checkout", "seed: another")
    assert lint(DEFINITIONS).exit_code == 0
    os.rename(shop / ".git", shop / "git")  # noqa: PTH104 - one word for it
    assert lint(DEFINITIONS).exit_code == 0
    assert lint(DEFINITIONS, "--against", "HEAD").exit_code == 2
