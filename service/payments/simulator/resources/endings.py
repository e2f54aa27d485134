"""How a try to pay ends, whatever it was tried with."""

from __future__ import annotations

from service.payments.simulator.resources import payment_methods, settling
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work


def succeed(work: Work, intent: Json, method: Json, charge: Json) -> Json:
    """The PaymentIntent is paid; its method is kept if that was asked for."""
    paid = intent | {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method["id"],
    }
    if intent["customer"] and intent["setup_future_usage"]:
        payment_methods.attached(work, method, intent["customer"])
    work.save(paid)
    work.emit("payment_intent.succeeded", paid)
    settling.payment_succeeded(work, paid)
    return paid


def back_to_start(work: Work, intent: Json, error: Json) -> Json:
    """The try failed; another may follow."""
    method = error.get("payment_method")
    back = intent | {
        "status": "requires_payment_method",
        "last_payment_error": error,
        "next_action": None,
        "payment_method": None,
    }
    work.save(back)
    work.emit("payment_intent.payment_failed", back)
    settling.payment_failed(work, back, method and method["id"])
    return back
