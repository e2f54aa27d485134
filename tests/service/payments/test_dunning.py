"""Failed payments are tried again as banks and networks advise, and never against them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.payments.dunning import BANK_DEBIT, Try, next_try

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def failures(count: int, **last: str | None) -> list[Try]:
    """So many failures of one card, each when it was planned."""
    tries = [Try(NOON, payment_method_id="pm_1", decline_code="insufficient_funds")]
    while len(tries) < count:
        planned = next_try(tries)
        assert planned is not None
        tries.append(Try(planned, payment_method_id="pm_1", decline_code="insufficient_funds"))
    known = {"payment_method_id": "pm_1", "decline_code": "insufficient_funds"} | last
    return [*tries[:-1], Try(tries[-1].failed_at, **known)]  # type: ignore[arg-type]  # texts by name


def test_a_card_is_tried_eight_times_at_most_and_ever_more_rarely() -> None:
    tries = failures(8)
    pauses = [(b.failed_at - a.failed_at).days for a, b in itertools.pairwise(tries)]
    assert pauses == [3, 5, 7, 7, 7, 7, 7]
    assert next_try(tries) is None


@pytest.mark.parametrize(
    "reason",
    [
        {"advice_code": "do_not_try_again"},
        {"advice_code": "confirm_card_data"},
        {"decline_code": "stolen_card"},
        {"decline_code": "lost_card"},
        {"decline_code": "revocation_of_all_authorizations"},
        {"failure_code": "authentication_required"},
        {"network_advice_code": "03"},
        {"network_advice_code": "21"},
    ],
)
def test_nothing_is_tried_against_advice(reason: dict[str, str]) -> None:
    assert next_try(failures(1, **reason)) is None


def test_a_network_that_asks_to_wait_longer_is_obeyed() -> None:
    assert next_try(failures(1, network_advice_code="29")) == NOON + timedelta(days=8)
    assert next_try(failures(1, network_advice_code="24")) == NOON + timedelta(days=3)


def test_a_bank_debit_is_tried_twice_more_within_a_fortnight_and_only_for_want_of_money() -> None:
    first = Try(NOON, BANK_DEBIT, "pm_1", failure_code="insufficient_funds")
    second = Try(NOON + timedelta(days=4), BANK_DEBIT, "pm_1", failure_code="insufficient_funds")
    third = Try(NOON + timedelta(days=11), BANK_DEBIT, "pm_1", failure_code="insufficient_funds")
    assert next_try([first]) == second.failed_at
    assert next_try([first, second]) == third.failed_at
    assert next_try([first, second, third]) is None
    assert next_try([Try(NOON, BANK_DEBIT, "pm_1", failure_code="account_closed")]) is None


def test_another_card_begins_anew() -> None:
    other = Try(NOON + timedelta(days=90), payment_method_id="pm_2", decline_code="do_not_honor")
    assert next_try([*failures(8), other]) == other.failed_at + timedelta(days=3)


@given(
    codes=st.lists(
        st.sampled_from(["insufficient_funds", "do_not_honor", "stolen_card", "try_again_later"]),
        min_size=1,
        max_size=12,
    )
)
def test_the_next_try_is_never_before_the_last_and_there_are_never_more_than_eight(
    codes: list[str],
) -> None:
    tries: list[Try] = []
    at: datetime | None = NOON
    for code in codes:
        if at is None:
            break
        assert not tries or at > tries[-1].failed_at
        tries.append(Try(at, payment_method_id="pm_1", decline_code=code))
        at = next_try(tries)
    assert len(tries) <= 8
