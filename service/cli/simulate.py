"""`kassa simulate`: visitors that never were, and a truth to hold the report against."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from experiments import Catalog, Experiment
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.progress import progress_of

if TYPE_CHECKING:
    from analysis.simulate import Simulation

# A Monday, so that the same command makes the same visitors on any day.
_START = datetime(2026, 1, 5, tzinfo=UTC)
_SHARE = click.FloatRange(0, 1, max_open=True)
_EXAMPLE = "Example: kassa simulate --out sqlite:///var/lab.db --visitors 20000 --lift 0.1"


@click.command(epilog=_EXAMPLE)
@click.option("--out", required=True, metavar="URL|DIR", help="A store, or a directory of Parquet.")
@click.option("--visitors", required=True, type=click.IntRange(1), help="How many come.")
@click.option("--lift", required=True, type=float, help="True relative lift of all variants.")
@click.option("--experiment", "key", help="Its key; may be left out where there is only one.")
@click.option(
    "--baseline",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The control's true conversion rate, of people.",
)
@click.option("--days", default=28, show_default=True, type=click.IntRange(1, 3650))
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC.  [default: 2026-01-05]"
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Decides all.")
@click.option("--novelty", default=0.0, type=float, help="Adds to the lift at first, and decays.")
@click.option(
    "--novelty-days",
    default=3.0,
    show_default=True,
    type=click.FloatRange(0, 3650, min_open=True),
    help="In which novelty halves.",
)
@click.option("--bots", default=0.0, type=_SHARE, help="Share that looks and never pays.")
@click.option(
    "--lost",
    multiple=True,
    metavar="[VARIANT=]SHARE",
    help="Share of the browser's events that never arrive; again for each variant.",
)
@click.option("--late", default=0.02, show_default=True, type=_SHARE, help="Share that comes late.")
@click.option(
    "--refunds",
    default=0.03,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of payments given back.",
)
@click.option(
    "--order-value",
    default=4900,
    show_default=True,
    type=click.IntRange(1),
    help="Median, in minor units.",
)
@click.option("--add", is_flag=True, help="Write beside other data that is there.")
@format_option("text", "json")
@quiet_option
def simulate(**options: Any) -> None:
    """Write seeded exposures and events, as if visitors had come to an experiment.

    Each visitor's variant is the one that the experiment gives it. The same command makes the same
    visitors; given again after an interruption it goes on where that was.
    """
    from analysis.simulate import batches  # noqa: PLC0415 - numpy is loaded with it
    from service.simulating import sink_at  # noqa: PLC0415 - as is DuckDB

    catalog = Catalog.load(settings_in_force(make_secret=False).definitions)
    simulation = _simulation(_experiment(catalog, options["key"]), options)
    units: Counter[str] = Counter({each.key: 0 for each in simulation.experiment.variants})
    events: Counter[str] = Counter()
    came, quiet = 0, options["quiet"]
    with (
        sink_at(options["out"], simulation, add=options["add"]) as sink,
        progress_of("simulating visitors", quiet=quiet) as told,
    ):
        for batch in batches(simulation):
            sink.put(batch)
            units.update(batch.exposures["variant"].tolist())
            events.update(batch.events["name"].tolist())
            came += batch.visitors
            told(came, simulation.visitors)
    found = _document(simulation, options["out"], units, events)
    if options["form"] == "json":
        click.echo(json.dumps(found, indent=2, allow_nan=False))
    elif not quiet:
        click.echo(_said(found))


def _experiment(catalog: Catalog, key: str | None) -> Experiment:
    if key is None and len(catalog.experiments) != 1:
        known = ", ".join(sorted(catalog.experiments)) or "none"
        raise click.UsageError(f"--experiment: name one of several: {known}")
    return catalog.experiment(key or next(iter(catalog.experiments)))


def _simulation(experiment: Experiment, options: dict[str, Any]) -> Simulation:
    from analysis.simulate import Simulation, World  # noqa: PLC0415 - see above

    world = World(
        baseline=options["baseline"],
        lift=options["lift"],
        novelty=options["novelty"],
        novelty_half_life=timedelta(days=options["novelty_days"]),
        bots=options["bots"],
        lost=_lost(experiment, options["lost"]),
        late=options["late"],
        refunds=options["refunds"],
        order_value=options["order_value"],
    )
    start = options["start"]
    return Simulation(
        experiment=experiment,
        visitors=options["visitors"],
        start=_first_day(experiment) if start is None else start.replace(tzinfo=UTC),
        days=options["days"],
        seed=options["seed"],
        world=world,
    )


def _first_day(experiment: Experiment) -> datetime:
    """The day above, or the first whole one of an experiment that starts later."""
    if experiment.start is None or experiment.start <= _START:
        return _START
    midnight = experiment.start.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == experiment.start else midnight + timedelta(days=1)


def _lost(experiment: Experiment, words: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word in words:
        variant, named, share = word.rpartition("=")
        try:
            number = float(share)
        except ValueError as exc:
            raise click.BadParameter(
                f"{word!r} must look like 0.03 or one_page=0.03", param_hint="--lost"
            ) from exc
        variants = [variant] if named else [each.key for each in experiment.variants]
        found |= dict.fromkeys(variants, number)
    return found


def _document(
    simulation: Simulation, out: str, units: Counter[str], events: Counter[str]
) -> dict[str, Any]:
    world = simulation.world
    return {
        "schema": "kassa.simulation/1",
        "name": simulation.name,
        "experiment": simulation.experiment.key,
        "out": out,
        "seed": simulation.seed,
        "start": simulation.start.isoformat(),
        "days": simulation.days,
        "visitors": simulation.visitors,
        "truth": {
            "baseline": world.baseline,
            "lift": world.lift,
            "novelty": world.novelty,
            "bots": world.bots,
            "lost": dict(world.lost),
            "late": world.late,
            "refunds": world.refunds,
        },
        "units": dict(units),
        "events": dict(sorted(events.items())),
    }


def _said(found: dict[str, Any]) -> str:
    units = ", ".join(f"{variant} {count:,}" for variant, count in found["units"].items())
    truth, events = found["truth"], sum(found["events"].values())
    return (
        f"{found['experiment']}: {units} units with {events:,} events in {found['out']}\n"
        f"true conversion rate {truth['baseline']:.2%}, true lift {truth['lift']:+.2%}"
        f" ({found['name']}, seed {found['seed']})"
    )
