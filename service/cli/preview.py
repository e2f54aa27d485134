"""`kassa preview`: an experiment replayed over what the store has seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

from analysis.rerandomisation import Verdict, false_alarms, verdicts
from experiments import Catalog
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.progress import interruptible, progress_of
from service.cli.stores import store_at
from service.previewing import Past, Replay, read_past, replay, split_of, to_json, to_text


@click.command(epilog="Example: kassa preview one-page-checkout --days 30 --replications 1000")
@click.argument("experiment")
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Replay the last so many days.",
)
@click.option(
    "--replications",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Splits anew for the false alarms.",
)
@click.option("--seed", default=1, show_default=True, type=int, help="Decides those splits.")
@format_option("text", "json")
@quiet_option
def preview(
    experiment: str,
    days: int,
    replications: int,
    seed: int,
    form: str,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Replay the store's last days as if EXPERIMENT had run, also one that never did.

    Prints units by variant and day, what the primary metric is for them, how long the planned
    units take and what they can show, and how often the experiment's own plan raises a false
    alarm on this history. Ctrl-C ends the last with what is done so far.
    """
    settings = settings_in_force(make_secret=False)
    catalog = Catalog.load(settings.definitions)
    definition = catalog.experiment(experiment)
    found = replay(
        definition, catalog.metrics, _past(settings.database_url, catalog, experiment, days)
    )
    if not found.visitors:
        raise click.UsageError(f"the store has seen nobody in the last {days} days")
    if not found.history.units.ids:
        # Of nobody every split is the same, and proves nothing.
        replications = 0
    seeds = (f"{definition.seed}:{seed}:{number}" for number in range(replications))
    drawn = tuple(_patiently(_verdicts(found, seeds), replications, quiet=quiet))
    alarms = false_alarms(drawn, alpha=found.plan.alpha)
    if form == "json":
        document = to_json(found, alarms, wanted=replications)
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    click.echo(to_text(found, alarms, wanted=replications))


def _past(url: str, catalog: Catalog, experiment: str, days: int) -> Past:
    now = datetime.now(UTC)
    with store_at(url) as store, store.read() as connection:
        since = now - timedelta(days=days)
        return read_past(connection, catalog, experiment, since=since, until=now)


def _verdicts(found: Replay, seeds: Iterator[str]) -> Iterator[Verdict]:
    split = split_of(found.experiment)
    return verdicts(split, found.plan, found.history, seeds=seeds, as_of=found.until)


def _patiently(found: Iterator[Verdict], total: int, *, quiet: bool) -> Iterator[Verdict]:
    """The verdicts, with a progress bar once it takes long; Ctrl-C ends them where they are."""
    with progress_of("splitting anew", quiet=quiet) as told, interruptible() as interrupted:
        for done, verdict in enumerate(found, start=1):
            told(done, total)
            yield verdict
            if interrupted():
                return
