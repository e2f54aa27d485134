"""What an intent and its charges prove adds up to the same, in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.payments.gateway import Failure, Payment, PaymentStatus
from service.payments.ledger.facts import ChargeStatus
from service.payments.ledger.standing import Standing, join_standings, settled, standing_of

_standings = st.sampled_from(Standing)


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
