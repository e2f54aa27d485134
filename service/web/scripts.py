"""The scripts that a visitor's browser may run, each with its reason, and the policy that says so.

PCI DSS 4.0.1 asks for both (6.4.3) and for a look at what browsers are served (11.6.1): that
is `kassa pages verify`.
"""

from __future__ import annotations

from functools import cache

STRIPE_JS = "https://js.stripe.com/endive/stripe.js"
SIMULATED_STRIPE_JS = "/sim/stripe.js"

# What the pages load from `service/static/js`, and why.
SCRIPTS = {
    "account.js": "keeps a payment method on the customer's own page",
    "checkout.js": "the checkout form: its steps, its answers, and what becomes of them",
    "connection.js": "says when the connection is gone",
    "details.js": "keeps what is typed, so that a reload has it again",
    "fields.js": "checks what a section asks for that the merchant added",
    "friction.js": "records where a visitor has a hard time, never a value that was typed",
    "funnel.js": "reports the steps of a checkout, never a value that was typed",
    "problems.js": "says what keeps the visitor from going on, beside the field",
    "server.js": "asks the service, and knows when an answer was lost",
    "steps.js": "shows one step at a time",
    "stripe-form.js": "mounts Stripe's forms",
}

_FROM_STRIPE = "https://js.stripe.com https://*.js.stripe.com"
_REAL_SOURCES = {
    "script-src": f"'self' {_FROM_STRIPE}",
    "frame-src": f"{_FROM_STRIPE} https://hooks.stripe.com",
    # Where a form without a script leads on to: Stripe's own page for an invoice.
    "form-action": "'self' https://invoice.stripe.com",
    "connect-src": "'self' https://api.stripe.com",
    "img-src": "'self' data: https://*.stripe.com",
}
_SIMULATED_SOURCES = {
    "form-action": "'self'",
    "script-src": "'self'",
    "frame-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
}
_FIXED_SOURCES = {
    "default-src": "'none'",
    "style-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}


@cache
def policy(*, simulated: bool) -> str:
    """The Content-Security-Policy of every page.

    Args:
        simulated: whether the simulator stands in for Stripe, on the service's own origin.
    """
    sources = _SIMULATED_SOURCES if simulated else _REAL_SOURCES
    return "; ".join(f"{name} {allowed}" for name, allowed in (_FIXED_SOURCES | sources).items())
