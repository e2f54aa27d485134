"""`kassa plan`: what a change of definitions would do, before it is merged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from experiments import Catalog, InvalidDefinition, Switch, Unit
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import check_store_exists, store_at
from service.errors import Unavailable
from service.history import definitions_at
from service.operation import switched
from service.planning import Population, propose, seen, simulated, to_json, to_markdown, to_text
from service.planning.proposal import Kept, Proposal
from service.store.visitors import read_kept, read_visitors

_FEW = 10_000
"""Visitors that are made up where none were seen."""


@click.command(epilog="Example: kassa plan --against origin/main --format markdown")
@click.option(
    "--against",
    default="HEAD",
    show_default=True,
    metavar="GITREF|DIR",
    help="The definitions to compare with: a git revision, or another directory.",
)
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Try it on the visitors of so many days.",
)
@click.option(
    "--simulated",
    "made_up",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="Try it on N made-up visitors, and read no store.",
)
@click.option("--seed", default=1, show_default=True, type=int, help="Decides made-up visitors.")
@format_option("text", "markdown", "json")
@quiet_option
def plan(
    against: str,
    days: int,
    made_up: int | None,
    seed: int,
    form: str,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Print what the definitions in force would change, and for whom.

    Of the visitors seen lately it counts who would enter, leave, switch variant or stay: those
    seen before, who keep what they saw, and the same ids as if they were new, by hash alone.
    """
    settings = settings_in_force(make_secret=False)
    now = datetime.now(UTC)
    after = Catalog.load(settings.definitions)
    before = _before(against, settings.definitions)
    memory = (
        _Memory() if made_up else _remembered(settings.database_url, (before, after), days, now)
    )
    population = memory.population
    if population is None or not population.visitors:
        population = simulated(after, count=made_up or _FEW, seed=seed, now=now)
        if not made_up and not quiet:
            click.echo(f"no visitor of the last {days} days is known: SIMULATED instead", err=True)
    found = propose(
        before.operated(memory.switches),
        after.operated(memory.switches),
        population=population,
        kept=memory.kept,
        against=against,
        now=now,
    )
    click.echo(_RENDERINGS[form](found))


def _before(against: str, definitions: Path) -> Catalog:
    if Path(against).is_dir():
        return Catalog.load(Path(against))
    with definitions_at(against, definitions) as directory:
        try:
            return Catalog.load(directory)
        except InvalidDefinition as refused:
            # The directory is gone in a moment; the revision is what people can look at.
            raise InvalidDefinition(
                replace(each, file=f"{against}:{definitions.parent / _below(each.file, directory)}")
                for each in refused.problems
            ) from refused


def _below(file: str, directory: Path) -> Path:
    above = directory.parent
    path = Path(file)
    return path.relative_to(above) if path.is_relative_to(above) else path


@dataclass(frozen=True)
class _Memory:
    """What the store knows; nothing where there is none.

    Attributes:
        population: whom it has seen.
        kept: what they were shown.
        switches: what operators have stopped and granted.
    """

    population: Population | None = None
    kept: Kept = field(default_factory=dict)
    switches: Mapping[str, Switch] = field(default_factory=dict)


def _remembered(url: str, sides: Sequence[Catalog], days: int, now: datetime) -> _Memory:
    try:
        check_store_exists(url)
    except Unavailable:
        return _Memory()
    experiments = {key: each for side in sides for key, each in side.experiments.items()}
    customers = [key for key, each in experiments.items() if each.unit is Unit.CUSTOMER]
    with store_at(url) as store, store.read() as connection:
        visitors = read_visitors(
            connection, since=now - timedelta(days=days), until=now, customer_experiments=customers
        )
        kept = {key: read_kept(connection, key) for key in experiments}
        switches = switched(connection)
    return _Memory(seen(visitors, days=days), kept, switches)


_RENDERINGS: dict[str, Callable[[Proposal], str]] = {
    "text": to_text,
    "markdown": to_markdown,
    "json": lambda proposal: json.dumps(to_json(proposal), indent=2, allow_nan=False),
}
