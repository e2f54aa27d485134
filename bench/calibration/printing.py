"""The table for people, and for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.calibration.lines import Line
from bench.calibration.sections import Effort

SCHEMA = "kassa.calibration/1"
_HEAD = ("method", "setting", "measure", "figure", "± error", "promised", "published", "holds")
_HOLDS = {True: "yes", False: "NO", None: "-"}


def to_text(effort: Effort, sections: Mapping[str, Sequence[Line]]) -> str:
    """One aligned table for each section."""
    parts = [_title(effort)]
    for name, lines in sections.items():
        rows = [_HEAD, *map(_cells, lines)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        parts.append(f"\n{name}")
        parts += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*parts, "", _verdict(sections)])


def to_markdown(effort: Effort, sections: Mapping[str, Sequence[Line]]) -> str:
    """A table for each section, with a row for a method in a setting and a column for a measure."""
    parts = [f"{_title(effort)} {_verdict(sections)}"]
    for name, lines in sections.items():
        measures = list(dict.fromkeys(line.measure for line in lines))
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for line in lines:
            rows.setdefault((line.method, line.setting), {})[line.measure] = _cell(line)
        parts += [
            f"\n### {name.capitalize()}\n",
            f"| method | setting | {' | '.join(measures)} |",
            f"|---|---|{'---|' * len(measures)}",
        ]
        parts += [
            f"| {method} | {setting} | {' | '.join(cells.get(each, '') for each in measures)} |"
            for (method, setting), cells in rows.items()
        ]
    return "\n".join(parts)


def _cell(line: Line) -> str:
    known = "" if line.published is None else f" ({line.published.value:.3g})"
    figure = f"{line.value:.4f} ± {line.error:.4f}{known}"
    return f"**{figure}**" if line.holds is False else figure


def to_json(effort: Effort, sections: Mapping[str, Sequence[Line]]) -> str:
    """Every figure at full precision."""
    document = {
        "schema": SCHEMA,
        "runs": effort.runs,
        "seed": effort.seed,
        "holds": not broken(sections),
        "lines": [
            {"section": name} | _document(line)
            for name, lines in sections.items()
            for line in lines
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def broken(sections: Mapping[str, Sequence[Line]]) -> list[Line]:
    """The lines that do not hold."""
    return [line for lines in sections.values() for line in lines if line.holds is False]


def _document(line: Line) -> dict[str, Any]:
    return {
        "method": line.method,
        "setting": line.setting,
        "measure": line.measure,
        "value": line.value,
        "error": line.error,
        "promise": line.target and line.target.promise,
        "target": line.target and line.target.value,
        "published": line.published and line.published.value,
        "source": line.published and line.published.source,
        "holds": line.holds,
    }


def _cells(line: Line) -> tuple[str, ...]:
    known = line.published
    return (
        line.method,
        line.setting,
        line.measure,
        f"{line.value:.4f}",
        f"{line.error:.4f}",
        "" if line.target is None else f"{line.target.promise} {line.target.value:g}",
        "" if known is None else f"{known.value:.3g} ({known.source})",
        _HOLDS[line.holds],
    )


def _title(effort: Effort) -> str:
    return f"{effort.runs:,} runs, seed {effort.seed}, alpha 0.05; the error is Monte Carlo's."


def _verdict(sections: Mapping[str, Sequence[Line]]) -> str:
    promised = sum(line.holds is not None for lines in sections.values() for line in lines)
    failed = len(broken(sections))
    if failed:
        return f"{failed} of {promised} promises DO NOT HOLD."
    return f"All {promised} promises hold, within three standard errors."
