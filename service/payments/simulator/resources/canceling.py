"""How a PaymentIntent ends that nobody will pay."""

from __future__ import annotations

from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

# Only then can one be canceled, or confirmed.
UNDECIDED = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def cancel_intent(work: Work, intent: Json, reason: str | None) -> Json:
    """End it, and say why; it must be undecided."""
    ended = intent | {
        "status": "canceled",
        "canceled_at": work.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    work.save(ended)
    work.emit("payment_intent.canceled", ended)
    return ended
