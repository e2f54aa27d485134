"""`kassa report`: the analyst's command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from experiments import Catalog
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.rendering import RENDERINGS, put
from service.cli.stores import store_at
from service.reporting import make_report, store_report
from service.web.signing import Signing


def _time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError as exc:
        raise click.BadParameter("must be an ISO 8601 time such as 2026-11-23T12:00:00Z") from exc
    if time.tzinfo is None:
        raise click.BadParameter("must carry its zone, e.g. 2026-11-23T12:00:00Z")
    return time.astimezone(UTC)


@click.command(epilog="Example: kassa report one-page-checkout --format html --output report.html")
@click.argument("experiment")
@format_option(*RENDERINGS)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option("--as-of", callback=_time, help="Leave out what arrived after this time.")
@click.option("--source", help="SQLAlchemy URL of another store.")
@click.option("--link", is_flag=True, help="Store it and print the signed path that opens it.")
@quiet_option
def report(
    experiment: str,
    form: str,
    output: Path | None,
    as_of: datetime | None,
    source: str | None,
    link: bool,  # noqa: FBT001 - click passes flags by name
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Print the lift report of EXPERIMENT."""
    settings = settings_in_force(make_secret=link)
    catalog = Catalog.load(settings.definitions)
    with store_at(source or settings.database_url) as store:
        now = datetime.now(UTC)
        made = make_report(store, catalog, experiment, as_of=as_of or now, now=now)
        if link:
            store_report(store, made)
    again = f"kassa report {experiment} --as-of {made.as_of.isoformat()}"
    put(RENDERINGS[form](made, again), output, quiet=quiet)
    if link:
        token = Signing(settings.secret_keys).analyst_token()
        path = f"/reports/{experiment}?access={token}"
        click.echo(f"{settings.public_url or ''}{path}", err=True)
