"""`kassa stop`, `resume`, `approve`, `ramp` and `audit`, as operators and schedulers run them."""

import json
import os
import pwd
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from experiments import Catalog
from service.cli import main
from service.operation import Order, switched
from service.ramping import Outcome, advance
from service.store.session import Store
from service.store.tables import events, exposures
from tests.service.definition_files import CHECKOUT, DefinitionFiles, beside, experiment

DAY = timedelta(days=1)
STEPS = [
    {"traffic": 0.02},
    {"after": "24h", "traffic": 0.1},
    {"after": "72h", "traffic": 0.6, "approval": True},
]


@dataclass(frozen=True)
class Office:
    """A directory with books and definitions, and commands in it."""

    files: DefinitionFiles
    store: Store
    environment: dict[str, str]

    def kassa(self, *words: str) -> Result:
        ran = CliRunner().invoke(main, words, env=self.environment, prog_name="kassa")
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return ran

    def ramp(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        ran = self.kassa("ramp", "--format", "json", *words)
        found: list[dict[str, Any]] = json.loads(ran.stdout)["experiments"]
        return ran.exit_code, found

    def log(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self.kassa("audit", "--format", "json", *words).stdout
        )["entries"]
        return found

    def granted(self, key: str = CHECKOUT) -> int:
        with self.store.read() as connection:
            switches = switched(connection)
        return switches[key].granted if key in switches else 1

    def started(self, ago: timedelta, **changes: Any) -> None:
        """An experiment with a ramp that started some time ago."""
        start = datetime.now(UTC) - ago
        self.files.write(
            CHECKOUT, experiment(start=start.isoformat(), traffic=0.6, ramp=STEPS, **changes)
        )

    def expose(self, two_page: int, one_page: int) -> None:
        """Units that saw the experiment an hour after it started."""
        at = datetime.now(UTC) - timedelta(hours=2)
        keys = [("two_page", n) for n in range(two_page)] + [
            ("one_page", n) for n in range(one_page)
        ]
        rows = [
            {
                "experiment": CHECKOUT,
                "unit_id": f"{variant}-{number}",
                "variant": variant,
                "exposed_at": at,
                "reason": "SPLIT",
                "bucket": 0.5,
                "definitions": "v",
                "attributes": {},
            }
            for variant, number in keys
        ]
        with self.store.write() as connection:
            connection.execute(exposures.insert(), rows)

    def happened(self, name: str, units: Iterable[str]) -> None:
        at = datetime.now(UTC) - timedelta(hours=1)
        rows = [
            {
                "event_id": f"{name}-{unit}",
                "unit_id": unit,
                "name": name,
                "occurred_at": at,
                "received_at": at,
                "properties": {},
            }
            for unit in units
        ]
        with self.store.write() as connection:
            connection.execute(events.insert(), rows)


@pytest.fixture
def office(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterable[Office]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KASSA_", "STRIPE_"))]:
        monkeypatch.delenv(name)
    url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'books.db')}"
    files = DefinitionFiles.made(tmp_path / "growth")
    (files.directory.parent / "metrics.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "metrics": [
                    {
                        "key": "paid_conversion",
                        "name": "Paid conversion",
                        "event": "payment_succeeded",
                        "kind": "proportion",
                        "direction": "increase",
                    },
                    {
                        "key": "declines",
                        "name": "Declines",
                        "event": "payment_declined",
                        "kind": "proportion",
                        "direction": "decrease",
                    },
                ],
            }
        )
    )
    store = Store(url)
    yield Office(
        files, store, {"KASSA_DATABASE_URL": url, "KASSA_DEFINITIONS": str(files.directory)}
    )
    store.close()


def test_a_stop_and_a_resume_are_in_the_log_with_who_and_why(office: Office) -> None:
    ran = office.kassa("stop", CHECKOUT, "--reason", "cards are declined")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == f"{CHECKOUT} stopped: everybody sees the control\n"
    ran = office.kassa("resume", CHECKOUT, "--reason", "mended", "--actor", "ada", "--quiet")
    assert (ran.exit_code, ran.output) == (0, "")
    first, second = office.log()
    assert first["actor"] == pwd.getpwuid(os.getuid()).pw_name
    assert (first["action"], first["reason"]) == ("stopped", "cards are declined")
    assert (second["action"], second["reason"], second["actor"]) == ("resumed", "mended", "ada")
    assert datetime.fromisoformat(second["at"]) > datetime.fromisoformat(first["at"])


