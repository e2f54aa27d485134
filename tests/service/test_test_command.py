"""`kassa test`, as people run it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.settings import PROJECT

BROKEN = """\
version: 1
tests:
  - name: the first visitor sees two pages
    unit: visitor-3
    expect: {variant: two_page}
  - name: the second one too
    unit: visitor-2
    expect: {variant: two_page, reason: SPLIT, cause: split}
"""


@pytest.fixture
def growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(PROJECT / "experiments" / "definitions", tmp_path / "definitions")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "definitions"


def kassa(*words: str) -> Result:
    return CliRunner().invoke(main, ["test", *words])


def test_the_tests_in_force_pass(growth: Path) -> None:
    ran = kassa()
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "3 passed, 0 failed\n")
    assert kassa("--quiet").stderr == ""


def test_a_broken_promise_exits_with_one_and_says_why(growth: Path) -> None:
    (growth / "one-page-checkout.test.yaml").write_text(BROKEN)
    ran = kassa("definitions")
    assert ran.exit_code == 1
    assert ran.stderr == "1 passed, 1 failed\n"
    assert ran.stdout.splitlines() == [
        "definitions/one-page-checkout.test.yaml:6: the second one too",
        "  expected  two_page, SPLIT, split",
        "  got       one_page, SPLIT, split: the unit stands at 0.9325, traffic is 1",
    ]


def test_programs_read_every_test(growth: Path) -> None:
    (growth / "one-page-checkout.test.yaml").write_text(BROKEN)
    ran = kassa("definitions", "--format", "json")
    assert (ran.exit_code, ran.stderr) == (1, "")
    found = json.loads(ran.stdout)
    assert (found["schema"], found["passed"], found["failed"]) == ("kassa.test/1", 1, 1)
    first, second = found["tests"]
    assert (first["passed"], second["passed"]) == (True, False)
    assert second["expected"] == {"variant": "two_page", "reason": "SPLIT", "cause": "split"}
    assert second["got"]["variant"] == "one_page"


@pytest.mark.parametrize("words", [("empty",), ("nowhere",)])
def test_nothing_to_run_exits_with_two(growth: Path, words: tuple[str, ...]) -> None:
    (growth.parent / "empty").mkdir()
    ran = kassa(*words)
    assert ran.exit_code == 2
    assert "Error: " in ran.stderr


def test_a_file_that_can_not_be_read_exits_with_two_and_its_place(growth: Path) -> None:
    (growth / "one-page-checkout.test.yaml").write_text("version: 1\ntests: {}\n")
    ran = kassa("definitions")
    assert ran.exit_code == 2
    assert "definitions/one-page-checkout.test.yaml:2:8 wrong-type" in ran.stderr
