"""Subscriptions: seats of a plan, paid for each period until somebody ends it."""

from __future__ import annotations

from collections.abc import Mapping

from service.payments.simulator import agenda
from service.payments.simulator.errors import ApiError, Declined, InvalidParameterError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    METHOD_TYPES,
    PAGE,
    Parameters,
    Reader,
    boolean,
    choice,
    currency,
    filled,
    integer,
    listing,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import (
    collecting,
    debits,
    drafts,
    invoice_items,
    invoice_payments,
    invoices,
    products,
    seats,
    settling,
    setup_intents,
    terms,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

_METHOD = choice("charge_automatically", "send_invoice")
_PRORATION = choice("always_invoice", "create_prorations", "none")
_SETTINGS = mapping(
    payment_method_types=METHOD_TYPES,
    save_default_payment_method=choice("off", "on_subscription"),
)
_PRICE: Mapping[str, Reader] = {"currency": currency, "product": filled, "unit_amount": integer}
CREATE = Parameters(
    {
        "add_invoice_items": listing(
            mapping(metadata=metadata, price=text, price_data=mapping(**_PRICE), quantity=integer)
        ),
        "collection_method": _METHOD,
        "customer": filled,
        "days_until_due": integer,
        "default_payment_method": text,
        "items": listing(
            mapping(
                price=text,
                price_data=mapping(**_PRICE, recurring=products.RECURRING),
                quantity=integer,
            )
        ),
        "metadata": metadata,
        "off_session": boolean,
        "payment_behavior": choice("allow_incomplete", "default_incomplete", "error_if_incomplete"),
        "payment_settings": _SETTINGS,
        "trial_period_days": integer,
    },
    required=("customer", "items"),
)
UPDATE = Parameters(
    {
        "cancel_at_period_end": boolean,
        "collection_method": _METHOD,
        "days_until_due": integer,
        "default_payment_method": text,
        "items": listing(mapping(id=filled, quantity=integer)),
        "metadata": metadata,
        "payment_settings": _SETTINGS,
        "proration_behavior": _PRORATION,
    }
)
CANCEL = Parameters()
RETRIEVE = Parameters()
_LIVING = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused")
_ENDED = ("canceled", "incomplete_expired")
LIST = Parameters({**PAGE, "customer": text, "status": choice(*_LIVING, *_ENDED, "all", "ended")})
_LISTED = {"ended": [*_ENDED], "living": [*_LIVING, "incomplete_expired"]}
_INCOMPLETE_FOR = 23 * 3600
_PROVED_WITHIN = 10 * settling.DAY
_MOST_ADDED = 20
_TOLD_BEFORE = 3 * settling.DAY
_FORESEEN_BEFORE = 7 * settling.DAY


def create(work: Work, given: Json) -> Json | Declined:
    """Begin a subscription with its first invoice."""
    work.require("customer", given["customer"], param="customer", status=400)
    terms.check(work, given, given["customer"])
    subscription = work.save(terms.agreed(work, given))
    trial = subscription["trial_end"] is not None
    lines = [
        seats.line_of(subscription, item, trial=trial) for item in seats.items_of(subscription)
    ]
    _add_once(work, subscription, given.get("add_invoice_items") or [])
    days = subscription["days_until_due"]
    bill = invoices.bill_subscription(work, subscription, lines, "subscription_create", days=days)
    behavior = given.get("payment_behavior") or "allow_incomplete"
    sent = subscription["collection_method"] == "send_invoice"
    subscription |= {
        "status": "trialing" if trial else "active" if sent else "incomplete",
        "latest_invoice": bill["id"],
    }
    # Where money is due its PaymentIntent brings the method that pays later.
    if trial and behavior == "default_incomplete" and not bill["amount_due"]:
        subscription["pending_setup_intent"] = _ask_to_set_up(work, subscription)
    work.save(subscription)
    work.emit("customer.subscription.created", subscription)
    _plan(work, subscription)
    bill = invoices.finalize(work, {}, bill["id"])
    if bill["status"] == "open" and not sent:
        _begin(work, subscription, bill["id"], behavior)
    return work.require("subscription", subscription["id"])


def retrieve(work: Work, _given: Json, subscription: str) -> Json:
    """The subscription with this id."""
    return work.require("subscription", subscription)


def listing_of(work: Work, given: Json) -> Json:
    """Subscriptions, newest first; those that ended only if asked for."""
    wanted = {"customer": [given["customer"]]} if given.get("customer") else {}
    status = given.get("status") or "living"
    if status != "all":
        wanted["status"] = _LISTED.get(status, [status])
    return listed(work, "subscription", "/v1/subscriptions", given, wanted)


def update(work: Work, given: Json, subscription: str) -> Json:
    """Change seats, how it is paid, or when it ends."""
    found = _living(work, subscription)
    terms.check(work, given, found["customer"], found)
    changes = {n: given[n] for n in given if n in found and n not in {"items", "metadata"}}
    if "metadata" in given:
        changes["metadata"] = merged(found["metadata"], given["metadata"])
    if "payment_settings" in given:
        settings = drafts.settings_of(given)
        changes["payment_settings"] = found["payment_settings"] | settings
    if "cancel_at_period_end" in given:
        ends = given["cancel_at_period_end"]
        changes |= {
            "cancel_at": seats.items_of(found)[0]["current_period_end"] if ends else None,
            "canceled_at": work.now if ends else None,
        }
    lines: list[Json] = []
    if given.get("items"):
        changes["items"], lines = seats.reseated(work, found, given["items"])
    changed = settling.change_subscription(work, found, **changes)
    if lines and given.get("proration_behavior") == "always_invoice":
        _bill(work, changed, lines, "subscription_update")
    elif lines and given.get("proration_behavior") != "none":
        waiting = {"lines": [*work.private(subscription).get("lines", []), *lines]}
        work.save(changed, work.private(subscription) | waiting)
    return work.require("subscription", subscription)


def cancel(work: Work, _given: Json, subscription: str) -> Json:
    """End it now; one that has not begun lapses, as if nobody had paid in time."""
    found, reason = _living(work, subscription), "cancellation_requested"
    if found["status"] == "incomplete":
        details = found["cancellation_details"] | {"reason": reason}
        return _lapse(work, found, canceled_at=work.now, cancellation_details=details)
    return settling.end_subscription(work, found, reason)


def renew(work: Work, subscription: str) -> None:
    """A period has ended: the next one is billed, or the subscription ends with it."""
    found = work.get(subscription)
    if found is None or found["status"] in {"canceled", "incomplete", "incomplete_expired"}:
        return
    if found["cancel_at_period_end"]:
        settling.end_subscription(work, found, "cancellation_requested")
        return
    items = [
        seats.next_period(item, found["billing_cycle_anchor"]) for item in seats.items_of(found)
    ]
    begun = found | {"items": found["items"] | {"data": items}}
    if found["status"] == "trialing":
        begun["status"] = "active"
    waiting = work.private(subscription)
    lines = [*waiting.pop("lines", []), *(seats.line_of(begun, item) for item in items)]
    bill = invoices.bill_subscription(
        work, begun, lines, "subscription_cycle", days=begun["days_until_due"]
    )
    changes = {"items": begun["items"], "latest_invoice": bill["id"], "status": begun["status"]}
    changed = settling.change_subscription(work, found, **changes)
    work.save(changed, waiting)
    agenda.schedule(work, work.now + 3600, "finalize_invoice", bill["id"])
    _plan(work, changed)


def expire(work: Work, subscription: str) -> None:
    """Nobody paid the first invoice within 23 hours; small deposits have ten days to be told."""
    found = work.require("subscription", subscription)
    if found["status"] != "incomplete":
        return
    bill, last = work.require("invoice", found["latest_invoice"]), found["created"] + _PROVED_WITHIN
    intent = invoice_payments.open_intent(work, bill)
    if intent and debits.is_unproven(intent) and work.now < last:
        agenda.schedule(work, last, "expire_incomplete", subscription)
        return
    _lapse(work, found)


def _lapse(work: Work, found: Json, **told: object) -> Json:
    """It never began, and nobody is asked for its first invoice any more."""
    lapsed = {"status": "incomplete_expired", "ended_at": work.now, **told}
    ended = settling.change_subscription(work, found, **lapsed)
    if work.require("invoice", found["latest_invoice"])["status"] == "open":
        invoices.void(work, {}, found["latest_invoice"])
    return ended


def announce_renewal(work: Work, subscription: str) -> None:
    """A week before it is charged by itself for another period."""
    found = work.require("subscription", subscription)
    going_on = found["status"] in {"trialing", "active", "past_due"}
    if going_on and not found["cancel_at_period_end"]:
        anchor = found["billing_cycle_anchor"]
        coming = [seats.next_period(item, anchor) for item in seats.items_of(found)]
        waiting = work.private(subscription).get("lines", [])
        lines = [seats.line_of(found, item) for item in coming]
        invoices.preview(work, found, [*lines, *waiting])


def announce_trial_end(work: Work, subscription: str) -> None:
    """Three days before a trial ends."""
    found = work.require("subscription", subscription)
    if found["status"] == "trialing":
        work.emit("customer.subscription.trial_will_end", found)


def _living(work: Work, subscription: str) -> Json:
    found = work.require("subscription", subscription)
    if found["status"] in {"canceled", "incomplete_expired"}:
        raise ApiError(
            f"No such subscription: '{subscription}'", code="resource_missing", status=404
        )
    return found


def _plan(work: Work, subscription: Json) -> None:
    end = seats.items_of(subscription)[0]["current_period_end"]
    agenda.schedule(work, end, "renew_subscription", subscription["id"])
    itself = subscription["collection_method"] == "charge_automatically"
    if itself and end - _FORESEEN_BEFORE > work.now:
        agenda.schedule(work, end - _FORESEEN_BEFORE, "announce_renewal", subscription["id"])
    if subscription["status"] == "trialing":
        told = max(work.now, end - _TOLD_BEFORE)
        agenda.schedule(work, told, "announce_trial_end", subscription["id"])


def _bill(work: Work, subscription: Json, lines: list[Json], reason: str) -> None:
    bill = invoices.bill_subscription(
        work, subscription, lines, reason, days=subscription["days_until_due"]
    )
    settling.change_subscription(work, subscription, latest_invoice=bill["id"])
    bill = invoices.finalize(work, {}, bill["id"])
    if bill["status"] == "open" and bill["collection_method"] == "charge_automatically":
        _collect(work, bill["id"])


def _add_once(work: Work, subscription: Json, asked: list[Json]) -> None:
    if len(asked) > _MOST_ADDED:
        raise InvalidParameterError(
            f"Up to {_MOST_ADDED} items may be added.", param="add_invoice_items"
        )
    for each in asked:
        price = products.named_or_made(work, each, "add_invoice_items")
        quantity = seats.checked(each.get("quantity", 1), "add_invoice_items")
        invoice_items.add_once(work, subscription, price, quantity, each.get("metadata", {}))


def _ask_to_set_up(work: Work, subscription: Json) -> str:
    types = subscription["payment_settings"]["payment_method_types"]
    made = setup_intents.new(work, {"customer": subscription["customer"]}, types=types)
    work.save(made, {"subscription": subscription["id"]})
    identity: str = made["id"]
    return identity


def _begin(work: Work, subscription: Json, bill: str, behavior: str) -> None:
    """Collect the first invoice, or let the page do that.

    Raises:
        ApiError: it was declined, and is to be no subscription then.
    """
    if subscription["status"] == "incomplete":
        agenda.schedule(work, work.now + _INCOMPLETE_FOR, "expire_incomplete", subscription["id"])
    if behavior == "default_incomplete":
        agenda.cancel(work, "collect_invoice", bill)
        return
    outcome = _collect(work, bill)
    if isinstance(outcome, Declined) and behavior == "error_if_incomplete":
        raise ApiError(
            "Your card was declined.", code="card_declined", status=402, kind="card_error"
        )


def _collect(work: Work, invoice: str) -> Json | Declined | None:
    try:
        return collecting.pay(work, {"off_session": True}, invoice)
    except ApiError:
        # There is nothing to charge yet; in an hour that counts as a failed try.
        return None
