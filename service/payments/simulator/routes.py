"""What the API offers. A new resource is one module in `resources` and its lines here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from service.payments.simulator.errors import Declined
from service.payments.simulator.parameters import Parameters
from service.payments.simulator.resources import (
    balance_transactions,
    charges,
    confirmation_tokens,
    customers,
    disputes,
    early_fraud_warnings,
    events,
    payment_intents,
    refunds,
)
from service.payments.simulator.wire import Json

# Takes the work, the parameters read, and the ids of the path.
Operation = Callable[..., Json | Declined]


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Attributes:
        method: GET or POST.
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
    Route("GET", "/v1/customers/{id}", customers.RETRIEVE, customers.retrieve),
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
    Route("GET", "/v1/payment_intents/{id}", payment_intents.RETRIEVE, payment_intents.retrieve),
    Route("POST", "/v1/payment_intents/{id}", payment_intents.UPDATE, payment_intents.update),
    Route(
        "POST", "/v1/payment_intents/{id}/confirm", payment_intents.CONFIRM, payment_intents.confirm
    ),
    Route(
        "POST", "/v1/payment_intents/{id}/cancel", payment_intents.CANCEL, payment_intents.cancel
    ),
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


def match(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route for a request and the ids in its path, or None."""
    for route in ROUTES:
        found = route.pattern.fullmatch(path) if route.method == method else None
        if found is not None:
            return route, found.groups()
    return None
