"""Descriptions of one object add up to the same, in any order and however often."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.payments.ledger import facts
from service.payments.ledger.joining import Snapshot, joined, row_of
from service.payments.ledger.rows import TABLES

MOMENTS = st.integers(0, 3).map(lambda second: datetime.fromtimestamp(second, UTC))
KINDS = sorted(TABLES, key=lambda kind: kind.__name__)
STATUSES = {
    facts.Charge: st.sampled_from(facts.ChargeStatus),
    facts.Dispute: st.sampled_from(["needs_response", "won", "lost", "of_the_future"]),
    facts.Invoice: st.sampled_from(["draft", "open", "paid", "void", "uncollectible"]),
    facts.Subscription: st.sampled_from(["incomplete", "active", "past_due", "canceled"]),
}


def values(kind: type[Snapshot], name: str, annotation: str) -> st.SearchStrategy[Any]:
    """Few values of a field, so that descriptions often agree and often differ."""
    if name == "status" and kind in STATUSES:
        return STATUSES[kind]
    plain: st.SearchStrategy[Any] = {
        "datetime": MOMENTS,
        "int": st.integers(0, 2),
        "float": st.sampled_from([0.5, 1.5]),
        "bool": st.booleans(),
        "list[dict[str, Any]]": st.just([]),
    }.get(annotation.removesuffix(" | None"), st.sampled_from(["a", "b"]))
    return st.none() | plain if annotation.endswith("| None") else plain


def described(kind: type[Snapshot]) -> st.SearchStrategy[Snapshot]:
    """Descriptions of one object of a kind."""
    key = next(iter(TABLES[kind].primary_key.columns)).name
    parts = {
        field.name: st.just("same")
        if field.name == key
        else values(kind, field.name, str(field.type))
        for field in fields(kind)
        if field.name != "version"
    }
    return st.builds(kind, **parts)


@pytest.mark.parametrize("kind", KINDS)
def test_joining_is_commutative_associative_and_idempotent(kind: type[Snapshot]) -> None:
    @given(described(kind), described(kind), described(kind))
    def law(a: Snapshot, b: Snapshot, c: Snapshot) -> None:
        assert joined(a, b) == joined(b, a)
        assert joined(joined(a, b), c) == joined(a, joined(b, c))
        assert joined(a, a) == a
        assert joined(joined(a, b), a) == joined(a, b)

    law()


@pytest.mark.parametrize("kind", KINDS)
def test_every_order_of_a_history_gives_the_same(kind: type[Snapshot]) -> None:
    @given(st.lists(described(kind), min_size=2, max_size=6).flatmap(st.permutations))
    def law(history: list[Snapshot]) -> None:
        once = reduce(joined, history)
        assert reduce(joined, [*reversed(history), *history]) == once

    law()


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_its_column(kind: type[Snapshot]) -> None:
    assert {field.name for field in fields(kind)} == set(TABLES[kind].columns.keys())


def _invoice(second: int, status: str, **parts: Any) -> facts.Invoice:
    known = {"total": 10, "tax": 0, "amount_due": 10, "amount_paid": 0, "amount_remaining": 10}
    return facts.Invoice(
        observed_at=datetime.fromtimestamp(second, UTC),
        invoice_id="in_1",
        status=status,
        currency="usd",
        created_at=datetime.fromtimestamp(0, UTC),
        **known | {"amount_overpaid": 0, "attempt_count": 0} | parts,
    )


def test_of_two_descriptions_of_one_second_the_one_further_along_holds() -> None:
    finalized, paid = _invoice(5, "open"), _invoice(5, "paid", amount_paid=10, amount_remaining=0)
    assert joined(paid, finalized) == paid
    partly = [_invoice(5, "open", amount_paid=n, amount_remaining=10 - n) for n in (3, 7)]
    assert joined(*reversed(partly)) == partly[1]


def test_a_later_description_holds_though_it_is_less_far_along() -> None:
    written_off, paid = _invoice(5, "uncollectible"), _invoice(9, "paid", amount_paid=10)
    assert joined(written_off, paid).status == "paid"
    assert row_of(joined(_invoice(9, "open"), _invoice(5, "paid")))["status"] == "open"
