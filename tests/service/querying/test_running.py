"""Reading in earnest: nothing but the views, nothing but reading, and no longer than allowed."""

from __future__ import annotations

import time

import pytest

from service.errors import Refused
from service.querying.running import TookTooLong, run_query

FOREVER = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
SELECT COUNT(*) FROM numbers WHERE n < 0
"""


def ask(url: str, sql: str, **values: str) -> list[tuple[object, ...]]:
    return list(run_query(url, sql, values).rows)


def test_any_select_over_the_views_is_read(books_url: str) -> None:
    sql = """
        WITH big AS (SELECT * FROM charges WHERE amount > 4000 AND status = 'succeeded')
        SELECT b.charge_id, (SELECT COUNT(*) FROM refunds r WHERE r.charge_id = b.charge_id) AS n
        FROM big b WHERE b.currency = :currency OR b.brand LIKE 'v%' ORDER BY 1
    """
    assert ask(books_url, sql, currency="usd") == [("ch_2", 1), ("py_9", 0)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM checkouts", "checkouts is none of the documented views"),
        ("SELECT email FROM orders o, accounts a", "accounts is none of the documented views"),
        ("SELECT * FROM stripe_events", "stripe_events is none"),
        ("SELECT * FROM ledger_charges", "ledger_charges is none"),
        ("SELECT * FROM sqlite_master", "sqlite_master is none"),
        ("SELECT * FROM pg_catalog.pg_authid", "pg_catalog.pg_authid is none"),
        ("SELECT 1 FROM charges WHERE EXISTS (SELECT 1 FROM accounts)", "accounts is none"),
        ("SELECT pg_read_file('/etc/passwd')", "the function pg_read_file is not read"),
        ("SELECT load_extension('x')", "the function load_extension is not read"),
        ("SELECT pg_sleep(100)", "the function pg_sleep is not read"),
        ("SELECT * FROM pg_read_file('/etc/passwd')", "can't stand in place of a view"),
        ("DELETE FROM charges", "only a SELECT"),
        ("UPDATE charges SET amount = 0", "only a SELECT"),
        ("DROP VIEW charges", "only a SELECT"),
        ("PRAGMA user_version = 7", "only a SELECT"),
        ("ATTACH 'x.db' AS x", "only a SELECT|line 1, column"),
        ("COPY charges TO '/tmp/x'", "only a SELECT"),
        ("SELECT 1; SELECT 2", "one statement is read at a time, not 2"),
        ("SELECT 1; DROP TABLE checkouts", "one statement is read at a time"),
        ("", "one statement is read at a time, not 0"),
        ("SELECT * INTO x FROM charges", "only reading is possible"),
        ("SELECT FROM WHERE", "line 1, column"),
        ("SELECT amount FROM charges FOR UPDATE", "only reading is possible"),
        ("SELECT no_such_column FROM charges", "no_such_column"),
        ("SELECT amount FROM charges WHERE currency = :currency", "--param currency=… is missing"),
    ],
)
def test_everything_else_is_refused_and_said_why(books_url: str, sql: str, said: str) -> None:
    with pytest.raises(Refused, match=said.replace("(", r"\(")):
        ask(books_url, sql)
    assert ask(books_url, "SELECT COUNT(*) FROM charges") == [(10,)]


def test_a_query_without_end_is_stopped_at_its_limit(books_url: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TookTooLong, match="stopped at its time limit"):
        run_query(books_url, FOREVER, {}, time_limit=0.5)
    assert time.monotonic() - begun < 5


def test_more_rows_than_asked_for_are_cut_and_that_is_said(books_url: str) -> None:
    cut = run_query(books_url, "SELECT charge_id FROM charges ORDER BY 1", {}, row_limit=3)
    whole = run_query(books_url, "SELECT charge_id FROM charges ORDER BY 1", {}, row_limit=10)
    assert (len(cut.rows), cut.cut) == (3, True)
    assert (len(whole.rows), whole.cut) == (10, False)


def test_a_value_is_bound_and_never_pasted(books_url: str) -> None:
    sql = "SELECT COUNT(*) FROM charges WHERE currency = :currency AND '50 %' LIKE '50 %'"
    assert ask(books_url, sql, currency="usd' OR '1'='1") == [(0,)]
    quoted = "SELECT ':currency', COUNT(*) FROM charges -- :nothing"
    assert ask(books_url, quoted) == [(":currency", 10)]


def test_times_and_days_read_the_same_on_both_databases(books_url: str) -> None:
    sql = "SELECT charged_at, day, month FROM charges WHERE charge_id = 'ch_1b'"
    assert ask(books_url, sql) == [("2026-01-10 09:05:00", "2026-01-10", "2026-01")]


def test_fees_are_listed_one_by_one(books_url: str) -> None:
    sql = "SELECT * FROM balance_transaction_fee_details WHERE balance_transaction_id = 'txn_1'"
    assert ask(books_url, sql) == [("txn_1", 0, "stripe_fee", 100, "usd", "Stripe processing fees")]
