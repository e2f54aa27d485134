"""The documented views: the same on both databases, and documented column by column."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import inspect, text

from service.settings import PROJECT
from service.store import schema
from service.store.session import Store
from service.store.views import NAMES

DOCUMENT = (PROJECT / "docs" / "ledger.md").read_text()


def documented() -> dict[str, list[str]]:
    """The columns of each view by the document."""
    sections = DOCUMENT.split("\n### ")[1:]
    return {
        section.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for section in sections
    }


def test_every_view_and_every_column_is_documented(store: Store) -> None:
    with store.read() as connection:
        looked = inspect(connection)
        real = {name: [c["name"] for c in looked.get_columns(name)] for name in NAMES}
    assert documented() == real


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_ledger_can_be_read(store: Store, name: str) -> None:
    with store.read() as connection:
        assert connection.execute(text(f"SELECT * FROM {name}")).all() == []  # noqa: S608 - our own names


def test_views_are_made_anew_by_an_upgrade_that_changes_nothing(store: Store) -> None:
    schema.upgrade(store)
    schema.upgrade(store)
    with store.read() as connection:
        assert set(NAMES) <= set(inspect(connection).get_view_names())
