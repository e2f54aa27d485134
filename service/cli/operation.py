"""`kassa stop`, `resume`, `approve`, `ramp` and `audit`: what operators do, and what was done."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import Connection

from experiments import Catalog
from service.checkout.flows import FLOWS
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import store_at
from service.definitions import known_experiments
from service.errors import Refused
from service.operation import Order, switched
from service.operation import resume as resumed
from service.operation import stop as stopped
from service.ramping import Outcome, Ramped, advance, ramped_experiments
from service.ramping import approve as approved
from service.settings import Settings
from service.store.audit import Entry, entries
from service.store.session import Store

_UNATTENDED = "its time has come, and neither the sample ratio nor a guardrail speaks against it"


def _said(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (value.strip() and value.isprintable() and len(value) <= 500):
        raise click.BadParameter("must be one line of 1 to 500 printable characters")
    return value


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


_reason_option = click.option(
    "--reason", required=True, callback=_said, help="Why; goes into the audit log."
)
_actor_option = click.option(
    "--actor",
    callback=_said,
    help="Who does it; by default the user who runs the command.",
)


def _order(actor: str | None, reason: str) -> Order:
    return Order(actor or _user(), reason, datetime.now(UTC))


@click.command(epilog='Example: kassa stop one-page-checkout --reason "cards are declined"')
@click.argument("experiment")
@_reason_option
@_actor_option
@quiet_option
def stop(experiment: str, reason: str, actor: str | None, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show everybody the control of EXPERIMENT, in every process within a second or two.

    Whoever has the page of a variant open keeps it; nobody else sees it or is counted.
    """
    done = "stopped: everybody sees the control", "was stopped already"
    _switch(stopped, experiment, _order(actor, reason), done, quiet=quiet)


@click.command(epilog='Example: kassa resume one-page-checkout --reason "the provider is back"')
@click.argument("experiment")
@_reason_option
@_actor_option
@quiet_option
def resume(experiment: str, reason: str, actor: str | None, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Assign the units of EXPERIMENT again, each to the variant it had."""
    done = "resumed: units see the variants they had", "was not stopped"
    _switch(resumed, experiment, _order(actor, reason), done, quiet=quiet)


def _switch(
    change: Callable[[Connection, str, Order], bool],
    experiment: str,
    order: Order,
    done: tuple[str, str],
    *,
    quiet: bool,
) -> None:
    with _books() as (settings, store), store.write() as connection:
        _check_known(experiment, known_experiments(settings.definitions, connection))
        changed = change(connection, experiment, order)
    if not quiet:
        click.echo(f"{experiment} {done[0] if changed else done[1]}", err=True)


@click.command(epilog='Example: kassa approve one-page-checkout --reason "support sees nothing"')
@click.argument("experiment")
@_reason_option
@_actor_option
@quiet_option
@click.pass_context
def approve(
    ctx: click.Context,
    experiment: str,
    reason: str,
    actor: str | None,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Take the next step of EXPERIMENT's ramp, which waits for a person.

    Exits with 1 when no step waits.
    """
    with _books() as (settings, store):
        catalog = _catalog(settings, store)
        _check_known(experiment, catalog.experiments)
        try:
            taken = approved(store, catalog, experiment, _order(actor, reason))
        except Refused as refused:
            click.echo(f"{refused}", err=True)
            ctx.exit(1)
    if not quiet:
        click.echo(_line(taken), err=True)


@click.command(epilog="Example: kassa ramp --format json")
@click.argument("experiments", nargs=-1)
@_actor_option
@format_option("text", "json")
@quiet_option
@click.pass_context
def ramp(
    ctx: click.Context,
    experiments: tuple[str, ...],
    actor: str | None,
    form: str,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Take the next step of each ramp whose time has come, unless something speaks against it.

    For a scheduler. Without EXPERIMENTS all that run now and have a ramp. A broken sample ratio, a
    guardrail that got worse and a missing approval hold a step; exits with 1 when one is held.
    """
    order = _order(actor, _UNATTENDED)
    with _books() as (settings, store):
        catalog = _catalog(settings, store)
        for experiment in experiments:
            _check_known(experiment, catalog.experiments)
        keys = experiments or ramped_experiments(catalog, now=order.at)
        ramped = [advance(store, catalog, key, order) for key in keys]
    if form == "json":
        found = [asdict(each) for each in ramped]
        click.echo(json.dumps({"schema": "kassa.ramp/1", "experiments": found}, indent=2))
    else:
        for each in ramped:
            if not quiet or each.outcome is Outcome.HELD:
                click.echo(_line(each))
    if any(each.outcome is Outcome.HELD for each in ramped):
        ctx.exit(1)


def _line(ramped: Ramped) -> str:
    why = f": {'; '.join(ramped.reasons)}" if ramped.reasons else ""
    return f"{ramped.experiment} {ramped.outcome} at {ramped.traffic:.4g} of the units{why}"


@click.command(epilog="Example: kassa audit --experiment one-page-checkout")
@click.option("--experiment", help="Only what was done to this one.")
@format_option("text", "json")
@quiet_option
def audit(experiment: str | None, form: str, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Print who changed what visitors may see, when, and why; oldest first."""
    with _books() as (settings, store), store.read() as connection:
        found = entries(connection, experiment)
        if experiment is not None and not found:
            _check_known(experiment, known_experiments(settings.definitions, connection))
    if form == "json":
        log = [_described(entry) for entry in found]
        click.echo(json.dumps({"schema": "kassa.audit/1", "entries": log}, indent=2))
        return
    for entry in found:
        click.echo(_told(entry))
    if not found and not quiet:
        click.echo("nothing was done yet", err=True)


def _described(entry: Entry) -> Mapping[str, Any]:
    return asdict(entry) | {"at": _time(entry.at)}


def _told(entry: Entry) -> str:
    details = ", ".join(f"{name} {value}" for name, value in entry.details.items())
    return (
        f"{_time(entry.at)}  {entry.actor}  {entry.action} {entry.experiment}"
        f"{f' ({details})' if details else ''}: {entry.reason}"
    )


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@contextmanager
def _books() -> Iterator[tuple[Settings, Store]]:
    settings = settings_in_force(make_secret=False)
    with store_at(settings.database_url) as store:
        yield settings, store


def _catalog(settings: Settings, store: Store) -> Catalog:
    with store.read() as connection:
        switches = switched(connection)
    return Catalog.load(settings.definitions, flows=FLOWS).operated(switches)


def _check_known(experiment: str, known: Iterable[str]) -> None:
    keys = sorted(known)
    if experiment not in keys:
        there_are = f"there are {', '.join(keys)}" if keys else "there are none"
        raise click.UsageError(f"no experiment has the key {experiment!r}; {there_are}")
