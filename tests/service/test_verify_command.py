"""`kassa verify`: a report stands, or each value that does not is told."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, update

from analysis.render import DATA_BLOCK
from experiments import Catalog
from service.cli import main
from service.settings import PROJECT
from service.store.session import Store
from service.store.snapshots import Snapshot, keep_snapshot
from service.store.tables import charges, checkouts, events, exposures, payments

EXPERIMENT = "one-page-checkout"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AS_OF = "2026-03-20T12:00:00+00:00"


def kassa(*words: str) -> Result:
    ran = CliRunner().invoke(main, words, prog_name="kassa")
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


@pytest.fixture
def store(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A directory with Kassa's definitions and a store of 200 units, of whom each fifth paid."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PROJECT / "experiments", tmp_path / "experiments")
    monkeypatch.setenv("KASSA_DEFINITIONS", str(_definitions(tmp_path)))
    _rewrite(tmp_path, "[revenue_per_visitor]", "[revenue_per_visitor, refund_rate]")
    (tmp_path / "var").mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "var" / "kassa.db")
    store = Store(f"sqlite:///{tmp_path / 'var' / 'kassa.db'}")
    with store.write() as connection:
        connection.execute(exposures.insert(), [_seen(number) for number in range(200)])
        connection.execute(events.insert(), [_paid(number) for number in range(0, 200, 5)])
    yield store
    store.close()


def _seen(number: int) -> dict[str, Any]:
    return {
        "experiment": EXPERIMENT, "unit_id": f"u{number}",
        "variant": ("two_page", "one_page")[number % 2],
        "exposed_at": NOON + timedelta(hours=number), "reason": "SPLIT", "bucket": 0.5,
        "checkout_id": None, "definitions": "0" * 64,
        "attributes": {"device": ("phone", "desktop")[number % 3 // 2]},
    }  # fmt: skip


def _paid(number: int) -> dict[str, Any]:
    at = NOON + timedelta(hours=number + 1)
    return {
        "event_id": f"e{number}", "unit_id": f"u{number}", "checkout_id": None,
        "name": "payment_succeeded", "occurred_at": at, "received_at": at,
        "value": 2400 + number, "currency": "usd", "properties": {},
    }  # fmt: skip


def made(path: Path, *words: str) -> str:
    """A report as of a time, written to a file."""
    ran = kassa("report", EXPERIMENT, "--as-of", AS_OF, "--output", str(path), *words)
    assert ran.exit_code == 0, ran.output
    return str(path)


@pytest.mark.parametrize("form", ["json", "html", "notebook"])
def test_a_report_that_was_just_made_stands(store: Store, tmp_path: Path, form: str) -> None:
    report = made(tmp_path / "report", "--format", form)
    ran = kassa("verify", report)
    assert ran.exit_code == 0, ran.output
    first, second = ran.stdout.splitlines()
    assert first.endswith("values stand")
    assert second.startswith("made again by the report's own definitions")
    assert kassa("verify", report, "--quiet").stdout == ""


def test_every_value_of_the_report_is_compared(store: Store, tmp_path: Path) -> None:
    report = Path(made(tmp_path / "report.json", "--format", "json"))
    document = json.loads(report.read_text("utf-8"))
    assert document["segments"]
    assert document["time_series"]
    found = json.loads(kassa("verify", str(report), "--format", "json").stdout)
    aside = 2  # generated_at and definitions
    assert found["values"] == _leaves(document) - aside
    assert (found["stands"], found["differences"], found["unreported"]) == (True, [], [])
    assert found["schema"] == "kassa.verification/1"


def _leaves(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_leaves, inner)) if isinstance(value, (dict, list)) else 1


@pytest.fixture
def on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of this tree, to be called by its name."""
    file = tmp_path / "bin" / "kassa"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m service.cli "$@"\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(file.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


def _cells(path: str) -> list[str]:
    cells = json.loads(Path(path).read_text("utf-8"))["cells"]
    return ["".join(each["source"]) for each in cells if each["cell_type"] == "code"]


@pytest.mark.usefixtures("store", "on_the_path")
def test_a_notebook_verifies_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for source in _cells(made(tmp_path / "report.ipynb", "--format", "notebook")):
        exec(source, names)  # noqa: S102 - our own cells
    assert "values stand\nmade again by the report's own definitions" in capsys.readouterr().out


@pytest.mark.usefixtures("on_the_path")
def test_a_notebook_of_a_file_asks_the_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"u{n},{'ab'[n % 2]},{n % 3 // 2}" for n in range(60)]
    file, output = tmp_path / "visits.csv", str(tmp_path / "report.ipynb")
    file.write_text("\n".join(["unit,group,paid", *rows]))
    words = ("--unit", "unit", "--variant", "group", "--control", "a", "--metric", "paid=paid")
    kassa("analyze", "visits.csv", *words, "--format", "notebook", "--output", output)
    *before, compare, _ = _cells(output)
    names: dict[str, object] = {}
    for source in (*before, compare):
        exec(source, names)  # noqa: S102 - our own cells
    assert "metrics stands" in capsys.readouterr().out
    file.write_text("\n".join(["unit,group,paid", *rows[:-1]]))
    exec(compare, names)  # noqa: S102 - the same
    assert "metrics does not stand" in capsys.readouterr().out


