"""`kassa query`: transaction analysis over the ledger's documented views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import store_at
from service.querying.charts import to_svg
from service.querying.rendering import to_csv, to_json, to_markdown, to_table
from service.querying.running import ROW_LIMIT, TIME_LIMIT, Answer, TookTooLong, run_query
from service.querying.saved import SHIPPED, Query, Value, load_queries, query_named


@click.command(epilog="Example: kassa query authorization-rate --param since=2026-01-01")
@click.argument("name", required=False)
@click.option("--sql", help="One SELECT over the documented views, instead of a saved query.")
@click.option("--list", "listing", is_flag=True, help="The saved queries.")
@click.option("--show", is_flag=True, help="What a saved query means, and its SQL.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option("--time-limit", type=click.FloatRange(0.1, 3600), default=TIME_LIMIT,
              show_default=True, help="Seconds.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=ROW_LIMIT, show_default=True,
              help="Rows that are kept.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
@format_option("table", "csv", "json", "markdown", "svg")
@quiet_option
@click.pass_context
def query(  # noqa: PLR0913 - the options of the command
    ctx: click.Context,
    *,
    name: str | None,
    sql: str | None,
    listing: bool,
    show: bool,
    params: tuple[str, ...],
    time_limit: float,
    limit: int,
    output: Path | None,
    form: str,
    quiet: bool,
) -> None:
    """Ask the ledger: a saved query by NAME, or any SELECT by --sql.

    Nothing can be changed, and only the views of docs/ledger.md can be read. Exits with 1 when the
    time limit stops it.
    """
    settings = settings_in_force(make_secret=False)
    queries = load_queries(SHIPPED, *([settings.queries] if settings.queries else []))
    if listing:
        click.echo(_overview(queries.values()))
        return
    if (name is None) == (sql is None):
        raise click.UsageError("give the name of a saved query, or --sql; --list names them")
    asked = query_named(queries, name) if name is not None else _ad_hoc(sql or "")
    if show:
        click.echo(_explained(asked))
        return
    given = dict(_pair(param) for param in params)
    values: dict[str, Value] = {**given}
    if name is not None:
        values = asked.values(given, today=datetime.now(UTC).date())
    try:
        with store_at(settings.database_url):
            answer = run_query(
                settings.database_url, asked.sql, values, time_limit=time_limit, row_limit=limit
            )
    except TookTooLong as exc:
        click.echo(f"Error: {exc}", err=True)
        ctx.exit(1)
    text = _RENDERINGS[form](asked, values, answer)
    if output is None:
        click.echo(text)
        return
    output.write_text(f"{text}\n", encoding="utf-8")
    if not quiet:
        click.echo(f"{len(answer.rows):,} rows written to {output}", err=True)


_RENDERINGS: dict[str, Callable[[Query, dict[str, Value], Answer], str]] = {
    "table": lambda asked, _values, answer: to_table(asked, answer),
    "csv": lambda _asked, _values, answer: to_csv(answer),
    "json": to_json,
    "markdown": lambda asked, _values, answer: to_markdown(asked, answer),
    "svg": lambda asked, _values, answer: to_svg(asked, answer).rstrip("\n"),
}


def _ad_hoc(sql: str) -> Query:
    return Query("ad-hoc", sql, "Ad-hoc query", "")


def _pair(param: str) -> tuple[str, str]:
    name, equals, value = param.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--param {param}: write NAME=VALUE")
    return name, value


def _overview(queries: Iterable[Query]) -> str:
    lines = []
    for each in queries:
        asked = " ".join(
            f"{p.name}=…" if p.default is None else f"[{p.name}]" for p in each.parameters
        )
        lines.append(f"{each.name:<24} {each.title}" + (f"  ({asked})" if asked else ""))
    return "\n".join(lines)


def _explained(asked: Query) -> str:
    lines = [asked.title, "", asked.description, ""]
    for parameter in asked.parameters:
        default = "must be given" if parameter.default is None else f"default {parameter.default}"
        lines.append(f"  {parameter.name} ({parameter.type}, {default}): {parameter.meaning}")
    lines += [f"  → {column.name}: {column.meaning}" for column in asked.columns]
    return "\n".join([*lines, "", asked.sql.rstrip()])
