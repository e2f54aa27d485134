"""Customer sessions: what a page may show and keep of a customer's payment methods."""

from __future__ import annotations

from service.payments.simulator.parameters import (
    Parameters,
    boolean,
    choice,
    filled,
    integer,
    listing,
    mapping,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

_ON_OFF = choice("enabled", "disabled")
CREATE = Parameters(
    {
        "customer": filled,
        "components": mapping(
            payment_element=mapping(
                enabled=boolean,
                features=mapping(
                    payment_method_allow_redisplay_filters=listing(
                        choice("always", "limited", "unspecified")
                    ),
                    payment_method_redisplay=_ON_OFF,
                    payment_method_redisplay_limit=integer,
                    payment_method_remove=_ON_OFF,
                    payment_method_save=_ON_OFF,
                    payment_method_save_usage=choice("on_session", "off_session"),
                ),
            )
        ),
    },
    required=("customer", "components"),
)
_LIFETIME = 1800
_PLAIN = ("active_entitlements", "buy_button", "customer_portal", "pricing_table")
_FEATURED = ("customer_sheet", "mobile_payment_element")


def create(work: Work, given: Json) -> Json:
    """A session for half an hour; only what is asked for is allowed."""
    customer = work.require("customer", given["customer"], param="customer", status=400)
    asked = (given["components"] or {}).get("payment_element") or {}
    features = {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "disabled",
        "payment_method_redisplay_limit": 3,
        "payment_method_remove": "disabled",
        "payment_method_save": "disabled",
        "payment_method_save_usage": None,
    } | (asked.get("features") or {})
    others: Json = {name: {"enabled": False} for name in _PLAIN}
    others |= {name: {"enabled": False, "features": None} for name in _FEATURED}
    secret = f"{new_id('cuss')}_secret_{random_text(40)}"
    session: Json = {
        "object": "customer_session",
        "client_secret": secret,
        "components": {
            **others,
            "payment_element": {
                "enabled": asked.get("enabled", False),
                "features": features if asked.get("enabled") else None,
            },
        },
        "created": work.now,
        "customer": customer["id"],
        "customer_account": None,
        "expires_at": work.now + _LIFETIME,
        "livemode": False,
    }
    work.save(session | {"id": secret})
    return session
