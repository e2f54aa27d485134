"""Broken rules in our words: the field first, then the rule, and never the value."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import Refused
from service.web.bodies import validated
from service.web.events import EventBody
from service.web.orders import CheckoutBody

ORDER: dict[str, Any] = {
    "mode": "payment",
    "currency": "usd",
    "lines": [{"description": "Team plan", "amount": 2400}],
    "success_url": "https://shop.example/thanks",
}
EVENT = {"id": "0123456789", "name": "checkout_viewed", "occurred_at": "2026-11-23T10:00:00Z"}
LINE = ORDER["lines"][0]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": "barter"}, "mode: must be 'payment', 'subscription' or 'invoice'"),
        ({"lines": []}, "lines: must hold at least 1"),
        ({"lines": [LINE] * 101}, "lines: must hold at most 100"),
        ({"lines": ["secret"]}, "lines.0: must be a JSON object"),
        ({"lines": [LINE | {"amount": -1}]}, "lines.0.amount: must be at least 0"),
        ({"lines": [LINE | {"amount": "secret"}]}, "lines.0.amount: must be a whole number"),
        (
            {"lines": [LINE | {"description": ""}]},
            "lines.0.description: must have at least 1 characters",
        ),
        ({"customer": "secret" * 99}, "customer: must have at most 500 characters"),
        ({"customer": 7}, "customer: must be a string"),
        ({"surprise": "secret"}, "surprise: is not a field of this request"),
        ({"success_url": "secret"}, "success_url: must match ^https?://"),
        ({"attributes": "secret"}, "attributes: must be a JSON object"),
    ],
)
def test_an_order_is_refused_in_our_words(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        validated(CheckoutBody, ORDER | changed)
    assert str(refused.value).startswith(told)
    assert "secret" not in str(refused.value)


def test_our_own_rules_are_told_without_the_checkers_prefix() -> None:
    with pytest.raises(Refused, match=r"^currency: must be an? ") as refused:
        validated(CheckoutBody, ORDER | {"currency": "bitcoin"})
    assert "Value error" not in str(refused.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Refused, match=r"^mode: is required$"):
        validated(CheckoutBody, {key: ORDER[key] for key in ORDER if key != "mode"})
    with pytest.raises(Refused, match=r"^body: must be a JSON object$"):
        validated(CheckoutBody, [])


@pytest.mark.parametrize("time", ["yesterday", "2026-11-23T10:00:00", 7, "", None])
def test_a_time_that_is_none_is_told_what_a_time_is(time: object) -> None:
    with pytest.raises(Refused, match=r"^occurred_at: must be an ISO 8601 time with its zone$"):
        validated(EventBody, EVENT | {"occurred_at": time})
