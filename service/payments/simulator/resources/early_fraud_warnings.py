"""Early fraud warnings: an issuer believes in fraud. Only the control endpoint raises them."""

from __future__ import annotations

from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, filled, text
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

RAISE = Parameters({"charge": filled, "fraud_type": text}, required=("charge",))
RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "charge": text, "payment_intent": text})
KIND = "radar.early_fraud_warning"


def raise_warning(work: Work, given: Json) -> Json:
    """Warn of a charge."""
    charge = work.require("charge", given["charge"], param="charge")
    warning = work.save(
        {
            "id": new_id("issfr"),
            "object": KIND,
            "actionable": not charge["refunded"] and not charge["disputed"],
            "charge": charge["id"],
            "created": work.now,
            "fraud_type": given.get("fraud_type") or "made_with_stolen_card",
            "livemode": False,
            "payment_intent": charge["payment_intent"],
        }
    )
    work.emit("radar.early_fraud_warning.created", warning)
    return warning


def retrieve(work: Work, _given: Json, warning: str) -> Json:
    """The warning with this id."""
    return work.require(KIND, warning)


def listing_of(work: Work, given: Json) -> Json:
    """Warnings, newest first."""
    wanted = {"payment_intent": [given["payment_intent"]]} if given.get("payment_intent") else {}
    return listed(work, KIND, "/v1/radar/early_fraud_warnings", given, wanted)
