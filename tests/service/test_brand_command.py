"""`kassa brand`, as people run it, and a start that a wrong brand stops."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.branding.palette import PAIRS
from service.cli import main
from tests.service.branding.brands import BRAND, write
from tests.service.processes import free_port

YELLOW = BRAND.replace("#7a1fa2", "#ffcc00")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("KASSA_BRAND", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["brand", *words])


def test_a_check_prints_every_pair_of_both_schemes(here: Path) -> None:
    ran = run("check", str(write(here)))
    assert (ran.exit_code, ran.stderr) == (0, "every colour can be read, in light and dark\n")
    lines = ran.stdout.splitlines()
    assert len(lines) == 2 * len(PAIRS)
    assert "light   8.25:1  needs 4.5  on-accent on accent: the button" in lines
    assert run("check", "--quiet", "brand.yaml").stderr == ""


def test_a_check_says_what_cannot_be_read_and_exits_with_1(here: Path) -> None:
    write(here, YELLOW)
    ran = run("check", "brand.yaml")
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout == (
        "brand.yaml:4:11 low-contrast light.accent: accent on page (a link beside the form, "
        "and the focus) has 1.42:1 and needs 4.5:1, and 7 more pairs fail; write "
        '"#8f6c00", the nearest that passes\n'
    )


def test_a_check_speaks_json(here: Path) -> None:
    write(here, YELLOW)
    ran = run("check", "brand.yaml", "--format", "json")
    document = json.loads(ran.stdout)
    assert (ran.exit_code, document["schema"]) == (1, "kassa.brand/1")
    (problem,) = document["problems"]
    assert (problem["line"], problem["rule"]) == (4, "low-contrast")
    failing = [each for each in document["pairs"] if not each["passes"]]
    assert len(failing) == 8
    assert all(each["ratio"] < each["needed"] for each in failing)
    (here / "brand.yaml").write_text("radius: x\n")
    document = json.loads(run("check", "brand.yaml", "--format", "json").stdout)
    assert (document["pairs"], len(document["problems"])) == ([], 1)


def test_without_a_file_the_brand_in_force_is_checked(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["check"], ["preview"]):
        ran = run(*words)
        assert (ran.exit_code, "name a FILE, or set KASSA_BRAND" in ran.stderr) == (2, True)
    monkeypatch.setenv("KASSA_BRAND", str(write(here)))
    assert run("check").exit_code == 0
    monkeypatch.setenv("KASSA_BRAND", "none.yaml")
    assert "KASSA_BRAND is not a file: none.yaml" in run("check").stderr


def test_a_preview_is_one_file_that_fetches_and_runs_nothing(here: Path) -> None:
    write(here)
    ran = run("preview", "brand.yaml", "--out", "seen.html")
    assert (ran.exit_code, ran.stdout) == (0, "")
    page = (here / "seen.html").read_text()
    assert "<script" not in page
    assert not re.search(r"\sstyle=", page)
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "/brand/" not in page.replace("--font-source", "")
    assert page.count("data:image/svg+xml;base64,") == 2
    assert page.count('class="scheme scheme--') == 2
    assert page.count("<td>passes</td>") == 2 * len(PAIRS)


def test_a_preview_shows_also_what_cannot_be_read(here: Path) -> None:
    write(here, YELLOW)
    ran = run("preview", "brand.yaml")
    assert ran.exit_code == 1
    assert "brand.yaml:4:11 low-contrast" in ran.stdout
    page = (here / "brand.html").read_text()
    assert page.count("<td>fails</td>") == 8
    assert "the nearest that passes" in page


def test_a_preview_that_cannot_be_made_says_why(here: Path) -> None:
    write(here)
    ran = run("preview", "brand.yaml", "--out", "none/brand.html")
    assert (ran.exit_code, "none/brand.html can't be written" in ran.stderr) == (2, True)
    write(here, "radius: x\n")
    ran = run("preview", "brand.yaml")
    assert (ran.exit_code, "brand.yaml:1:9 wrong-type radius" in ran.stderr) == (2, True)


def test_a_wrong_brand_stops_the_start_with_its_line(here: Path) -> None:
    write(here, YELLOW)
    (here / ".env").write_text("KASSA_BRAND=brand.yaml\n")
    ran = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve", "--port", str(free_port())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "brand.yaml:4:11 low-contrast light.accent" in ran.stderr
    assert "Traceback" not in ran.stderr
