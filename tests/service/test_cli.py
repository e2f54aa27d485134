"""The command line: exit codes, what goes to stdout, and sentences instead of tracebacks."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from experiments import RULES
from service.cli import main
from service.settings import PROJECT
from service.store import schema
from service.store.session import Store
from service.store.tables import events, exposures
from service.web.signing import Signing
from tests.service.processes import free_port

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC)
GROUPS = {"brand", "db", "ledger", "pages"}
COMMANDS = [[name] for name in main.list_commands(click.Context(main))]
# Runs its arguments without root's power over permissions (CAP_DAC_OVERRIDE leaves with exec).
_MORTAL = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of an error."""
        assert "Traceback" not in self.err, self.err
        assert self.out == ""
        (line,) = [each for each in self.err.splitlines() if each.startswith("Error: ")]
        return line.removeprefix("Error: ")


@dataclass(frozen=True)
class Terminal:
    """A directory with Kassa's books, and the command in it."""

    directory: Path

    def kassa(self, *words: str, **variables: str) -> Ran:
        """Run it here, which spares a start for each command."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.directory)
            for name in os.environ.keys() - self._environment({}).keys():
                patch.delenv(name)
            ran = CliRunner().invoke(main, words, env=variables, prog_name="kassa")
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def process(self, *words: str, mortal: bool = False, **variables: str) -> Ran:
        """Run it as a process of its own, without root's powers if that is asked for."""
        ran = subprocess.run(
            [
                *([sys.executable, "-c", _MORTAL] if mortal else []),
                *[sys.executable, "-P", "-m", "service.cli", *words],
            ],
            cwd=self.directory,
            env=self._environment(variables),
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def serve(self, **variables: str) -> Ran:
        """Start the service where it will not start."""
        return self.process("serve", "--port", str(free_port()), mortal=False, **variables)

    @staticmethod
    def _environment(variables: dict[str, str]) -> dict[str, str]:
        foreign = ("KASSA_", "STRIPE_")
        return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | variables

    @property
    def books(self) -> Path:
        return self.directory / "var" / "kassa.db"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def ledger(terminal: Terminal, migrated_sqlite: Path) -> Terminal:
    """A terminal over a store with 60 exposed units; every third paid, an hour later."""
    terminal.books.parent.mkdir()
    shutil.copy(migrated_sqlite, terminal.books)
    fill(f"sqlite:///{terminal.books}")
    return terminal


def fill(url: str) -> None:
    store = Store(url)
    seen: list[dict[str, object]] = [
        {
            "experiment": "one-page-checkout",
            "unit_id": f"u{number}",
            "variant": ("two_page", "one_page")[number % 2],
            "exposed_at": NOON,
            "reason": "SPLIT",
            "bucket": 0.5,
            "checkout_id": None,
            "definitions": "0" * 64,
            "attributes": {},
        }
        for number in range(60)
    ]
    paid: list[dict[str, object]] = [
        {
            "event_id": f"e{number}",
            "unit_id": f"u{number}",
            "checkout_id": None,
            "name": "payment_succeeded",
            "occurred_at": NOON + timedelta(hours=1),
            "received_at": NOON + timedelta(hours=1),
            "value": 2400,
            "currency": "usd",
            "properties": {},
        }
        for number in range(0, 60, 3)
    ]
    with store.write() as connection:
        connection.execute(exposures.insert(), seen)
        connection.execute(events.insert(), paid)
    store.close()


def _copied_definitions(terminal: Terminal) -> Path:
    copied = terminal.directory / "growth" / "definitions"
    shutil.copytree(PROJECT / "experiments" / "definitions", copied)
    return copied


@pytest.mark.parametrize("words", [*COMMANDS, ["db", "upgrade"], ["db", "current"]], ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    terminal: Terminal, words: list[str]
) -> None:
    ran = terminal.kassa(*words, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"Example: kassa {' '.join(words)}" in re.sub(r"\s+", " ", ran.out)
    assert not list(terminal.directory.iterdir()), "help leaves nothing behind"


def test_the_overview_lists_every_command_and_loads_none(terminal: Terminal) -> None:
    ran = terminal.kassa("--help")
    assert ran.code == 0
    for (name,) in COMMANDS:
        assert re.search(rf"^  {name} +\S", ran.out, re.MULTILINE)
    assert re.fullmatch(r"kassa, version \d+\.\d+\.\d+\n", terminal.kassa("--version").out)


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["assign"],
        ["assign", "one-page-checkout"],
        ["assign", "one-page-checkout", "--unit", ""],
        ["assign", "one-page-checkout", "--unit", "u", "--attribute", "contry=SE"],
        ["assign", "one-page-checkout", "--unit", "u", "--attribute", "amount=dear"],
        ["link", "one-page-checkout", "qa-team"],
        ["report", "one-page-checkout", "--format", "pdf"],
        ["report", "one-page-checkout", "--as-of", "yesterday"],
        ["report", "one-page-checkout", "--as-of", "2025-11-23T12:00:00"],
        ["serve", "--port", "0"],
        ["serve", "--workers", "none"],
        ["demo", "--visitors", "3"],
        ["lint", "nowhere.yaml"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two_and_one_sentence(terminal: Terminal, words: list[str]) -> None:
    ran = terminal.kassa(*words)
    assert ran.code == 2
    assert ran.sentence


@pytest.mark.parametrize(
    "words", [["config"], ["serve"], ["db", "upgrade"], ["demo"]], ids=" ".join
)
def test_a_wrong_variable_is_named_and_exits_with_two(terminal: Terminal, words: list[str]) -> None:
    ran = terminal.kassa(*words, KASSA_TRUSTED_PROXIES="many")
    assert ran.code == 2
    assert ran.sentence.startswith("KASSA_TRUSTED_PROXIES ")


@pytest.mark.parametrize(
    "words", [["assign", "red-button", "--unit", "u"], ["report", "red-button"]], ids=" ".join
)
def test_an_unknown_experiment_exits_with_two(ledger: Terminal, words: list[str]) -> None:
    ran = ledger.kassa(*words)
    assert ran.code == 2
    assert "red-button" in ran.sentence


def test_config_shows_what_is_in_force_and_no_secret(terminal: Terminal) -> None:
    (terminal.directory / ".env").write_text("KASSA_API_KEYS=hidden-key-one,hidden-key-two\n")
    variables = {
        "KASSA_DATABASE_URL": "postgresql+psycopg://kassa:hidden-word@db.example.com/kassa",
        "KASSA_SECRET_KEY": "hidden-secret-of-this-shop",
        "STRIPE_SECRET_KEY": "sk_test_hidden",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_shown",
        "STRIPE_WEBHOOK_SECRET": "whsec_hidden",
    }
    printed = terminal.kassa("config", **variables)
    read = terminal.kassa("config", "--format", "json", **variables)
    assert (printed.code, printed.err, read.code, read.err) == (0, "", 0, "")
    assert "hidden" not in printed.out + read.out
    found = json.loads(read.out)
    assert found["KASSA_API_KEYS"] == "*** (2 key(s))"
    assert found["KASSA_DATABASE_URL"] == "postgresql+psycopg://kassa:***@db.example.com/kassa"
    for name, value in found.items():
        assert re.search(rf"^{name} +{re.escape(value)}$", printed.out, re.MULTILINE)


def test_assign_prints_the_contracts_json_alone(terminal: Terminal) -> None:
    ran = terminal.kassa("assign", "one-page-checkout", "--unit", "visitor-1")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert list(found) == ["experiment", "unit", "variant", "reason", "bucket", "cause"]
    assert (found["experiment"], found["unit"]) == ("one-page-checkout", "visitor-1")
    assert (found["variant"] in {"two_page", "one_page"}, found["reason"]) == (True, "SPLIT")
    assert 0 <= found["bucket"] < 1
    again = terminal.kassa("assign", "one-page-checkout", "--unit", "visitor-1")
    assert again.out == ran.out


def test_assign_asks_targeting_for_the_attributes(terminal: Terminal) -> None:
    definitions = _copied_definitions(terminal)
    file = definitions / "one-page-checkout.yaml"
    targeted = "targeting: {attribute: amount, min: 1000}\nvariants:"
    file.write_text(file.read_text().replace("variants:", targeted, 1))
    for amount, cause in (("999.5", "not_targeted"), ("1000", "split")):
        ran = terminal.kassa(
            "assign", "one-page-checkout", "--unit", "u", "--attribute", f"amount={amount}",
            KASSA_DEFINITIONS=str(definitions),
        )  # fmt: skip
        assert json.loads(ran.out)["cause"] == cause


def test_link_prints_a_testers_link_that_the_service_believes(terminal: Terminal) -> None:
    definitions = _copied_definitions(terminal)
    file = definitions / "one-page-checkout.yaml"
    overrides = "overrides: [{name: qa-team, variant: one_page}]\nvariants:"
    file.write_text(file.read_text().replace("variants:", overrides, 1))
    variables = {
        "KASSA_DEFINITIONS": str(definitions),
        "KASSA_SECRET_KEY": "a-secret-key-for-tests",
        "KASSA_PUBLIC_URL": "https://pay.example.com",
    }
    ran = terminal.kassa("link", "one-page-checkout", "qa-team", **variables)
    address, _, token = ran.out.strip().partition("/qa/")
    assert address == "https://pay.example.com"
    signing = Signing(("a-secret-key-for-tests",))
    assert signing.overridden(token) == ("one-page-checkout", "qa-team")


def test_lint_of_good_definitions_says_so(terminal: Terminal) -> None:
    ran = terminal.kassa("lint")
    assert (ran.code, ran.out) == (0, "")
    assert re.fullmatch(r"1 experiment, \d+ metrics, \d+ offers: no problems\n", ran.err)
    assert terminal.kassa("lint", "--quiet") == Ran(0, "", "")
    assert json.loads(terminal.kassa("lint", "--format", "json").out) == {
        "schema": "kassa.lint/1",
        "problems": [],
    }


def test_lint_of_broken_definitions_gives_every_place_and_exits_with_one(
    terminal: Terminal,
) -> None:
    file = _copied_definitions(terminal) / "one-page-checkout.yaml"
    written = file.read_text().replace("traffic: 1.0", "traffic: 7")
    file.write_text(written.replace("alpha: 0.05", "alhpa: 0.05"))
    ran = terminal.kassa("lint", "growth/definitions")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert ran.err.startswith("1 experiment, ")
    assert ran.err.endswith(f" offers: {len(lines)} problems\n")
    assert len(lines) >= 2
    traffic = written[: written.index("traffic:")].count("\n") + 1
    place = r"growth/definitions/one-page-checkout\.yaml:\d+:\d+ "
    assert all(re.match(place, line) for line in lines)
    assert any(f":{traffic}:10 out-of-range" in line for line in lines)
    assert any("alhpa" in line and "`alpha`" in line for line in lines)
    as_json = terminal.kassa("lint", "growth/definitions", "--format", "json")
    assert as_json.code == 1
    problems = json.loads(as_json.out)["problems"]
    assert len(problems) == len(lines)
    assert problems[0].keys() >= {"file", "line", "column", "rule", "message", "mend"}


@pytest.mark.parametrize("text", ["variants: [", "\t: tab", "a: b: c", "- just\n- a list", ""])
def test_yaml_that_can_not_be_read_has_its_place(terminal: Terminal, text: str) -> None:
    file = _copied_definitions(terminal) / "one-page-checkout.yaml"
    file.write_text(text)
    ran = terminal.kassa("lint", str(file))
    assert ran.code == 1
    assert re.match(rf"{re.escape(str(file))}:\d+:\d+ [a-z-]+ ", ran.out)


@pytest.mark.parametrize("name", ["serve", "report", "assign"])
def test_broken_definitions_stop_every_command_with_every_problem(
    ledger: Terminal, name: str
) -> None:
    definitions = _copied_definitions(ledger)
    file = definitions / "one-page-checkout.yaml"
    file.write_text(file.read_text().replace("traffic: 1.0", "traffic: 7"))
    (definitions / "second.yaml").write_text("name: [")
    variables = {"KASSA_DEFINITIONS": str(definitions)}
    ran = {
        "serve": lambda: ledger.serve(**variables),
        "report": lambda: ledger.kassa("report", "one-page-checkout", **variables),
        "assign": lambda: ledger.kassa("assign", "second", "--unit", "u", **variables),
    }[name]()
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert re.search(r"one-page-checkout\.yaml:\d+:\d+ out-of-range", ran.err)
    assert re.search(r"second\.yaml:\d+:\d+ yaml-syntax", ran.err)


@pytest.mark.parametrize(
    ("form", "opening"),
    [
        ("text", r"\S"),
        ("json", r'\{\n  "schema": "kassa\.report/1"'),
        ("html", r"(?i)<!doctype html>"),
        ("markdown", r"# "),
        ("csv", r"\w+,"),
    ],
)
def test_a_report_comes_in_every_form_alone_on_stdout(
    ledger: Terminal, form: str, opening: str
) -> None:
    ran = ledger.kassa("report", "one-page-checkout", "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert re.match(opening, ran.out)
    file = ledger.directory / "report.out"
    written = ledger.kassa("report", "one-page-checkout", "--format", form, "--output", str(file))
    assert (written.code, written.out, written.err) == (0, "", f"written to {file}\n")
    assert re.match(opening, file.read_text(encoding="utf-8"))
    quiet = ledger.kassa("report", "one-page-checkout", "--output", str(file), "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_the_report_counts_what_the_store_holds(ledger: Terminal) -> None:
    found = json.loads(ledger.kassa("report", "one-page-checkout", "--format", "json").out)
    assert found["units"] == {"two_page": 30, "one_page": 30}
    paid, revenue = found["metrics"]
    assert [paid["variants"][key]["sum"] for key in found["units"]] == [10, 10]
    assert [revenue["variants"][key]["sum"] for key in found["units"]] == [24000, 24000]
    rows = list(
        csv.reader(StringIO(ledger.kassa("report", found["experiment"], "--format", "csv").out))
    )
    assert len(rows) > 2
    assert len({len(row) for row in rows}) == 1


def test_a_report_of_an_earlier_time_leaves_out_what_came_later(ledger: Terminal) -> None:
    def sums(as_of: str) -> list[float]:
        ran = ledger.kassa("report", "one-page-checkout", "--format", "json", "--as-of", as_of)
        found = json.loads(ran.out)
        assert datetime.fromisoformat(found["as_of"]) == datetime.fromisoformat(as_of)
        return [each["sum"] for each in found["metrics"][0]["variants"].values()]

    assert sums("2025-11-23T12:59:59Z") == [0, 0]
    assert sums("2025-11-23T15:00:00+02:00") == [10, 10]


def test_a_report_can_be_linked_and_is_kept(ledger: Terminal) -> None:
    ran = ledger.kassa("report", "one-page-checkout", "--link")
    assert ran.code == 0
    assert re.fullmatch(r"/reports/one-page-checkout\?access=[\w.-]+\n", ran.err)


def test_a_report_reads_another_store_when_told_to(
    terminal: Terminal, migrated_store_url: str
) -> None:
    fill(migrated_store_url)
    words = ["report", "one-page-checkout", "--format", "json", "--source", migrated_store_url]
    ran = terminal.kassa(*words)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["units"] == {"two_page": 30, "one_page": 30}
    assert not terminal.books.exists()


@pytest.mark.parametrize("source", ["nonsense", "mysql://127.0.0.1/kassa", "sqlite://"])
def test_a_source_that_is_no_store_exits_with_two(terminal: Terminal, source: str) -> None:
    ran = terminal.kassa("report", "one-page-checkout", "--source", source)
    assert ran.code == 2
    assert "--source" in ran.sentence


def test_an_output_that_can_not_be_written_exits_with_two(ledger: Terminal) -> None:
    ran = ledger.kassa("report", "one-page-checkout", "--output", "nowhere/report.txt")
    assert ran.code == 2
    assert ran.sentence.startswith("--output nowhere/report.txt can't be written: ")


def test_migrations_are_asked_for_and_applied_on_both_engines(
    terminal: Terminal, store_url: str
) -> None:
    current = terminal.kassa("db", "current", KASSA_DATABASE_URL=store_url)
    if store_url.startswith("sqlite"):
        file = Path(store_url.removeprefix("sqlite:///"))
        assert (current.code, file.exists()) == (3, False)
        assert current.sentence == (
            f"there is no store at {file}; start `kassa serve` or run `kassa db upgrade`"
        )
    else:
        assert (current.code, current.out, current.err) == (1, "empty\n", "")
    upgraded = terminal.kassa("db", "upgrade", KASSA_DATABASE_URL=store_url)
    assert (upgraded.code, upgraded.err) == (0, "")
    assert upgraded.out == f"the store is at schema {schema.newest()}\n"
    current = terminal.kassa("db", "current", KASSA_DATABASE_URL=store_url)
    assert (current.code, current.out) == (0, f"{schema.newest()}\n")


def test_a_store_that_is_not_ready_exits_with_three_and_the_way_on(terminal: Terminal) -> None:
    ran = terminal.kassa("report", "one-page-checkout")
    assert ran.code == 3
    assert "run `kassa db upgrade`" in ran.sentence


_STORE_COMMANDS = [["report", "one-page-checkout"], ["db", "current"], ["db", "upgrade"]]
_AWAY = "postgresql+psycopg://kassa:hidden-word@127.0.0.1:9/kassa"
_NO_DATABASE = b"no pages of a database" * 500


@pytest.mark.parametrize("words", _STORE_COMMANDS, ids=" ".join)
def test_a_database_server_that_is_away_exits_with_three(
    terminal: Terminal, words: list[str]
) -> None:
    ran = terminal.kassa(*words, KASSA_DATABASE_URL=_AWAY)
    assert ran.code == 3
    assert ran.sentence.startswith("the database does not answer: ")
    assert "hidden-word" not in ran.err


@pytest.mark.parametrize("words", _STORE_COMMANDS, ids=" ".join)
def test_a_file_that_is_no_database_exits_with_three(terminal: Terminal, words: list[str]) -> None:
    terminal.books.parent.mkdir()
    terminal.books.write_bytes(_NO_DATABASE)
    ran = terminal.kassa(*words)
    assert ran.code == 3
    assert ran.sentence == "the database does not answer: file is not a database"


def test_the_service_does_not_start_without_its_database(terminal: Terminal) -> None:
    away = terminal.serve(KASSA_DATABASE_URL=_AWAY)
    assert (away.code, away.sentence.partition(":")[0]) == (3, "the database does not answer")
    terminal.books.parent.mkdir(exist_ok=True)
    terminal.books.write_bytes(_NO_DATABASE)
    broken = terminal.serve()
    assert broken.code == 3
    assert broken.sentence == "the database does not answer: file is not a database"


def test_a_database_that_may_not_be_written_exits_with_three(ledger: Terminal) -> None:
    ledger.books.chmod(0o444)
    ledger.books.parent.chmod(0o555)
    variables = {"KASSA_SECRET_KEY": "a-secret-of-this-installation"}
    ran = ledger.process("db", "upgrade", mortal=True, **variables)
    ledger.books.parent.chmod(0o755)
    assert ran.code == 3, ran.err
    assert ran.sentence == "the database does not answer: attempt to write a readonly database"


def test_the_command_and_the_module_are_one(terminal: Terminal) -> None:
    words = ["assign", "one-page-checkout", "--unit", "visitor-1"]
    started = terminal.process(*words, mortal=False)
    assert started == terminal.kassa(*words)
    installed = Path(sys.executable).with_name("kassa")
    printed = subprocess.run(
        [installed, *words], cwd=terminal.directory, capture_output=True, text=True, check=True
    )
    assert printed.stdout == started.out


def test_the_report_is_the_same_from_either_engine(
    terminal: Terminal, migrated_store_url: str
) -> None:
    fill(migrated_store_url)
    words = ["report", "one-page-checkout", "--format", "json", "--as-of", "2025-11-24T12:00:00Z"]
    ran = terminal.kassa(*words, KASSA_DATABASE_URL=migrated_store_url)
    arm = json.loads(ran.out)["metrics"][0]["variants"]["one_page"]
    assert (arm["units"], arm["sum"], arm["value"]) == (30, 10, 10 / 30)


def test_lint_of_nothing_is_not_taken_for_good(terminal: Terminal) -> None:
    (terminal.directory / "empty").mkdir()
    for form in ("text", "json", "sarif"):
        ran = terminal.kassa("lint", "empty", "--format", form)
        assert (ran.code, ran.sentence) == (2, "there is no definition to read in empty")


def test_lint_of_the_definitions_in_force_finds_whatever_stops_the_start(
    terminal: Terminal,
) -> None:
    definitions = _copied_definitions(terminal)
    (definitions.parent / "offers.yaml").write_text("version: 1\noffers: [{key: A}]\n")
    for place in (definitions, definitions.parent):
        variables = {"KASSA_DEFINITIONS": str(place)}
        started = terminal.serve(**variables)
        ran = terminal.kassa("lint", **variables)
        assert (started.code, ran.code) == (2, 1)
        refused = re.findall(r"^(?:Error: )?(\S+\.yaml:\d.*)$", started.err, re.MULTILINE)
        assert refused != []
        assert set(refused) <= set(ran.out.splitlines())


def test_commands_that_only_look_leave_nothing_behind(terminal: Terminal) -> None:
    looking = [
        ["lint"],
        ["schema"],
        ["config"],
        ["assign", "one-page-checkout", "--unit", "u"],
        ["power", "--baseline", "0.05", "--lift", "0.1"],
        ["db", "current"],
    ]
    for words in looking:
        assert terminal.kassa(*words).code in {0, 3}
        assert not list(terminal.directory.iterdir()), words


@pytest.mark.parametrize(
    "words",
    [
        ["lint"],
        ["config"],
        ["schema"],
        ["assign", "one-page-checkout", "--unit", "u"],
        ["power", "--baseline", "0.05", "--lift", "0.1"],
        ["db", "upgrade"],
        ["db", "current"],
    ],
    ids=" ".join,
)
def test_every_command_can_be_quiet(ledger: Terminal, words: list[str]) -> None:
    loud, quiet = ledger.kassa(*words), ledger.kassa(*words, "--quiet")
    assert (quiet.code, quiet.err) == (loud.code, "")
    assert quiet.out == ("" if words == ["db", "upgrade"] else loud.out)


@pytest.mark.parametrize(
    "words",
    [
        *(words for words in COMMANDS if words[0] not in GROUPS),
        ["db", "upgrade"],
        ["db", "current"],
        ["ledger", "rebuild"],
        ["pages", "verify"],
        ["brand", "check"],
        ["brand", "preview"],
    ],
    ids=" ".join,
)
def test_every_command_takes_the_option_to_be_quiet(terminal: Terminal, words: list[str]) -> None:
    assert "--quiet" in terminal.kassa(*words, "--help").out


@pytest.mark.parametrize("kind", ["experiment", "metrics", "offers"])
def test_schema_prints_what_the_files_are_held_to(terminal: Terminal, kind: str) -> None:
    ran = terminal.kassa("schema", kind)
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    Draft202012Validator.check_schema(printed)
    files = {
        "experiment": "definitions/one-page-checkout.yaml",
        "metrics": "metrics.yaml",
        "offers": "offers.yaml",
    }
    text = (PROJECT / "experiments" / files[kind]).read_text()
    Draft202012Validator(printed).validate(yaml.safe_load(text))
    assert not Draft202012Validator(printed).is_valid({"version": 2})


def test_sarif_has_every_rule_and_every_place(terminal: Terminal) -> None:
    definitions = _copied_definitions(terminal)
    file = definitions / "one-page-checkout.yaml"
    file.write_text(file.read_text().replace("traffic: 1.0", "traffic: 7"))
    file.rename(definitions / "one page.yaml")
    (definitions / "one-page-checkout.test.yaml").unlink()
    ran = terminal.kassa("lint", "growth/definitions", "--format", "sarif")
    assert (ran.code, ran.err) == (1, "")
    log = json.loads(ran.out)
    assert (log["version"], "sarif-schema-2.1.0" in log["$schema"]) == ("2.1.0", True)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"]: rule["shortDescription"]["text"] for rule in rules} == RULES
    problems = json.loads(terminal.kassa("lint", "growth/definitions", "--format", "json").out)[
        "problems"
    ]
    assert {problem["rule"] for problem in problems} == {"bad-key", "out-of-range"}
    for problem, result in zip(problems, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == problem["rule"]
        assert result["level"] == "error"
        assert result["message"]["text"] == f"{problem['message']}; {problem['mend']}"
        (place,) = (each["physicalLocation"] for each in result["locations"])
        assert place["artifactLocation"]["uri"] == "growth/definitions/one%20page.yaml"
        region = {"startLine": problem["line"], "startColumn": problem["column"]}
        assert place["region"] == region
    shipped = json.loads(terminal.kassa("lint", "--format", "sarif").out)
    assert shipped["runs"][0]["results"] == []
