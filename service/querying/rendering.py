"""Answers as people and programs read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from service.money import money
from service.querying.running import Answer, Value
from service.querying.saved import Format, Query

# A spreadsheet would run what begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_table(query: Query, answer: Answer) -> str:
    """Aligned columns for a terminal."""
    shown = _shown(query, answer)
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    numeric = [query.format_of(name) is not Format.TEXT for name in answer.columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in shown
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *_notes(answer)])


def to_markdown(query: Query, answer: Answer) -> str:
    """A table for a ticket or a page."""
    shown = [[cell.replace("|", "\\|") for cell in row] for row in _shown(query, answer)]
    rule = ["---" if query.format_of(name) is Format.TEXT else "---:" for name in answer.columns]
    shown.insert(1, rule)
    lines = ["| " + " | ".join(row) + " |" for row in shown]
    return "\n".join([f"## {query.title}", "", *lines, "", *_notes(answer)]).rstrip()


def to_csv(answer: Answer) -> str:
    """RFC 4180, values as they are; text that a spreadsheet would run begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(answer.columns)
    writer.writerows([[_harmless(value) for value in row] for row in answer.rows])
    return written.getvalue().removesuffix("\r\n")


def to_json(query: Query, values: Mapping[str, Value], answer: Answer) -> str:
    """The answer with what it was asked, for programs."""
    document: dict[str, Any] = {
        "query": query.name,
        "title": query.title,
        "parameters": dict(values),
        "columns": [
            {"name": name, "format": query.format_of(name).value} for name in answer.columns
        ],
        "rows": [dict(zip(answer.columns, row, strict=True)) for row in answer.rows],
        "cut": answer.cut,
    }
    return json.dumps(document, indent=2)


def written(value: Value, format_: Format, currency: str | None) -> str:
    """One value as people read it."""
    if value is None:
        return ""
    if isinstance(value, str) or format_ is Format.TEXT:
        return str(value)
    if format_ is Format.PERCENT:
        return f"{value:.2%}"
    if format_ is Format.MONEY and currency:
        return money(round(value), currency)
    if format_ is Format.NUMBER:
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _shown(query: Query, answer: Answer) -> list[list[str]]:
    rows = [
        [
            written(value, query.format_of(name), _currency(answer.columns, row))
            for name, value in zip(answer.columns, row, strict=True)
        ]
        for row in answer.rows
    ]
    return [[*answer.columns], *rows]


def _currency(columns: Sequence[str], row: Sequence[Value]) -> str | None:
    found = dict(zip(columns, row, strict=True)).get("currency")
    return found if isinstance(found, str) and len(found) == 3 else None


def _notes(answer: Answer) -> list[str]:
    if not answer.rows:
        return ["(no rows)"]
    return [f"(cut after {len(answer.rows):,} rows: there are more)"] if answer.cut else []


def _harmless(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
