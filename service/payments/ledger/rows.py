"""The ledger's rows that one transaction works with: read together, changed here, written together.

Each row is a frozen dataclass whose fields are the columns of its table. What is asked for is read
once; a batch asks for all that it will need beforehand, so that hundreds of events cost a query
for each table and not one for each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Insert, Row, Select, Table, bindparam, select, text

from service.payments.ledger import facts
from service.payments.ledger.joining import Snapshot, joined, row_of, snapshot_of
from service.payments.ledger.standing import Entry
from service.store import tables
from service.store.session import among, replacing
from service.store.tables import checkouts

R = TypeVar("R")

# Where each kind of object is kept; the first column is what it is known by.
TABLES: Mapping[type[Snapshot], Table] = {
    facts.Authentication: tables.authentications,
    facts.BalanceTransaction: tables.balance_transactions,
    facts.CardUpdate: tables.card_updates,
    facts.Charge: tables.charges,
    facts.Customer: tables.customers,
    facts.Dispute: tables.disputes,
    facts.EarlyFraudWarning: tables.early_fraud_warnings,
    facts.Invoice: tables.invoices,
    facts.InvoiceLine: tables.invoice_lines,
    facts.InvoicePayment: tables.invoice_payments,
    facts.PaymentMethod: tables.payment_methods,
    facts.Refund: tables.refunds,
    facts.Subscription: tables.subscriptions,
}
_TABLES: Mapping[type[Any], Table] = {**TABLES, Entry: tables.payments}
_KEYS: Mapping[type[Any], Column[Any]] = {
    kind: table.primary_key.columns[0] for kind, table in _TABLES.items()
}


class Rows:
    """Rows of one transaction. Whoever looks at a subject's rows to change them holds its turn.

    Attributes:
        connection: a writing transaction. What is changed here reaches it with `write`, which goes
            before any query of its own that reads the ledger's tables.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._kept: dict[type[Any], dict[str, Any]] = defaultdict(dict)
        self._changed: dict[type[Any], set[str]] = defaultdict(set)
        self._related: dict[tuple[type[Any], str], dict[str, set[str]]] = defaultdict(dict)
        self._orders: dict[str, Row[Any] | None] = {}
        self._held: set[str] = set()

    def hold(self, subjects: Collection[str]) -> None:
        """Take the turns of these subjects until the transaction ends, those not held yet.

        The events of one subject take turns, also before it has a row to lock: else one that waits
        for what another is just writing would wait for ever. Turns are taken in one order; whoever
        takes them in several steps may be the one that PostgreSQL ends in a deadlock.

        Raises:
            StoreBusy: another transaction does not let go of one.
        """
        wanted = sorted(set(subjects) - self._held)
        if wanted and self.connection.dialect.name == "postgresql":
            self.connection.execute(_TURNS, {"subjects": wanted})
        self._held.update(wanted)

    def look_up(self, kind: type[Any], keys: Collection[str]) -> None:
        """Read the rows with these keys, those that are not read yet."""
        kept = self._kept[kind]
        missing = set(keys) - kept.keys()
        if missing:
            self._read(kind, _KEYS[kind], missing)
            for key in missing:
                kept.setdefault(key, None)

    def look_up_related(self, kind: type[Any], column: str, values: Collection[str]) -> None:
        """Read every row whose column has one of these values, where that was not done yet."""
        related = self._related[kind, column]
        missing = set(values) - related.keys()
        if not missing:
            return
        self._read(kind, _TABLES[kind].c[column], missing)
        for value in missing:
            related[value] = set()
        for key, row in self._kept[kind].items():
            if row is not None and getattr(row, column) in missing:
                related[getattr(row, column)].add(key)

    def look_up_orders(self, checkout_ids: Collection[str]) -> None:
        """Read the orders with these ids, those that are not read yet."""
        missing = set(checkout_ids) - self._orders.keys()
        if missing:
            self._orders |= dict.fromkeys(missing)
            found = self.connection.execute(_ORDERS, {"orders": sorted(missing)})
            self._orders |= {row.checkout_id: row for row in found}

    def get(self, kind: type[R], key: str) -> R | None:
        """The row with this key, or None."""
        self.look_up(kind, (key,))
        found: R | None = self._kept[kind][key]
        return found

    def related(self, kind: type[R], column: str, value: str) -> list[R]:
        """Every row whose column has this value, in the order of their keys."""
        self.look_up_related(kind, column, (value,))
        return [self._kept[kind][key] for key in sorted(self._related[kind, column][value])]

    def order(self, checkout_id: str) -> Row[Any] | None:
        """Of a checkout of Kassa what its payment needs: amount, currency and unit; or None."""
        self.look_up_orders((checkout_id,))
        return self._orders[checkout_id]

    def put(self, row: Any) -> None:
        """Keep a row in place of what there was with its key."""
        kind = type(row)
        key = key_of(row)
        self._kept[kind][key] = row
        self._changed[kind].add(key)
        for (of, column), related in self._related.items():
            if of is kind and (value := getattr(row, column)) in related:
                related[value].add(key)

    def learn(self, told: Snapshot) -> None:
        """Join a description to what is known of its object."""
        kept = self.get(type(told), key_of(told))
        now = told if kept is None else joined(kept, told)
        if now != kept:
            self.put(now)

    def write(self) -> None:
        """Write what was changed, always in one order, so that transactions queue."""
        for kind, table in _TABLES.items():
            if changed := self._changed.pop(kind, None):
                rows = [row_of(self._kept[kind][key]) for key in sorted(changed)]
                self.connection.execute(_replace(self.connection.dialect.name, table), rows)

    def _read(self, kind: type[Any], column: Column[Any], values: set[str]) -> None:
        kept, key = self._kept[kind], _KEYS[kind].name
        statement = _where(self.connection.dialect.name, column)
        found = self.connection.execute(statement, {"values": sorted(values)})
        for row in found:
            # What was changed here is newer than what the database has.
            if kept.get(getattr(row, key)) is None:
                kept[getattr(row, key)] = snapshot_of(kind, row)


def key_of(row: Any) -> str:
    """What a row is known by."""
    key: str = getattr(row, _KEYS[type(row)].name)
    return key


@lru_cache(maxsize=64)
def _where(dialect: str, column: Column[Any]) -> Select[Any]:
    return select(column.table).where(among(dialect, column, "values"))


@lru_cache(maxsize=64)
def _replace(dialect: str, table: Table) -> Insert:
    return replacing(dialect, table)


_TURNS = text(
    "SELECT count(pg_advisory_xact_lock(hashtextextended(subject, 0)))"
    " FROM unnest(CAST(:subjects AS text[])) AS subject"
)
_ORDERS = select(
    checkouts.c.checkout_id, checkouts.c.amount, checkouts.c.currency, checkouts.c.unit_id
).where(checkouts.c.checkout_id.in_(bindparam("orders", expanding=True)))
