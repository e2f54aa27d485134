"""`kassa db`: migrations."""

from __future__ import annotations

from contextlib import closing

import click

from service.cli.options import quiet_option, settings_in_force
from service.cli.stores import check_store_exists
from service.store import schema
from service.store.session import Store


@click.group(epilog="Example: kassa db upgrade")
def db() -> None:
    """Bring the store to this version, or ask where it is."""


@db.command(epilog="Example: kassa db upgrade")
@quiet_option
def upgrade(quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Bring the store to this version; whole or not at all."""
    with closing(Store(_url())) as store:
        schema.upgrade(store)
        if not quiet:
            click.echo(f"the store is at schema {schema.current(store)}")


@db.command(epilog="Example: kassa db current")
@quiet_option
@click.pass_context
def current(ctx: click.Context, quiet: bool) -> None:  # noqa: ARG001, FBT001 - prints the result alone; click passes flags by name
    """Print the store's schema; exits with 1 when it is not this version's."""
    url = _url()
    check_store_exists(url)
    with closing(Store(url)) as store:
        found = schema.current(store)
        click.echo(found or "empty")
        ctx.exit(0 if found == schema.newest() else 1)


def _url() -> str:
    return settings_in_force(make_secret=False).database_url
