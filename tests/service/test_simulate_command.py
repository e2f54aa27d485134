"""`kassa simulate`: what it writes can be reported on, gone on with, and is mixed with nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from analysis import simulate
from service import simulating
from service.cli import main
from service.settings import PROJECT
from service.store.session import Store
from service.store.tables import events, exposures

ONE_PAGE = "one-page-checkout"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KASSA_DEFINITIONS", str(PROJECT / "experiments" / "definitions"))
    monkeypatch.setenv("KASSA_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    return tmp_path


def kassa(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="kassa")


def made(out: str, *words: str) -> dict[str, Any]:
    ran = kassa(
        "simulate", "--out", out, "--visitors", "400", "--lift", "0.1", "--days", "3", "--format",
        "json", *words,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def rows(url: str) -> tuple[int, int]:
    """Exposures and events in a store."""
    store = Store(url)
    with store.read() as connection:
        found = [
            connection.scalar(select(func.count()).select_from(t)) for t in (exposures, events)
        ]
    store.close()
    return found[0] or 0, found[1] or 0


def in_files(directory: Path, table: str, what: str = "count(*)") -> Any:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {what} FROM read_parquet(?, hive_partitioning = true)",  # noqa: S608
            [str(directory / table / "*" / "*.parquet")],
        )
        return found.fetchall()


def test_a_report_on_a_store_of_made_up_visitors_shows_the_planted_lift(store_url: str) -> None:
    ran = kassa(
        "simulate", "--out", store_url, "--visitors", "12000", "--lift", "0.25",
        "--baseline", "0.4", "--refunds", "0.1", "--bots", "0.02", "--lost",
        "one_page=0.1", "--novelty", "0.1",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "true lift +25.00%" in ran.stdout
    report = json.loads(kassa("report", ONE_PAGE, "--source", store_url, "--format", "json").stdout)
    assert sum(report["units"].values()) == 12000
    assert report["checks"]["sample_ratio"]["ok"]
    paid, revenue = (metric["comparisons"][0] for metric in report["metrics"][:2])
    assert paid["relative"]["ci_low"] < 0.26 < paid["relative"]["ci_high"]
    assert paid["relative"]["ci_low"] > 0.15
    assert revenue["p_value"] < 0.05
    assert report["metrics"][0]["variants"]["two_page"]["value"] == pytest.approx(0.392, abs=0.03)


def test_the_document_says_what_was_planted_and_what_came_of_it(here: Path) -> None:
    url = f"sqlite:///{here / 'lab.db'}"
    found = made(url, "--lost", "0.1", "--lost", "one_page=0.2")
    assert found["schema"] == "kassa.simulation/1"
    assert found["truth"]["lift"] == 0.1
    assert found["truth"]["lost"] == {"two_page": 0.1, "one_page": 0.2}
    assert sum(found["units"].values()) == 400
    assert rows(url) == (400, sum(found["events"].values()))


def test_the_same_command_makes_the_same_rows_in_a_store_and_in_files(here: Path) -> None:
    url, directory = f"sqlite:///{here / 'lab.db'}", here / "lab"
    assert made(url)["events"] == made(str(directory))["events"]
    store = Store(url)
    with store.read() as connection:
        stored = connection.execute(
            select(events.c.event_id, events.c.unit_id, events.c.name, events.c.value)
            .order_by(events.c.event_id)
        ).fetchall()  # fmt: skip
        seen = connection.execute(select(exposures).order_by(exposures.c.unit_id)).first()
    store.close()
    columns = "event_id, unit_id, name, value"
    filed = in_files(directory, "events", columns)
    assert sorted(map(tuple, stored)) == sorted(filed)
    assert seen is not None
    assert set(seen.attributes) == {"device", "country"}
    (first,) = in_files(
        directory,
        "exposures",
        "arg_min((experiment, variant, unit_id, epoch_us(exposed_at), bucket, device), unit_id)",
    )
    at = (seen.exposed_at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6
    assert list(first[0].values() if isinstance(first[0], dict) else first[0]) == [
        ONE_PAGE, seen.variant, seen.unit_id, round(at), seen.bucket, seen.attributes["device"],
    ]  # fmt: skip


def test_files_are_in_days_and_times_carry_their_zone(here: Path) -> None:
    made(str(here / "lab"))
    days = sorted(path.name for path in (here / "lab" / "exposures").iterdir())
    assert days == ["day=2026-01-05", "day=2026-01-06", "day=2026-01-07"]
    ((kind, same),) = in_files(
        here / "lab",
        "exposures",
        "any_value(typeof(exposed_at)), bool_and(epoch_us(exposed_at) // 86400000000 = "
        "epoch(day::DATE) // 86400)",
    )
    assert (kind, same) == ("TIMESTAMP WITH TIME ZONE", True)


def interrupted(monkeypatch: pytest.MonkeyPatch, out: str, after: int) -> None:
    """The command, ended by Ctrl-C after some batches."""
    real = simulate.batches

    def some(simulation: simulate.Simulation) -> Any:
        for batch in real(simulation):
            if batch.number == after:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(simulate, "batches", some)
        ran = kassa("simulate", "--out", out, "--visitors", "400", "--lift", "0.1", "--days", "3")
    assert ran.exit_code == 1


def test_an_interrupted_store_is_gone_on_with_and_a_whole_one_left_alone(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, store_url, after=2)
    some = rows(store_url)
    assert 0 < some[0] < 400
    found = made(store_url)
    assert rows(store_url) == (400, sum(found["events"].values()))
    assert made(store_url) == found
    assert rows(store_url) == (400, sum(found["events"].values()))


def test_a_batch_that_breaks_off_leaves_nothing_of_itself(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{here / 'lab.db'}"

    def breaks(_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(simulating, "_events", breaks)
        assert kassa("simulate", "--out", url, "--visitors", "50", "--lift", "0").exit_code == 1
    assert rows(url) == (0, 0)


def test_interrupted_files_are_gone_on_with_and_none_is_ever_half(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = here / "lab"
    interrupted(monkeypatch, str(directory), after=2)
    files = {path: path.stat().st_mtime_ns for path in directory.rglob("*.parquet")}
    assert len(files) == 4
    # As if it had ended inside a file.
    name = next(iter(files)).name.replace("000000", "000002").replace("000001", "000002")
    half = (directory / "events" / "day=2026-01-07" / name).with_suffix(".partial")
    half.parent.mkdir()
    half.write_bytes(b"PAR1")
    found = made(str(directory))
    assert in_files(directory, "events")[0][0] == sum(found["events"].values())
    assert in_files(directory, "exposures")[0][0] == 400
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert not half.exists()


def test_a_file_has_its_name_once_it_is_whole(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaks)
        ran = kassa("simulate", "--out", str(here / "lab"), "--visitors", "50", "--lift", "0")
    assert ran.exit_code == 1
    assert not list((here / "lab").rglob("*.parquet"))


def test_events_without_their_exposures_are_written_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace

    def breaks(half: Path, whole: Path) -> Path:
        if "exposures" in whole.parts:
            raise KeyboardInterrupt
        return real(half, whole)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaks)
        ran = kassa("simulate", "--out", "lab", "--visitors", "400", "--lift", "0.1", "--days", "3")
    assert ran.exit_code == 1
    found = made("lab")
    assert in_files(here / "lab", "events")[0][0] == sum(found["events"].values())
    assert in_files(here / "lab", "exposures")[0][0] == 400


@pytest.mark.parametrize("form", ["store", "directory"])
def test_other_data_is_mixed_with_nothing_unless_it_is_asked_for(form: str, here: Path) -> None:
    out = f"sqlite:///{here / 'lab.db'}" if form == "store" else str(here / "lab")
    made(out)
    again = ("simulate", "--out", out, "--visitors", "100", "--lift", "0.3", "--days", "3")
    ran = kassa(*again)
    assert ran.exit_code == 2
    assert ran.stderr.startswith("Error: --out: ")
    assert "--add" in ran.stderr
    assert kassa(*again, "--add").exit_code == 0
    count = rows(out)[0] if form == "store" else in_files(here / "lab", "exposures")[0][0]
    assert count == 500


def test_a_store_of_real_visitors_is_left_alone(migrated_store_url: str) -> None:
    store = Store(migrated_store_url)
    with store.write() as connection:
        connection.execute(
            events.insert(),
            {
                "event_id": "e1",
                "unit_id": "v1",
                "name": "checkout_viewed",
                "occurred_at": NOON,
                "received_at": NOON,
                "properties": {},
            },
        )
    store.close()
    ran = kassa("simulate", "--out", migrated_store_url, "--visitors", "10", "--lift", "0")
    assert ran.exit_code == 2
    assert rows(migrated_store_url) == (0, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lift", "lots"], "--lift"),
        (["--visitors", "0"], "--visitors"),
        (["--bots", "1"], "--bots"),
        (["--lost", "many"], "--lost"),
        (["--lost", "third=0.1"], "lost: no variant third"),
        (["--lost", "1.5"], "lost of "),
        (["--baseline", "0.9", "--lift", "0.4"], "baseline, lift"),
        (["--experiment", "nothing"], "nothing"),
        (["--start", "yesterday"], "--start"),
    ],
)
def test_a_wrong_option_is_named(here: Path, words: list[str], said: str) -> None:
    good = ["--out", str(here / "lab"), "--visitors", "10", "--lift", "0.1"]
    ran = kassa("simulate", *good, *words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not (here / "lab").exists()


def test_of_several_experiments_one_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = here / "experiments" / "definitions"
    definitions.mkdir(parents=True)
    shipped = PROJECT / "experiments"
    for name in ("metrics.yaml", "layers.yaml", "attributes.yaml", "offers.yaml"):
        (definitions.parent / name).write_text((shipped / name).read_text())
    text = (shipped / "definitions" / f"{ONE_PAGE}.yaml").read_text()
    (definitions / "first.yaml").write_text(text.replace("seed: one-page-checkout", "seed: a"))
    (definitions / "second.yaml").write_text(text.replace("status: running", "status: draft"))
    monkeypatch.setenv("KASSA_DEFINITIONS", str(definitions))
    asked = ("simulate", "--out", "lab", "--visitors", "10", "--lift", "0")
    ran = kassa(*asked)
    assert ran.exit_code == 2
    assert "--experiment: name one of several: first, second" in ran.stderr
    assert kassa(*asked, "--experiment", "first").exit_code == 0
    assert "second: must be open" in kassa(*asked, "--experiment", "second").stderr


def test_quiet_says_nothing_and_json_alone_is_on_stdout(here: Path) -> None:
    ran = kassa("simulate", "--out", "lab", "--visitors", "10", "--lift", "0", "--quiet")
    assert (ran.exit_code, ran.output) == (0, "")
    ran = kassa("simulate", "--out", "lab", "--visitors", "10", "--lift", "0", "--format", "json")
    assert json.loads(ran.output)["visitors"] == 10