def test_the_report_that_was_stored_last_is_found_by_its_experiment(store: Store) -> None:
    assert kassa("report", EXPERIMENT, "--link").exit_code == 0
    assert kassa("verify", EXPERIMENT).exit_code == 0


def test_a_number_that_was_edited_is_told_beside_the_right_one(
    store: Store, tmp_path: Path
) -> None:
    report = Path(made(tmp_path / "report.json", "--format", "json"))
    document = json.loads(report.read_text("utf-8"))
    document["metrics"][0]["variants"]["one_page"]["sum"] += 1
    report.write_text(json.dumps(document), "utf-8")
    ran = kassa("verify", str(report))
    assert ran.exit_code == 1
    assert "1 of" in ran.stdout
    assert ran.stdout.splitlines()[3:] == [
        "$.metrics[0].variants.one_page.sum",
        "  reported    21",
        "  recomputed  20",
    ]
    (found,) = json.loads(kassa("verify", str(report), "--format", "json").stdout)["differences"]
    assert found == {
        "path": "$.metrics[0].variants.one_page.sum",
        "metric": "paid_conversion",
        "reported": 21,
        "recomputed": 20,
    }


def test_what_came_after_the_reports_time_moves_nothing(store: Store, tmp_path: Path) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    late = _paid(1) | {"received_at": datetime.fromisoformat(AS_OF) + timedelta(seconds=1)}
    with store.write() as connection:
        connection.execute(events.insert(), [late])
    assert kassa("verify", report).exit_code == 0


def test_rows_that_are_gone_are_missed(store: Store, tmp_path: Path) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    with store.write() as connection:
        connection.execute(delete(exposures).where(exposures.c.unit_id == "u7"))
    ran = kassa("verify", report, "--format", "json")
    assert ran.exit_code == 1
    moved = {each["path"]: each for each in json.loads(ran.stdout)["differences"]}
    assert moved["$.units.one_page"]["recomputed"] == 99
    assert "remark" not in moved["$.units.one_page"]


def _charge(store: Store) -> None:
    """A payment of u0, in the books."""
    checkout = {
        "checkout_id": "c0", "created_at": NOON, "expires_at": NOON, "mode": "payment",
        "currency": "usd", "amount": 2400, "lines": [], "attributes": {}, "metadata": {},
        "unit_id": "u0", "preview": False,
    }  # fmt: skip
    payment = {
        "payment_intent_id": "pi0", "checkout_id": "c0", "status": "succeeded",
        "proved": "succeeded", "amount": 2400, "amount_received": 2400, "currency": "usd",
        "mismatch": False, "succeeded_at": NOON,
    }  # fmt: skip
    charge = {
        "charge_id": "ch0", "payment_intent_id": "pi0", "status": "succeeded", "amount": 2400,
        "amount_refunded": 0, "amount_captured": 2400, "currency": "usd", "disputed": False,
        "network_token": False, "charged_at": NOON, "observed_at": NOON, "version": "",
    }  # fmt: skip
    with store.write() as connection:
        for table, row in ((checkouts, checkout), (payments, payment), (charges, charge)):
            connection.execute(table.insert(), [row])


def test_a_late_refund_is_told_to_be_a_possible_cause(store: Store, tmp_path: Path) -> None:
    _charge(store)
    report = made(tmp_path / "report.json", "--format", "json")
    with store.write() as connection:
        connection.execute(update(charges).values(amount_refunded=2400))
    ran = kassa("verify", report)
    assert ran.exit_code == 1
    assert "refund_rate reads the ledger, which tells what stands and not since when" in ran.stdout
    document = json.loads(kassa("verify", report, "--format", "json").stdout)
    noted = {each["metric"] for each in document["differences"] if "remark" in each}
    assert "refund_rate" in noted
    assert "paid_conversion" not in noted


def _definitions(tmp_path: Path) -> Path:
    return tmp_path / "experiments" / "definitions"


def _rewrite(tmp_path: Path, old: str, new: str) -> None:
    file = _definitions(tmp_path) / f"{EXPERIMENT}.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def _amend(tmp_path: Path) -> None:
    _rewrite(tmp_path, "alpha: 0.05", "alpha: 0.1")