def test_what_is_stopped_already_is_said_and_not_noted_again(office: Office) -> None:
    for _ in range(2):
        ran = office.kassa("stop", CHECKOUT, "--reason", "again")
    assert (ran.exit_code, ran.stderr) == (0, f"{CHECKOUT} was stopped already\n")
    ran = office.kassa("resume", CHECKOUT, "--reason", "r")
    ran = office.kassa("resume", CHECKOUT, "--reason", "r")
    assert (ran.exit_code, ran.stderr) == (0, f"{CHECKOUT} was not stopped\n")
    assert [entry["action"] for entry in office.log()] == ["stopped", "resumed"]


def test_an_experiment_is_stopped_though_its_file_is_broken(office: Office) -> None:
    office.files.spoil()
    assert office.kassa("stop", CHECKOUT, "--reason", "r").exit_code == 0


@pytest.mark.parametrize("command", ["stop", "resume", "approve", "ramp", "audit"])
def test_an_unknown_experiment_is_refused_with_those_there_are(
    office: Office, command: str
) -> None:
    office.files.write("second", beside())
    words = {"ramp": ["two-page"], "audit": ["--experiment", "two-page"]}
    ran = office.kassa(command, *words.get(command, ["two-page", "--reason", "r"]))
    assert ran.exit_code == 2
    assert f"no experiment has the key 'two-page'; there are {CHECKOUT}, second" in ran.stderr


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_a_reason_says_something_in_one_line(office: Office, reason: str) -> None:
    ran = office.kassa("stop", CHECKOUT, "--reason", reason)
    assert ran.exit_code == 2
    assert "must be one line of 1 to 500 printable characters" in ran.stderr
    assert office.log() == []


def test_the_log_of_one_experiment_is_lines_for_people(office: Office) -> None:
    office.files.write("second", beside())
    office.kassa("stop", "second", "--reason", "other", "--actor", "bob")
    office.kassa("stop", CHECKOUT, "--reason", "cards", "--actor", "ada")
    ran = office.kassa("audit", "--experiment", CHECKOUT)
    (line,) = ran.stdout.splitlines()
    assert line.endswith(f"Z  ada  stopped {CHECKOUT}: cards")


@pytest.mark.parametrize("command", ["audit", "ramp"])
def test_json_names_its_schema(office: Office, command: str) -> None:
    ran = office.kassa(command, "--format", "json")
    assert json.loads(ran.stdout)["schema"] == f"kassa.{command}/1"


def test_assign_knows_what_was_stopped(office: Office) -> None:
    words = ("assign", CHECKOUT, "--unit", "visitor-2")
    before = json.loads(office.kassa(*words).stdout)
    assert office.kassa("stop", CHECKOUT, "--reason", "cards are declined").exit_code == 0
    after = json.loads(office.kassa(*words).stdout)
    assert (before["cause"], after["cause"], after["reason"]) == ("split", "stopped", "DISABLED")


def test_an_empty_log_says_so(office: Office) -> None:
    ran = office.kassa("audit")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "nothing was done yet\n")
    assert office.kassa("audit", "--quiet").output == ""


def test_a_step_whose_time_has_not_come_waits(office: Office) -> None:
    office.started(ago=timedelta(hours=23))
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"], ramped["traffic"]) == (0, "waiting", 0.02)
    assert ramped["reasons"][0].startswith("step 2, 0.1 of the units is due at ")
    assert office.granted() == 1


def test_the_time_of_a_step_comes_with_its_very_second(office: Office) -> None:
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    definition = experiment(start=start.isoformat(), traffic=0.6, ramp=STEPS)
    office.files.write(CHECKOUT, definition)
    catalog = Catalog.load(office.files.directory)
    orders = [Order("cron", "r", start + DAY - timedelta(seconds=early)) for early in (1, 0)]
    found = [advance(office.store, catalog, CHECKOUT, order).outcome for order in orders]
    assert found == [Outcome.WAITING, Outcome.GRANTED]


def test_a_step_whose_time_has_come_is_granted_and_noted(office: Office) -> None:
    office.started(ago=DAY)
    office.expose(100, 100)
    code, (ramped,) = office.ramp("--actor", "cron")
    assert (code, ramped["outcome"], ramped["traffic"]) == (0, "granted", 0.1)
    assert office.granted() == 2
    (entry,) = office.log()
    assert (entry["actor"], entry["action"]) == ("cron", "ramped")
    assert entry["details"] == {"step": 2, "traffic": 0.1}
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"], ramped["traffic"]) == (0, "waiting", 0.1)


