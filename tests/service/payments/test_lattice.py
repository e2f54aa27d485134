"""Facts about a payment add up to the same, in any order and however often."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from service.payments.gateway import Failure, Payment, PaymentStatus
from service.payments.lattice import (
    Charge,
    ChargeStatus,
    Standing,
    join_charges,
    join_standings,
    settled,
    standing_of,
)

_charges = st.builds(
    Charge,
    charge_id=st.just("ch_1"),
    payment_intent_id=st.just("pi_1"),
    status=st.sampled_from(ChargeStatus),
    amount=st.integers(1, 3),
    currency=st.just("usd"),
    charged_at=st.integers(0, 3).map(lambda s: datetime.fromtimestamp(s, UTC)),
    amount_refunded=st.integers(0, 3),
    disputed=st.booleans(),
    brand=st.sampled_from([None, "amex", "visa"]),
    network_status=st.sampled_from([None, "approved_by_network", "declined_by_network"]),
    failure_code=st.sampled_from([None, "card_declined", "expired_card"]),
)
_standings = st.sampled_from(Standing)


@given(_charges, _charges)
def test_joining_charges_is_commutative(one: Charge, other: Charge) -> None:
    assert join_charges(one, other) == join_charges(other, one)


@given(_charges, _charges, _charges)
def test_joining_charges_is_associative(a: Charge, b: Charge, c: Charge) -> None:
    assert join_charges(join_charges(a, b), c) == join_charges(a, join_charges(b, c))


@given(_charges, _charges)
def test_joining_a_charge_again_changes_nothing(one: Charge, other: Charge) -> None:
    joined = join_charges(one, other)
    assert join_charges(joined, one) == joined
    assert join_charges(one, one) == one


@given(_standings, _standings, _standings)
def test_joining_standings_is_a_semilattice(a: Standing, b: Standing, c: Standing) -> None:
    assert join_standings(a, b) is join_standings(b, a)
    assert join_standings(join_standings(a, b), c) is join_standings(a, join_standings(b, c))
    assert join_standings(a, a) is a


@given(st.lists(st.sampled_from(ChargeStatus)))
def test_a_succeeded_payment_never_leaves_that_state(charges: list[ChargeStatus]) -> None:
    assert settled(Standing.SUCCEEDED, charges) is Standing.SUCCEEDED


def test_a_pending_charge_after_a_failed_one_is_a_retry_under_way() -> None:
    charges = [ChargeStatus.FAILED, ChargeStatus.PENDING]
    assert settled(Standing.FAILED, charges) is Standing.PROCESSING
    assert settled(Standing.OPEN, [ChargeStatus.FAILED]) is Standing.FAILED
    assert settled(Standing.REQUIRES_ACTION, []) is Standing.REQUIRES_ACTION


def test_a_decline_shows_by_its_failure_and_not_by_its_status() -> None:
    fresh = Payment("pi_1", PaymentStatus.REQUIRES_PAYMENT_METHOD, 1, 0, "usd")
    assert standing_of(fresh) is Standing.OPEN
    declined = Payment(
        "pi_1", PaymentStatus.REQUIRES_PAYMENT_METHOD, 1, 0, "usd", failure=Failure("card_declined")
    )
    assert standing_of(declined) is Standing.FAILED
