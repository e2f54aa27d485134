"""`kassa ledger`: the books, made anew from what Stripe sent."""

from __future__ import annotations

import json

import click

from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.progress import progress_of
from service.cli.stores import store_at
from service.payments.ledger.rebuilding import rebuild as made_anew


@click.group(epilog="Example: kassa ledger rebuild")
def ledger() -> None:
    """The books of the money."""


@ledger.command(epilog="Example: kassa ledger rebuild --format json")
@format_option("text", "json")
@quiet_option
@click.pass_context
def rebuild(ctx: click.Context, form: str, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Make the ledger anew out of the raw events, while the service runs.

    Exits with 1 when the ledger was not what its events say; now it is. Interrupted, it goes on
    where it was at the next call.
    """
    url = settings_in_force(make_secret=False).database_url
    with store_at(url) as store, progress_of("rebuilding the ledger", quiet=quiet) as told:
        done = made_anew(store, told=told)
    if form == "json":
        click.echo(json.dumps({**vars(done), "identical": done.identical}))
    else:
        said = "as it was" if done.identical else "mended: it was not what its events say"
        click.echo(f"{done.events} events of {done.subjects} payments and other objects: {said}")
    ctx.exit(0 if done.identical else 1)
