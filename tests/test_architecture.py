"""The floors hold, and would be seen to break."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("experiments", "analysis", "service")
HEAVY = ("duckdb", "numpy", "pandas", "scipy", "statsmodels", "stripe")
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"

BREACHES = {
    "stripe in the web layer": (
        "service/web/webhooks.py",
        "import stripe",
        "Only the gateway imports stripe",
    ),
    "analysis from the floor below": (
        "experiments/metrics.py",
        "import analysis.report",
        "Service runs on analysis, analysis on experiments, and never the other way",
    ),
    "statistics in the web layer, indirectly": (
        "service/web/health.py",
        "import analysis.srm",
        "The web layer never reaches statistics, not even indirectly",
    ),
    "a database in the statistics": (
        "analysis/srm.py",
        "import sqlalchemy",
        "Experiments and analysis reach no database, no network and no terminal",
    ),
    "the simulator from a page": (
        "service/web/checkout.py",
        "import service.payments.simulator.cards",
        "Only the composition root reaches the simulator",
    ),
    "Flask in the ledger": (
        "service/payments/ledger.py",
        "import flask",
        "Only the parts that speak HTTP import Flask",
    ),
    "click in the demo": (
        "service/demo.py",
        "import click",
        "Only the command line imports click",
    ),
    "OpenFeature for everybody": (
        "experiments/__init__.py",
        "import openfeature.api",
        "Only the provider imports OpenFeature",
    ),
    "scipy in a report command": (
        "service/reporting.py",
        "import scipy.stats",
        "Statistics live in analysis alone",
    ),
    "arrays beside one visitor's assignment": (
        "experiments/assignment.py",
        "import numpy",
        "Arrays are for analysis, and for assigning many units at once",
    ),
    "the funnel from the store": (
        "service/store/tables.py",
        "import service.funnel",
        "Inside service arrows point down",
    ),
    "a module without a floor": (
        "service/elsewhere.py",
        "import json",
        "Inside service arrows point down",
    ),
}


def lint_imports(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LINT_IMPORTS, "--config", tree / "pyproject.toml", "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def broken_contracts(output: str) -> set[str]:
    lines = [line.strip() for line in output.splitlines()]
    return {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "static", "assets")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_contract_holds() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout
    assert " KEPT" in linted.stdout


@pytest.mark.parametrize(("module", "statement", "contract"), BREACHES.values(), ids=list(BREACHES))
def test_a_forbidden_import_breaks_its_contract(
    copied_tree: Path, module: str, statement: str, contract: str
) -> None:
    with (copied_tree / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    linted = lint_imports(copied_tree)
    assert linted.returncode != 0
    assert contract in broken_contracts(linted.stdout)


def test_the_web_application_starts_without_statistics_or_stripe() -> None:
    loaded = f"[name for name in {HEAVY} if name in sys.modules]"
    code = f"import json, sys, service.app; print(json.dumps({loaded}))"
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(fresh.stdout) == []


def test_the_overview_of_commands_loads_none_of_them() -> None:
    loaded = f"[name for name in {(*HEAVY, 'pydantic', 'yaml', 'babel')} if name in sys.modules]"
    code = (
        "import atexit, json, sys; from service.cli import main;"
        f"atexit.register(lambda: print(json.dumps({loaded}), file=sys.stderr)); main(['--help'])"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Commands:" in fresh.stdout
    assert json.loads(fresh.stderr) == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert readers == {"service/settings.py"}