def test_a_broken_sample_ratio_holds_the_step(office: Office) -> None:
    office.started(ago=DAY)
    office.expose(400, 200)
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"]) == (1, "held")
    assert ramped["reasons"] == ["sample ratio mismatch: two_page 400, one_page 200"]
    assert office.granted() == 1
    assert office.log() == []
    ran = office.kassa("ramp", "--quiet")
    assert ran.exit_code == 1
    assert ran.stdout.startswith(f"{CHECKOUT} held at 0.02 of the units: sample ratio mismatch")


def test_a_guardrail_that_got_worse_holds_the_step(office: Office) -> None:
    office.started(ago=DAY, metrics={"primary": "paid_conversion", "guardrails": ["declines"]})
    office.expose(1000, 1000)
    office.happened("payment_declined", [f"two_page-{n}" for n in range(100)])
    office.happened("payment_declined", [f"one_page-{n}" for n in range(300, 600)])
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"]) == (1, "held")
    (reason,) = ramped["reasons"]
    assert reason.startswith("guardrail Declines got worse with one_page: p = ")
    assert office.granted() == 1


def test_a_loss_within_a_guardrails_margin_holds_no_step(office: Office) -> None:
    guardrail = {"metric": "declines", "margin": 0.5, "scale": "absolute"}
    office.started(ago=DAY, metrics={"primary": "paid_conversion", "guardrails": [guardrail]})
    office.expose(1000, 1000)
    office.happened("payment_declined", [f"two_page-{n}" for n in range(100)])
    office.happened("payment_declined", [f"one_page-{n}" for n in range(300, 600)])
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"], ramped["traffic"]) == (0, "granted", 0.1)


@pytest.mark.parametrize(
    ("role", "declined"), [("secondary", 300), ("guardrails", 100), ("guardrails", 30)]
)
def test_only_a_guardrail_that_got_worse_holds_a_step(
    office: Office, role: str, declined: int
) -> None:
    office.started(ago=DAY, metrics={"primary": "paid_conversion", role: ["declines"]})
    office.expose(1000, 1000)
    office.happened("payment_declined", [f"two_page-{n}" for n in range(100)])
    office.happened("payment_declined", [f"one_page-{n}" for n in range(declined)])
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"], ramped["traffic"]) == (0, "granted", 0.1)


def test_a_step_that_asks_for_approval_waits_for_a_person(office: Office) -> None:
    office.started(ago=4 * DAY)
    office.expose(100, 100)
    ran = office.kassa("approve", CHECKOUT, "--reason", "r")
    assert ran.exit_code == 1
    assert "step 2, 0.1 of the units asks for no approval" in ran.stderr
    assert office.ramp()[0] == 0
    code, (ramped,) = office.ramp()
    assert (code, ramped["outcome"]) == (1, "held")
    assert ramped["reasons"] == [
        f"step 3, 0.6 of the units waits for a person: kassa approve {CHECKOUT} --reason ..."
    ]
    ran = office.kassa("approve", CHECKOUT, "--reason", "support is calm", "--actor", "ada")
    assert (ran.exit_code, office.granted()) == (0, 3)
    assert ran.stderr == f"{CHECKOUT} granted at 0.6 of the units: step 3, 0.6 of the units\n"
    assert office.ramp() == (
        0,
        [{"experiment": CHECKOUT, "outcome": "complete", "traffic": 0.6, "reasons": []}],
    )
    entry = office.log()[-1]
    assert (entry["action"], entry["actor"], entry["reason"]) == (
        "approved",
        "ada",
        "support is calm",
    )
    ran = office.kassa("approve", CHECKOUT, "--reason", "more")
    assert (ran.exit_code, "every step is taken" in ran.stderr) == (1, True)


def test_an_approval_before_its_time_is_refused_with_the_time(office: Office) -> None:
    office.started(ago=2 * DAY)
    office.ramp()
    ran = office.kassa("approve", CHECKOUT, "--reason", "r")
    assert ran.exit_code == 1
    assert "step 3, 0.6 of the units can be approved from " in ran.stderr
    assert office.granted() == 2


def test_only_running_experiments_with_a_ramp_are_looked_at(office: Office) -> None:
    office.files.write("second", beside())
    office.started(ago=DAY)
    office.kassa("stop", CHECKOUT, "--reason", "r")
    assert office.ramp() == (0, [])
    code, found = office.ramp("second", CHECKOUT)
    assert code == 0
    assert [(each["outcome"], each["reasons"]) for each in found] == [
        ("idle", ["it has no ramp"]),
        ("idle", ["it is stopped"]),
    ]
    ran = office.kassa("approve", CHECKOUT, "--reason", "r")
    assert (ran.exit_code, "it is stopped" in ran.stderr) == (1, True)