def test_a_report_is_made_again_by_its_own_definitions_where_the_store_has_them(
    store: Store, tmp_path: Path
) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    catalog = Catalog.load(_definitions(tmp_path))
    with store.write() as connection:
        keep_snapshot(connection, Snapshot(catalog.version, NOON, catalog.sources))
    _amend(tmp_path)
    ran = kassa("verify", report)
    assert ran.exit_code == 0, ran.output
    assert f"the report's own definitions ({catalog.version[:12]})" in ran.stdout


def test_definitions_that_the_store_never_had_are_said_to_be_missing(
    store: Store, tmp_path: Path
) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    _amend(tmp_path)
    ran = kassa("verify", report)
    assert ran.exit_code == 1
    assert "the definitions in force; the report's own were never taken up" in ran.stdout
    assert "$.analysis.alpha" in ran.stdout


def test_definitions_that_hold_no_longer_are_said_to(store: Store, tmp_path: Path) -> None:
    report = Path(made(tmp_path / "report.json", "--format", "json"))
    document = json.loads(report.read_text("utf-8")) | {"definitions": "b" * 64}
    report.write_text(json.dumps(document), "utf-8")
    broken = {f"{EXPERIMENT}.yaml": "version: 0\n"}
    with store.write() as connection:
        keep_snapshot(connection, Snapshot("b" * 64, NOON, broken))
    ran = kassa("verify", str(report))
    assert "the report's own do not hold in this version" in ran.stdout


def test_an_older_report_that_names_no_definitions_is_held_to_those_in_force(
    store: Store, tmp_path: Path
) -> None:
    report = Path(made(tmp_path / "report.json", "--format", "json"))
    document = json.loads(report.read_text("utf-8"))
    del document["definitions"], document["time_series"]
    report.write_text(json.dumps(document), "utf-8")
    ran = kassa("verify", str(report))
    assert ran.exit_code == 0, ran.output
    assert "does not name its own" in ran.stdout
    assert ran.stdout.endswith("no field in the report: $.time_series\n")


UNUSABLE: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "is not the JSON of a report"),
    "not utf-8": (b"\xff\xfe", "is not UTF-8"),
    "a list": ("[]", "is not a report of the shape"),
    "deep": ("[" * 100_000, "is not the JSON of a report"),
    "not a number": ('{"schema": NaN}', "NaN is no number"),
    "another shape": ('{"schema": "kassa.report/2"}', "is not a report of the shape"),
    "no name": ('{"schema": "kassa.report/1"}', "experiment must be a name"),
    "no time": (
        '{"schema": "kassa.report/1", "experiment": "x", "as_of": 3}',
        "as_of must be an ISO 8601 time",
    ),
    "no zone": (
        '{"schema": "kassa.report/1", "experiment": "x", "as_of": "2026-03-02T12:00:00"}',
        "as_of must carry its zone",
    ),
    "a page": ("<!doctype html><title>News</title>", "carries no numbers"),
    "a torn page": (
        f'<script type="application/json" id="{DATA_BLOCK}">{{"a"</script>',
        "is not the JSON of a report",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_is_no_report_is_refused_with_its_reason(
    store: Store, tmp_path: Path, case: str
) -> None:
    content, reason = UNUSABLE[case]
    file = tmp_path / "report"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = kassa("verify", str(file))
    assert ran.exit_code == 2
    assert reason in ran.stderr
    assert ran.stdout == ""


def test_a_report_of_a_file_is_refused_with_the_way_to_check_it(
    store: Store, tmp_path: Path
) -> None:
    rows = "\n".join(f"u{n},{'ab'[n % 2]},{n % 3 // 2}" for n in range(60))
    (tmp_path / "visits.csv").write_text(f"unit,group,paid\n{rows}\n")
    output = str(tmp_path / "report.json")
    words = ("--unit", "unit", "--variant", "group", "--control", "a", "--metric", "paid=paid")
    kassa("analyze", "visits.csv", *words, "--format", "json", "--output", output)
    ran = kassa("verify", output)
    assert ran.exit_code == 2
    assert "make it again from them" in ran.stderr


def test_a_report_that_nobody_stored_is_not_there(store: Store) -> None:
    ran = kassa("verify", EXPERIMENT)
    assert ran.exit_code == 2
    assert "`kassa report EXPERIMENT --link` stores one" in ran.stderr


def test_an_experiment_that_is_no_longer_defined_is_named(store: Store, tmp_path: Path) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    for file in _definitions(tmp_path).glob("*.yaml"):
        file.unlink()
    ran = kassa("verify", report)
    assert ran.exit_code == 2
    assert EXPERIMENT in ran.stderr


def test_without_a_store_nothing_is_verified(store: Store, tmp_path: Path) -> None:
    report = made(tmp_path / "report.json", "--format", "json")
    ran = kassa("verify", report, "--source", "sqlite:///nowhere.db")
    assert ran.exit_code == 3
