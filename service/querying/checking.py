"""What a query may say: one SELECT over the documented views, with harmless functions."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from service.errors import Refused
from service.store.views import NAMES

# What sqlglot has no class for, and is as harmless as what it has one for.
_HARMLESS = frozenset({"total", "printf", "instr", "mode", "percentile_cont", "percentile_disc"})
# Known to sqlglot, and of no use to anybody who only reads the views.
_KEPT_OUT = (exp.Command, exp.Into, exp.Lock)


def check_query(sql: str, *, dialect: str) -> None:
    """Let one SELECT over the documented views pass.

    Args:
        sql: as an analyst wrote it.
        dialect: sqlite or postgresql.

    Raises:
        Refused: naming what is not allowed, with its line and column where it is known.
    """
    statement = _parsed(sql, dialect)
    if not isinstance(statement, exp.Query):
        raise Refused("--sql: only a SELECT is read here")
    for kind in _KEPT_OUT:
        if statement.find(kind):
            raise Refused("--sql: only reading is possible here")
    own = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        _check_table(table, own)
    for function in statement.find_all(exp.Anonymous):
        if function.name.lower() not in _HARMLESS:
            raise Refused(f"--sql: the function {function.name} is not read here")


def _check_table(table: exp.Table, own: set[str]) -> None:
    name = table.name.lower()
    if not name:
        raise Refused("--sql: a function can't stand in place of a view here")
    place = ".".join(part.name for part in table.parts)
    if place.lower() != name or (name not in NAMES and name not in own):
        raise Refused(
            f"--sql: {place} is none of the documented views; they are {', '.join(NAMES)}"
        )


def _parsed(sql: str, dialect: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(sql, dialect="postgres" if dialect == "postgresql" else dialect)
    except (ParseError, TokenError, RecursionError) as exc:
        raise Refused(f"--sql: {_place(exc)}") from exc
    found = [statement for statement in statements if statement is not None]
    if len(found) != 1:
        raise Refused(f"--sql: one statement is read at a time, not {len(found)}")
    return found[0]


def _place(exc: Exception) -> str:
    errors = exc.errors if isinstance(exc, ParseError) else []
    if not errors:
        return "this is no SQL that can be read"
    first = errors[0]
    return f"line {first['line']}, column {first['col']}: {first['description']}"
