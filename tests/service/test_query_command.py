"""`kassa query` as analysts and programs call it."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.querying.saved import SHIPPED, Query, load_queries
from service.store import schema
from service.store.session import Store
from tests.service.querying.world import fill


@pytest.fixture
def kassa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: Path) -> CliRunner:
    for name in [n for n in os.environ if n.startswith(("KASSA_", "STRIPE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    store = Store(f"sqlite:///{tmp_path / 'var' / 'kassa.db'}")
    schema.upgrade(store)
    with store.write() as connection:
        fill(connection)
    store.close()
    return CliRunner()


def ask(kassa: CliRunner, *arguments: str, code: int = 0) -> Result:
    result = kassa.invoke(main, ["query", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_money_and_shares_are_written_for_people(kassa: CliRunner) -> None:
    table = ask(kassa, "revenue").stdout
    assert "2026-02  usd       $150.00     $0.00   $120.00  $4.00  $26.00" in table
    assert "75.00%" in ask(kassa, "authorization-rate").stdout
    assert "| 2026-01 | usd | $63.00 |" in ask(kassa, "revenue", "--format", "markdown").stdout


def test_json_is_alone_on_stdout_and_keeps_whole_numbers(kassa: CliRunner) -> None:
    document = json.loads(ask(kassa, "revenue", "--format", "json").stdout)
    assert document["rows"][0] == {
        "month": "2026-01", "currency": "usd", "gross": 6300, "refunded": 0, "disputed": 0,
        "fees": 217, "net": 6083,
    }  # fmt: skip
    assert document["columns"][2] == {"name": "gross", "format": "money"}
    assert document["parameters"]["since"] == "2000-01-01"


def test_csv_is_read_back_and_runs_no_formula(kassa: CliRunner) -> None:
    sql = "SELECT '=1+1' AS a, 'x,\"y\"' AS b, -5 AS c FROM charges LIMIT 1"
    text = ask(kassa, "--sql", sql, "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(text))) == [["a", "b", "c"], ["'=1+1", 'x,"y"', "-5"]]


@pytest.mark.parametrize(
    "query", [q for q in load_queries(SHIPPED).values() if q.chart], ids=lambda query: query.name
)
def test_every_chart_is_an_image_that_can_be_read_aloud(kassa: CliRunner, query: Query) -> None:
    asked = [f"{parameter.name}=paying" for parameter in query.parameters if not parameter.default]
    params = [part for each in asked for part in ("--param", each)]
    drawn = ET.fromstring(ask(kassa, query.name, *params, "--format", "svg").stdout)  # noqa: S314 - our own
    names = {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert {"title", "desc", "text"} <= names
    assert names & {"rect", "polyline"}
    described = drawn.findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert described.count(":") >= 1


def test_an_axis_of_two_currencies_counts_in_units_without_a_sign(kassa: CliRunner) -> None:
    drawn = ask(kassa, "revenue", "--format", "svg").stdout
    assert ">80.00</text>" in drawn
    assert "2026-01 $60.83" in drawn


def test_an_answer_goes_to_a_file(kassa: CliRunner, tmp_path: Path) -> None:
    told = ask(kassa, "revenue", "--format", "csv", "--output", "out.csv")
    assert (told.stdout, told.stderr) == ("", "3 rows written to out.csv\n")
    assert (tmp_path / "out.csv").read_text().startswith("month,currency,gross")
    assert ask(kassa, "revenue", "--output", "out.csv", "--quiet").output == ""


def test_the_list_and_the_explanation(kassa: CliRunner) -> None:
    listing = ask(kassa, "--list").stdout
    assert set(load_queries(SHIPPED)) == {line.split()[0] for line in listing.splitlines()}
    shown = ask(kassa, "experiment-money", "--show").stdout
    assert "experiment (text, must be given): the experiment's key" in shown
    assert "FROM unit_exposures" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give the name of a saved query, or --sql"),
        (["revenue", "--sql", "SELECT 1"], 2, "give the name of a saved query, or --sql"),
        (["revenu"], 2, "there is no query 'revenu'; there are: acceptance-annotations"),
        (["revenue", "--param", "since"], 2, "--param since: write NAME=VALUE"),
        (["revenue", "--param", "since=June"], 2, "--param since: 'June' is no date"),
        (["experiment-money"], 2, "--param experiment=… is missing: the experiment's key"),
        (["--sql", "SELECT * FROM accounts"], 2, "accounts is none of the documented views"),
        (["cards-expiring", "--format", "svg", "--sql", "x"], 2, "give the name"),
        (["--sql", "SELECT 1 AS a FROM charges", "--format", "svg"], 2, "ad-hoc says no chart"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    kassa: CliRunner, arguments: list[str], code: int, said: str
) -> None:
    result = ask(kassa, *arguments, code=code)
    assert said in result.stderr
    assert result.stdout == ""


def test_a_query_that_takes_too_long_exits_with_one(kassa: CliRunner) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT COUNT(*) FROM n WHERE i < 0"
    )
    result = ask(kassa, "--sql", endless, "--time-limit", "0.2", code=1)
    assert "stopped at its time limit" in result.stderr


def test_without_a_store_it_is_unavailable(
    kassa: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASSA_DATABASE_URL", "sqlite:////nowhere/kassa.db")
    assert "there is no store" in ask(kassa, "revenue", code=3).stderr


def test_the_merchants_queries_are_found(
    kassa: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "mine.sql").write_text(
        "-- title: Mine\n-- description: Ours.\nSELECT COUNT(*) AS n FROM orders\n"
    )
    monkeypatch.setenv("KASSA_QUERIES", "ours")
    assert ask(kassa, "mine").stdout.split() == ["n", "-", "4"]
    monkeypatch.setenv("KASSA_QUERIES", "theirs")
    assert "KASSA_QUERIES is not a directory" in ask(kassa, "mine", code=2).stderr
