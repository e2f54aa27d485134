"""`kassa plan`, over a real repository and a real store."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.settings import PROJECT
from service.store.session import Store
from service.store.tables import checkouts, exposures

ONE_PAGE = "one-page-checkout"


def git(directory: Path, *words: str) -> None:
    known = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    person = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(
        ["git", *person, *words],
        cwd=directory,
        env={**os.environ, **known},
        check=True,
        capture_output=True,
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the shipped definitions, committed once."""
    repository = tmp_path / "shop"
    shutil.copytree(
        PROJECT / "experiments",
        repository / "experiments",
        ignore=lambda _, names: [name for name in names if name.endswith((".py", "__pycache__"))],
    )
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(repository))
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "feat: try one page")
    monkeypatch.chdir(repository)
    monkeypatch.setenv("KASSA_DEFINITIONS", "experiments/definitions")
    monkeypatch.setenv("KASSA_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    return repository


def definition(shop: Path) -> Path:
    return shop / "experiments" / "definitions" / f"{ONE_PAGE}.yaml"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def plan(*words: str) -> Result:
    return CliRunner().invoke(main, ["plan", *words])


def document(*words: str) -> dict[str, Any]:
    ran = plan("--format", "json", *words)
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def fill(url: str, *, days_ago: int = 1) -> None:
    """A hundred visitors, of whom the first ten were exposed to one page."""
    store, at = Store(url), datetime.now(UTC) - timedelta(days=days_ago)
    orders = [
        {
            "checkout_id": f"chk_{n}",
            "created_at": at,
            "expires_at": at,
            "mode": "payment",
            "currency": "sek",
            "amount": 2400,
            "lines": [],
            "attributes": {"country": "SE"},
            "metadata": {},
            "unit_id": f"visitor-{n}",
            "preview": False,
        }
        for n in range(100)
    ]
    shown = [
        {
            "experiment": ONE_PAGE,
            "unit_id": f"visitor-{n}",
            "variant": "one_page",
            "exposed_at": at,
            "reason": "SPLIT",
            "bucket": 0.9,
            "checkout_id": f"chk_{n}",
            "definitions": "0" * 64,
            "attributes": {},
        }
        for n in range(10)
    ]
    with store.write() as connection:
        connection.execute(checkouts.insert(), orders)
        connection.execute(exposures.insert(), shown)
    store.close()


def test_an_unchanged_repository_has_nothing_to_plan(shop: Path) -> None:
    ran = plan("--quiet")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == "Nothing changes against HEAD.\n"


def test_a_change_is_tried_on_the_visitors_of_the_store(
    shop: Path, migrated_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASSA_DATABASE_URL", migrated_store_url)
    fill(migrated_store_url)
    edit(definition(shop), "seed: one-page-checkout", "seed: another")
    found = document()
    assert found["population"] == {
        "visitors": 100,
        "simulated": False,
        "described": "visitors seen in the last 90 days",
    }
    (experiment,) = found["experiments"]
    assert experiment["exposed"] == 10
    assert experiment["new"]["switches"]["count"] > experiment["returning"]["switches"]["count"] > 0
    assert list(experiment["by_attribute"]) == ["country", "currency"]
    text = plan()
    assert text.exit_code == 0
    assert "seed-changed" in text.stdout
    assert "SIMULATED" not in text.stdout + text.stderr


def test_only_the_days_that_are_asked_for_count(
    shop: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = shutil.copy(migrated_sqlite, shop / "kassa.db")
    monkeypatch.setenv("KASSA_DATABASE_URL", f"sqlite:///{books}")
    fill(f"sqlite:///{books}", days_ago=20)
    edit(definition(shop), "traffic: 1.0", "traffic: 0.5")
    assert document("--days", "30")["population"]["visitors"] == 100
    assert document("--days", "10")["population"]["simulated"] is True


def test_what_an_operator_has_stopped_moves_nobody(
    shop: Path, migrated_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASSA_DATABASE_URL", migrated_store_url)
    fill(migrated_store_url)
    assert CliRunner().invoke(main, ["stop", ONE_PAGE, "--reason", "it fails"]).exit_code == 0
    edit(definition(shop), "seed: one-page-checkout", "seed: another")
    (experiment,) = document()["experiments"]
    assert experiment["returning"]["outside"]["count"] == 100
    assert any("an operator has stopped it" in note for note in experiment["notes"])


def test_without_a_store_made_up_visitors_are_announced_and_repeatable(shop: Path) -> None:
    edit(definition(shop), "traffic: 1.0", "traffic: 0.5")
    ran = plan()
    assert ran.exit_code == 0
    assert "SIMULATED instead" in ran.stderr
    assert "SIMULATED: these visitors are made up" in ran.stdout
    first, second = (plan("--simulated", "500", "--format", "markdown") for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stderr == ""
    assert "of 500 made-up visitors (seed 1)" in first.stdout
    assert plan("--simulated", "500", "--seed", "2", "--format", "markdown").stdout != first.stdout


def test_a_plan_is_made_against_any_revision(shop: Path) -> None:
    edit(definition(shop), "traffic: 1.0", "traffic: 0.5")
    git(shop, "commit", "--quiet", "--all", "--message", "feat: be careful")
    assert document("--simulated", "10")["experiments"] == []
    (experiment,) = document("--simulated", "10", "--against", "HEAD~1")["experiments"]
    assert experiment["differences"] == [{"path": "traffic", "before": 1.0, "after": 0.5}]


def test_a_plan_is_made_against_another_directory(shop: Path, tmp_path: Path) -> None:
    other = shutil.copytree(shop / "experiments", tmp_path / "other")
    edit(other / "offers.yaml", "amount: 2400", "amount: 2500")
    found = document("--simulated", "10", "--against", str(other / "definitions"))
    assert found["experiments"] == []
    (offer,) = found["others"]
    assert (offer["kind"], offer["key"]) == ("offer", "team-plan")
    assert offer["differences"] == [{"path": "amount", "before": 2500, "after": 2400}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--against", "no-such-branch"], "no-such-branch"),
        (["--days", "0"], "--days"),
        (["--format", "pdf"], "--format"),
    ],
)
def test_what_can_not_be_read_exits_with_two(shop: Path, words: list[str], says: str) -> None:
    ran = plan(*words)
    assert ran.exit_code == 2
    assert says in ran.stderr
    assert ran.stdout == ""


def test_broken_definitions_exit_with_two_and_their_place(shop: Path) -> None:
    edit(definition(shop), "traffic: 1.0", "traffic: 7")
    ran = plan()
    assert ran.exit_code == 2
    assert f"{ONE_PAGE}.yaml:" in ran.stderr


def test_definitions_that_were_broken_before_are_told_as_the_revisions(shop: Path) -> None:
    edit(definition(shop), "traffic: 1.0", "traffic: 7")
    git(shop, "commit", "--quiet", "--all", "--message", "feat: break it")
    edit(definition(shop), "traffic: 7", "traffic: 1.0")
    ran = plan()
    assert ran.exit_code == 2
    assert "HEAD" in ran.stderr
