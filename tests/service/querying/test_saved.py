"""A saved query says what it means, or is refused with its place and the mend."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from service.errors import ConfigurationError, Refused
from service.querying.saved import Format, Parameter, UnknownQuery, load_queries, query_named

GOOD = """-- title: Charges
-- description: How many,
-- description: and how much.
-- parameter since: date = today; the first day
-- parameter least: integer; at least so much
-- column n: count; how many
-- chart: bar x=month y=n
SELECT month, COUNT(*) AS n FROM charges GROUP BY month
"""


def test_a_file_is_a_query(tmp_path: Path) -> None:
    (tmp_path / "charges.sql").write_text(GOOD)
    query = load_queries(tmp_path)["charges"]
    assert (query.title, query.description) == ("Charges", "How many, and how much.")
    assert query.format_of("n") is Format.COUNT
    assert query.format_of("month") is Format.TEXT
    values = query.values({"least": "7"}, today=date(1970, 1, 3))
    assert values == {"since": "1970-01-03", "since_number": 2, "least": 7}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("-- title: Charges\n", ""), "charges.sql:1: title: add a line"),
        (("-- title:", "-- titel:"), "charges.sql:1: titel: the keys are title, description"),
        (("date = today", "day = today"), "charges.sql:4: parameter since: its type is one of"),
        (("= today", "= yesterday"), "charges.sql:4: parameter since: the default does not fit"),
        (("count;", "counts;"), "charges.sql:6: column n: its format is one of text, count"),
        (("bar x=", "pie x="), "charges.sql:7: chart: write `line x=COLUMN"),
        (("-- column n:", "-- column:"), "charges.sql:6: column: the keys are"),
        (("-- chart: bar", "-- chart bar"), "charges.sql:7: .*: write `-- key: value`"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_mend(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    (tmp_path / "charges.sql").write_text(GOOD.replace(*change))
    with pytest.raises(ConfigurationError, match=said):
        load_queries(tmp_path)


def test_a_file_that_is_no_text_or_has_an_odd_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Charges 2.sql").write_text(GOOD)
    with pytest.raises(ConfigurationError, match="small letters, digits and hyphens"):
        load_queries(tmp_path)
    (tmp_path / "Charges 2.sql").rename(tmp_path / "charges.sql").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="can't be read as UTF-8"):
        load_queries(tmp_path)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "charges.sql").write_text(GOOD)
    query = load_queries(tmp_path)["charges"]
    for given, said in (
        ({}, "--param least=… is missing: at least so much"),
        ({"least": "many"}, "--param least: 'many' is no integer"),
        ({"least": "1", "since": "2026-13-01"}, "--param since: '2026-13-01' is no date"),
        ({"least": "1", "untl": "x"}, "--param untl: charges has no such parameter; it has since"),
    ):
        with pytest.raises(Refused, match=said):
            query.values(given, today=date(2026, 1, 1))


def test_the_merchants_own_query_comes_before_the_shipped_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for directory, title in ((first, "Shipped"), (second, "Ours")):
        directory.mkdir()
        (directory / "charges.sql").write_text(GOOD.replace("Charges", title))
    assert load_queries(first, second)["charges"].title == "Ours"
    with pytest.raises(UnknownQuery, match="there is no query 'refunds'; there are: charges"):
        query_named(load_queries(first), "refunds")


def test_a_parameter_keeps_its_text() -> None:
    assert Parameter("a", "text", None, "").read("x", today=date(2026, 1, 1)) == {"a": "x"}
