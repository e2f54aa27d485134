"""Figures as aligned columns for people, or as JSON for programs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any

SCHEMA = "kassa.bench/1"


def machine() -> dict[str, Any]:
    """What the figures were taken on: they compare within one run, not between machines."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


def to_json(results: Mapping[str, Sequence[Any]]) -> str:
    """Every figure at full precision."""
    sections = {name: [asdict(row) for row in rows] for name, rows in results.items()}
    return json.dumps({"schema": SCHEMA, "machine": machine()} | sections, indent=2)


NOTES = {
    "analysis": "a new process each, CPU of all threads; times floor: seconds of DuckDB's sums",
    "assignments": "outside: share of units not in the experiment; times and same: Kassa's",
    "bulk": "times single: against one call for each unit",
    "definitions": "times floor: against a parser that makes nothing of what it reads",
    "intake": "to floor: of the floor's events a second; latency with all connections busy",
    "pages": "cpu: of all the server's processes, for one request; latency under full load",
}


def to_text(results: Mapping[str, Sequence[Any]]) -> str:
    """One aligned table for each section, columns in the order of the row's fields."""
    where = machine()
    parts = [f"Python {where['python']}, {where['cores']} cores, {where['system']}"]
    parts += [f"\n{name} ({NOTES[name]})\n{_table(rows)}" for name, rows in results.items()]
    return "\n".join(parts)


def _table(rows: Sequence[Any]) -> str:
    first = rows[0]
    if not is_dataclass(first):
        raise TypeError("a row is a dataclass")
    names = [field.name for field in fields(first)]
    lines = [names, *([_cell(getattr(row, name)) for name in names] for row in rows)]
    numeric = [isinstance(getattr(first, name), int | float) for name in names]
    titled = [[_title(name) for name in names], *lines[1:]]
    widths = [max(len(line[column]) for line in titled) for column in range(len(names))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in titled
    )


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
