"""`kassa db`: migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from service.cli.options import settings_in_force
from service.store import schema
from service.store.session import Store


@click.group(epilog="Example: kassa db upgrade")
def db() -> None:
    """Bring the store to this version, or ask where it is."""


@db.command(epilog="Example: kassa db upgrade")
def upgrade() -> None:
    """Bring the store to this version; whole or not at all."""
    with _store() as store:
        schema.upgrade(store)
        click.echo(f"the store is at schema {schema.current(store)}")


@db.command(epilog="Example: kassa db current")
@click.pass_context
def current(ctx: click.Context) -> None:
    """Print the store's schema; exits with 1 when it is not this version's."""
    with _store() as store:
        found = schema.current(store)
        click.echo(found or "empty")
        ctx.exit(0 if found == schema.newest() else 1)


@contextmanager
def _store() -> Iterator[Store]:
    store = Store(settings_in_force().database_url)
    try:
        yield store
    finally:
        store.close()
