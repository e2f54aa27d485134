"""`kassa report`: the analyst's command."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from analysis.report import PlanLock, Report
from experiments import Catalog
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.rendering import RENDERINGS, put
from service.settings import Settings, without_password

_NO_PLAN = PlanLock.absent("no plan was locked: a directory of files holds none")


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
@click.option(
    "--source", help="SQLAlchemy URL of another store, or a directory of exposures and events."
)
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
    settings, now = settings_in_force(make_secret=link), datetime.now(UTC)
    catalog = Catalog.load(settings.definitions)
    again = ["kassa", "report", experiment, "--as-of", (as_of or now).isoformat()]
    if source is not None and "://" not in source:
        if not Path(source).is_dir():
            raise click.BadParameter(
                f"{source} is no SQLAlchemy URL and no directory", param_hint="--source"
            )
        if link:
            raise click.UsageError("--link: a report of files is stored nowhere; use --output")
        made = _of_files(Path(source), catalog, experiment, as_of=as_of or now, now=now)
        again += ["--source", source]
    else:
        url = source or settings.database_url
        again += [] if source is None else ["--source", without_password(source)]
        made = _of_store(url, catalog, experiment, as_of=as_of or now, now=now, keep=link)
    put(RENDERINGS[form](made, shlex.join(again)), output, quiet=quiet)
    if link:
        click.echo(_address(settings, experiment), err=True)


# Either loads what it reads with, and not what the other does.


def _of_files(
    directory: Path, catalog: Catalog, experiment: str, *, as_of: datetime, now: datetime
) -> Report:
    from analysis.analyze import analyze  # noqa: PLC0415 - see above
    from analysis.plan import resolve  # noqa: PLC0415 - see above
    from service.files.counting import read_directory  # noqa: PLC0415 - see above

    definition = catalog.experiment(experiment)
    plan = resolve(definition, catalog.metrics)
    observations = read_directory(
        directory,
        definition,
        catalog.metrics,
        as_of=as_of,
        units_at_looks=plan.units_at_looks,
        segments=[catalog.attributes[key] for key in definition.analysis.segmented_by],
    )
    return analyze(plan, observations, as_of=as_of, generated_at=now, lock=_NO_PLAN)


def _of_store(
    url: str, catalog: Catalog, experiment: str, *, as_of: datetime, now: datetime, keep: bool
) -> Report:
    from service.cli.stores import store_at  # noqa: PLC0415 - see above
    from service.reporting import make_report, store_report  # noqa: PLC0415 - see above

    with store_at(url) as store:
        made = make_report(store, catalog, experiment, as_of=as_of, now=now)
        if keep:
            store_report(store, made)
    return made


def _address(settings: Settings, experiment: str) -> str:
    """Where a stored report opens, with the token that opens it."""
    from service.web.signing import Signing  # noqa: PLC0415 - see above

    token = Signing(settings.secret_keys).analyst_token()
    return f"{settings.public_url or ''}/reports/{experiment}?access={token}"
