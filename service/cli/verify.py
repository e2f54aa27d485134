"""`kassa verify`: whether every number of a report still stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from analysis.report import Absent
from analysis.wording import count, instant, plural
from experiments import Catalog
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import store_at
from service.recomputing import Difference, Verified, read_reported
from service.recomputing import verify as recompute


@click.command(epilog="Example: kassa verify report.json --format json")
@click.argument("report")
@click.option("--source", help="SQLAlchemy URL of the store that the report was made from.")
@format_option("text", "json")
@quiet_option
def verify(
    report: str,
    source: str | None,
    form: str,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Make REPORT again from the store, as of its own time, and compare every value.

    REPORT is a file of `kassa report` (JSON, HTML or notebook), or the key of an experiment, whose
    report that was stored last is meant. Exit code 1: a value does not stand.
    """
    settings = settings_in_force(make_secret=False)
    with store_at(source or settings.database_url) as store:
        reported = read_reported(report, store)
        catalog = Catalog.load(settings.definitions)
        found = recompute(store, catalog, reported, now=datetime.now(UTC))
    if form == "json":
        click.echo(json.dumps(_document(report, found), indent=2, allow_nan=False))
    elif not (quiet and found.stands):
        click.echo("\n".join(_lines(report, found)))
    if not found.stands:
        raise SystemExit(1)


def _document(report: str, found: Verified) -> dict[str, Any]:
    return {
        "schema": "kassa.verification/1",
        "report": report,
        "experiment": found.reported.experiment,
        "as_of": instant(found.reported.as_of),
        "stands": found.stands,
        "values": found.compared.values,
        "definitions": {
            "version": found.definitions,
            "reported": found.reported.definitions,
            "basis": found.basis.value,
        },
        "differences": [_difference(found, each) for each in found.compared.differences],
        "unreported": list(found.compared.unreported),
    }


def _difference(found: Verified, each: Difference) -> dict[str, Any]:
    return {
        "path": each.path,
        "metric": each.metric,
        **_field("reported", each.reported),
        **_field("recomputed", each.recomputed),
        **({} if (remark := found.remark(each)) is None else {"remark": remark}),
    }


def _field(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Absent):
        return {name: None, f"{name}_reason": value.reason}
    return {name: value}


def _lines(report: str, found: Verified) -> Iterator[str]:
    compared, reported = found.compared, found.reported
    values = plural(compared.values, "value")
    said = f"all {values} stand"
    if not found.stands:
        moved = len(compared.differences)
        said = f"{count(moved)} of {values} {'does' if moved == 1 else 'do'} not stand"
    yield f"{report}: {reported.experiment} as of {instant(reported.as_of)}: {said}"
    yield f"made again by {found.basis} ({found.definitions[:12]})"
    for each in compared.differences:
        yield ""
        yield each.path
        yield f"  reported    {_shown(each.reported)}"
        yield f"  recomputed  {_shown(each.recomputed)}"
        remark = found.remark(each)
        if remark is not None:
            yield f"  {remark}"
    if compared.unreported:
        yield ""
        yield f"found now, with no field in the report: {', '.join(compared.unreported)}"


def _shown(value: Any) -> str:
    if isinstance(value, Absent):
        return value.reason
    return json.dumps(value, ensure_ascii=True)
