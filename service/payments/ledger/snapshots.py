"""Descriptions of objects, kept joined: one row for each object."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, Update, bindparam, update

from service.payments.ledger import facts
from service.payments.ledger.joining import Snapshot, joined, row_of, snapshot_of
from service.store import tables
from service.store.session import insert_or_read

# Where each kind is kept; the first column is what it is known by.
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


def learn(connection: Connection, told: Snapshot) -> None:
    """Join a description to what is known of its object."""
    table = TABLES[type(told)]
    row, new = insert_or_read(connection, table, row_of(told))
    if new:
        return
    kept = snapshot_of(type(told), row)
    now = joined(kept, told)
    if now != kept:
        connection.execute(_changed(table), {f"new_{k}": v for k, v in row_of(now).items()})


@lru_cache(maxsize=64)
def _changed(table: Table) -> Update:
    """Write every column of a row anew: the same statement each time, made once."""
    (key,) = table.primary_key.columns
    values: dict[str, Any] = {
        c.name: bindparam(f"new_{c.name}") for c in table.columns if c is not key
    }
    return update(table).where(key == bindparam(f"new_{key.name}")).values(values)
