"""The stores that commands read and write; commands that need none never load the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.errors import Unavailable
from service.store import schema
from service.store.session import Store


def check_store_exists(url: str) -> None:
    """Refuse to read a SQLite file that is not there, which opening it would make.

    Args:
        url: SQLAlchemy URL of a store; of a database server nothing is asked.

    Raises:
        Unavailable: there is no such file.
    """
    name, _, _ = url.removeprefix("sqlite:///").partition("?")
    if not url.startswith("sqlite:///") or name in {"", ":memory:"} or name.startswith("file:"):
        return
    if not Path(name).exists():
        raise Unavailable(
            f"there is no store at {name}; start `kassa serve` or run `kassa db upgrade`"
        )


@contextmanager
def store_at(url: str) -> Iterator[Store]:
    """A store that is there and of this version's schema, closed at the end.

    Args:
        url: its SQLAlchemy URL.

    Raises:
        Unavailable: there is no such store, it does not answer, or its schema is another.
    """
    check_store_exists(url)
    with closing(Store(url)) as store:
        schema.check(store)
        yield store
