"""A pull request as the growth team plays it: edit, lint, plan, test, merge, all under load."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from service.settings import PROJECT
from service.store.session import Store
from service.store.tables import exposures
from service.web.signing import Signing
from tests.service.load import Load, Watch, under_load
from tests.service.processes import KassaProcess, serving

KEY = "one-page-checkout"
DEFINITION = f"growth/definitions/{KEY}.yaml"


@dataclass(frozen=True)
class Clone:
    """A clone of the growth team's repository."""

    directory: Path

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        ran = subprocess.run(
            ["git", *who, *words], cwd=self.directory, capture_output=True, text=True, check=True
        )
        return ran.stdout

    def kassa(self, *words: str, store: str) -> subprocess.CompletedProcess[str]:
        """A command on the definitions of this clone, and the visitors of a store."""
        variables = {
            "KASSA_DEFINITIONS": str(self.directory / "growth" / "definitions"),
            "KASSA_DATABASE_URL": store,
        }
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *words],
            cwd=self.directory,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, old: str, new: str) -> None:
        file = self.directory / DEFINITION
        written = file.read_text(encoding="utf-8")
        assert old in written
        file.write_text(written.replace(old, new, 1), encoding="utf-8")


def cloned(origin: Path, name: str) -> Clone:
    directory = origin.parent / name
    subprocess.run(["git", "clone", "--quiet", str(origin), str(directory)], check=True)
    return Clone(directory)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The team's repository: the shipped definitions, with half of the traffic to begin with."""
    origin = tmp_path / "origin"
    growth = origin / "growth"
    shutil.copytree(PROJECT / "experiments" / "definitions", growth / "definitions")
    for shared in (PROJECT / "experiments").glob("*.yaml"):
        shutil.copy(shared, growth)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(origin)], check=True)
    team = Clone(origin)
    team.edit("traffic: 1.0", "traffic: 0.5")
    tests = growth / "definitions" / f"{KEY}.test.yaml"
    tests.write_text(cases_of(first="two_page", second="two_page"), encoding="utf-8")
    team.git("add", ".")
    team.git("commit", "--quiet", "--message", "begin")
    return origin


def cases_of(*, first: str, second: str) -> str:
    """What a unit at 0.3171 and one at 0.9325 see; they are in the shipped tests too."""
    shipped = PROJECT / "experiments" / "definitions" / f"{KEY}.test.yaml"
    text = shipped.read_text(encoding="utf-8")
    units = [line.split("unit:")[1].split(",")[0].strip(" }") for line in text.splitlines()
             if "unit:" in line]  # fmt: skip
    cases = [
        f"  - {{name: case {number}, unit: {unit}, expect: {{variant: {variant}}}}}"
        for number, (unit, variant) in enumerate(zip(units, (first, second), strict=False))
    ]
    return "\n".join(["version: 1", "tests:", *cases, ""])


@pytest.mark.slow
def test_a_pull_request_is_checked_merged_and_taken_up_as_it_was_planned(
    tmp_path: Path, origin: Path
) -> None:
    deployed, branch = cloned(origin, "deployed"), cloned(origin, "branch")
    definitions = str(deployed.directory / "growth" / "definitions")
    with serving(tmp_path, workers=4, KASSA_DEFINITIONS=definitions) as kassa:
        store = kassa.settings.database_url
        with under_load(kassa.url) as before:
            time.sleep(4)

        branch.git("switch", "--quiet", "--create", "more-traffic")
        # A first idea, which lint refuses: it would deal everybody anew in the middle of the run.
        branch.edit("seed: one-page-checkout", "seed: another")
        refused = branch.kassa("lint", "--against", "origin/main", store=store)
        assert refused.returncode == 1
        assert f"{KEY}.yaml:" in refused.stdout
        assert "seed-changed" in refused.stdout
        branch.edit("seed: another", "seed: one-page-checkout")

        branch.edit("traffic: 0.5", "traffic: 1.0")
        linted = branch.kassa("lint", "--against", "origin/main", store=store)
        assert linted.returncode == 0, linted.stdout

        failing = branch.kassa("test", store=store)
        assert failing.returncode == 1, "a unit outside the traffic now sees the other variant"
        assert "one_page" in failing.stdout
        tests = branch.directory / "growth" / "definitions" / f"{KEY}.test.yaml"
        tests.write_text(cases_of(first="two_page", second="one_page"), encoding="utf-8")
        assert branch.kassa("test", store=store).returncode == 0

        markdown = branch.kassa(
            "plan", "--against", "origin/main", "--format", "markdown", store=store
        )
        assert markdown.returncode == 0, markdown.stderr
        assert "| `traffic` | `0.5` | `1` |" in markdown.stdout
        assert "SIMULATED" not in markdown.stdout
        planned = plan_of(branch, store)
        assert planned["visitors"] == len(before.visitors)
        assert planned["switches"]["count"] == planned["leaves"]["count"] == 0
        assert planned["enters"]["count"] > 10

        branch.git("commit", "--quiet", "--all", "--message", "let everybody in")
        branch.git("push", "--quiet", "origin", "more-traffic")
        Clone(origin).git("merge", "--quiet", "--no-edit", "more-traffic")
        with Watch.over_all_of(kassa) as watch, under_load(kassa.url) as during:
            (version,) = {each["kassa_definitions_info"] for each in watch.scraped()}
            deployed.git("pull", "--quiet")
            taken = watch.until(lambda each: each["kassa_definitions_info"] != version)
            time.sleep(1)
        assert taken < 3
        assert set(before.statuses) | set(during.statuses) == {200}

        entered = sum(
            changed_hands(kassa.url, session, steps) for session, steps in before.visitors
        )
        # Of those who saw the two pages because they were outside, about half now see the one.
        assert exposed_of(kassa, before) == planned["enters"]["count"] + planned["stays"]["count"]
        assert 0 < entered <= planned["see_another"]["count"]


def plan_of(clone: Clone, store: str) -> dict[str, Any]:
    ran = clone.kassa("plan", "--against", "origin/main", "--format", "json", store=store)
    assert ran.returncode == 0, ran.stderr
    (changed,) = [each for each in json.loads(ran.stdout)["experiments"] if each["key"] == KEY]
    found: dict[str, Any] = changed["returning"]
    return found


def changed_hands(url: str, session: requests.Session, steps: int) -> bool:
    """Whether a visitor who comes back sees another variant; nobody may who was counted."""
    seen = Load().visit(url, session)
    if steps == 1:
        assert seen == 1, "whoever saw one page keeps it"
    return seen != steps


def exposed_of(kassa: KassaProcess, load: Load) -> int:
    signing = Signing(kassa.settings.secret_keys)
    units = [signing.visitor_of(session.cookies["kassa_visitor"]) for session, _ in load.visitors]
    store = Store(kassa.settings.database_url)
    try:
        with store.read() as connection:
            counted = select(func.count()).where(exposures.c.unit_id.in_(units))
            return connection.scalar(counted) or 0
    finally:
        store.close()
