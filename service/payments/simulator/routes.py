"""What the API offers. A new resource is one module in `resources` and its lines here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from service.payments.simulator.agenda import Task
from service.payments.simulator.errors import Declined
from service.payments.simulator.parameters import Parameters
from service.payments.simulator.resources import (
    balance_transactions,
    charges,
    collecting,
    confirmation_tokens,
    customer_sessions,
    customers,
    debits,
    disputes,
    early_fraud_warnings,
    events,
    invoice_items,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    products,
    refunds,
    setup_intents,
    subscriptions,
)
from service.payments.simulator.wire import Json

# Takes the work, the parameters read, and the ids of the path.
Operation = Callable[..., Json | Declined]


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Attributes:
        method: GET, POST or DELETE.
        path: template with ``{id}`` where an id stands.
        parameters: what it takes.
        operation: what it does.
    """

    method: str
    path: str
    parameters: Parameters
    operation: Operation

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths of this route; groups are the ids."""
        return re.compile(self.path.replace("{id}", "([A-Za-z0-9_]{1,100})"))


ROUTES = (
    Route("POST", "/v1/customers", customers.CREATE, customers.create),
    Route("GET", "/v1/customers", customers.LIST, customers.listing_of),
    Route("GET", "/v1/customers/{id}", customers.RETRIEVE, customers.retrieve),
    Route("POST", "/v1/customers/{id}", customers.UPDATE, customers.update),
    Route("DELETE", "/v1/customers/{id}", customers.DELETE, customers.delete),
    Route("GET", "/v1/payment_methods", payment_methods.LIST, payment_methods.listing_of),
    Route("GET", "/v1/payment_methods/{id}", payment_methods.RETRIEVE, payment_methods.retrieve),
    Route(
        "POST", "/v1/payment_methods/{id}/attach", payment_methods.ATTACH, payment_methods.attach
    ),
    Route(
        "POST", "/v1/payment_methods/{id}/detach", payment_methods.DETACH, payment_methods.detach
    ),
    Route(
        "POST",
        "/v1/customer_sessions",
        customer_sessions.CREATE,
        customer_sessions.create,
    ),
    Route("POST", "/v1/setup_intents", setup_intents.CREATE, setup_intents.create),
    Route("GET", "/v1/setup_intents", setup_intents.LIST, setup_intents.listing_of),
    Route("GET", "/v1/setup_intents/{id}", setup_intents.RETRIEVE, setup_intents.retrieve),
    Route("POST", "/v1/setup_intents/{id}/confirm", setup_intents.CONFIRM, setup_intents.confirm),
    Route("POST", "/v1/setup_intents/{id}/cancel", setup_intents.CANCEL, setup_intents.cancel),
    Route("POST", "/v1/products", products.CREATE, products.create),
    Route("GET", "/v1/products", products.LIST, products.listing_of),
    Route("GET", "/v1/products/{id}", products.RETRIEVE, products.retrieve),
    Route("POST", "/v1/prices", products.PRICE, products.create_price),
    Route("GET", "/v1/prices", products.LIST, products.listing_of_prices),
    Route("GET", "/v1/prices/{id}", products.RETRIEVE, products.retrieve_price),
    Route("POST", "/v1/subscriptions", subscriptions.CREATE, subscriptions.create),
    Route("GET", "/v1/subscriptions", subscriptions.LIST, subscriptions.listing_of),
    Route("GET", "/v1/subscriptions/{id}", subscriptions.RETRIEVE, subscriptions.retrieve),
    Route("POST", "/v1/subscriptions/{id}", subscriptions.UPDATE, subscriptions.update),
    Route("DELETE", "/v1/subscriptions/{id}", subscriptions.CANCEL, subscriptions.cancel),
    Route("POST", "/v1/invoiceitems", invoice_items.CREATE, invoice_items.create),
    Route("GET", "/v1/invoiceitems", invoice_items.LIST, invoice_items.listing_of),
    Route("GET", "/v1/invoiceitems/{id}", invoice_items.RETRIEVE, invoice_items.retrieve),
    Route("DELETE", "/v1/invoiceitems/{id}", invoice_items.DELETE, invoice_items.delete),
    Route("POST", "/v1/invoices", invoices.CREATE, invoices.create),
    Route("GET", "/v1/invoices", invoices.LIST, invoices.listing_of),
    Route("GET", "/v1/invoices/{id}", invoices.NOTHING, invoices.retrieve),
    Route("POST", "/v1/invoices/{id}", invoices.UPDATE, invoices.update),
    Route("DELETE", "/v1/invoices/{id}", invoices.NOTHING, invoices.delete),
    Route("POST", "/v1/invoices/{id}/finalize", invoices.FINALIZE, invoices.finalize),
    Route("POST", "/v1/invoices/{id}/pay", collecting.PAY, collecting.pay),
    Route("POST", "/v1/invoices/{id}/send", invoices.NOTHING, invoices.send),
    Route("POST", "/v1/invoices/{id}/void", invoices.NOTHING, invoices.void),
    Route(
        "POST",
        "/v1/invoices/{id}/mark_uncollectible",
        invoices.NOTHING,
        invoices.mark_uncollectible,
    ),
    Route("GET", "/v1/invoices/{id}/lines", invoices.LINES, invoices.lines_of),
    Route("GET", "/v1/invoice_payments", invoice_payments.LIST, invoice_payments.listing_of),
    Route("GET", "/v1/invoice_payments/{id}", invoice_payments.RETRIEVE, invoice_payments.retrieve),
    Route(
        "POST",
        "/v1/test_helpers/confirmation_tokens",
        confirmation_tokens.CREATE,
        confirmation_tokens.create_for_test,
    ),
    Route(
        "GET",
        "/v1/confirmation_tokens/{id}",
        confirmation_tokens.RETRIEVE,
        confirmation_tokens.retrieve,
    ),
    Route("POST", "/v1/payment_intents", payment_intents.CREATE, payment_intents.create),
    Route("GET", "/v1/payment_intents", payment_intents.LIST, payment_intents.listing_of),
    Route("GET", "/v1/payment_intents/search", payment_intents.SEARCH, payment_intents.search),
    Route("GET", "/v1/payment_intents/{id}", payment_intents.RETRIEVE, payment_intents.retrieve),
    Route("POST", "/v1/payment_intents/{id}", payment_intents.UPDATE, payment_intents.update),
    Route(
        "POST", "/v1/payment_intents/{id}/confirm", payment_intents.CONFIRM, payment_intents.confirm
    ),
    Route(
        "POST", "/v1/payment_intents/{id}/cancel", payment_intents.CANCEL, payment_intents.cancel
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/verify_microdeposits",
        debits.VERIFY,
        debits.verify,
    ),
    Route(
        "POST",
        "/v1/setup_intents/{id}/verify_microdeposits",
        debits.VERIFY,
        setup_intents.verify,
    ),
    Route("GET", "/v1/mandates/{id}", debits.RETRIEVE_MANDATE, debits.mandate),
    Route("GET", "/v1/charges", charges.LIST, charges.listing_of),
    Route("GET", "/v1/charges/{id}", charges.RETRIEVE, charges.retrieve),
    Route("POST", "/v1/refunds", refunds.CREATE, refunds.create),
    Route("GET", "/v1/refunds/{id}", refunds.RETRIEVE, refunds.retrieve),
    Route("GET", "/v1/refunds", refunds.LIST, refunds.listing_of),
    Route("GET", "/v1/disputes", disputes.LIST, disputes.listing_of),
    Route("GET", "/v1/disputes/{id}", disputes.RETRIEVE, disputes.retrieve),
    Route(
        "GET",
        "/v1/radar/early_fraud_warnings",
        early_fraud_warnings.LIST,
        early_fraud_warnings.listing_of,
    ),
    Route(
        "GET",
        "/v1/radar/early_fraud_warnings/{id}",
        early_fraud_warnings.RETRIEVE,
        early_fraud_warnings.retrieve,
    ),
    Route(
        "GET",
        "/v1/balance_transactions",
        balance_transactions.LIST,
        balance_transactions.listing_of,
    ),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        balance_transactions.RETRIEVE,
        balance_transactions.retrieve,
    ),
    Route("GET", "/v1/events", events.LIST, events.listing_of),
    Route("GET", "/v1/events/{id}", events.RETRIEVE, events.retrieve),
)


# What falls due, by the name it is scheduled under.
TASKS: Mapping[str, Task] = {
    "announce_due_date": invoices.announce_due_date,
    "announce_renewal": subscriptions.announce_renewal,
    "announce_trial_end": subscriptions.announce_trial_end,
    "collect_invoice": collecting.collect_due,
    "expire_incomplete": subscriptions.expire,
    "finalize_invoice": invoices.finalize_due,
    "mark_overdue": invoices.overdue,
    "renew_subscription": subscriptions.renew,
    "return_debit": debits.take_back,
    "settle_debit": debits.settle,
}


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route for a request and the ids in its path, or None."""
    for route in ROUTES:
        found = route.pattern.fullmatch(path) if route.method == method else None
        if found is not None:
            return route, found.groups()
    return None
