"""What travels: API versions, keys, JSON objects as Stripe writes them, and their bytes."""

from __future__ import annotations

import json
from typing import Any

API_VERSION = "2026-10-28.endive"
SECRET_KEY = "sk_test_simulated"  # noqa: S105 - opens nothing but the simulator
PUBLISHABLE_KEY = "pk_test_simulated"
LIVE_PREFIXES = ("sk_live_", "pk_live_", "rk_live_")
DOCUMENTATION = "https://stripe.com/docs/error-codes/"

# A Stripe object on the wire. Its shape is checked against the SDK's own types in the tests, so
# repeating Stripe's schema as Python types here would only be a second, weaker statement of it.
Json = dict[str, Any]


def to_bytes(document: object) -> bytes:
    """Compact JSON bytes; non-ASCII letters stay letters, as Stripe sends them."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def to_webhook_bytes(document: object) -> bytes:
    """JSON indented by two, the way Stripe's webhook bodies come."""
    return json.dumps(document, ensure_ascii=False, indent=2).encode()
