"""Every error the service raises on purpose, each with the HTTP status it means.

ServiceError
├── ConfigurationError     a variable is missing or contradictory; the start stops
├── UnknownRevision        git has no such revision of the definitions
├── NotFound               nothing lives at this address
│   ├── UnknownCheckout
│   └── UnknownOffer
├── Refused                the request breaks a rule; the message names field and rule
│   ├── Unauthorized
│   ├── Forbidden
│   │   ├── StalePage
│   │   └── NotTheirs
│   ├── Conflict
│   │   └── PaymentUnderWay
│   ├── Expired
│   │   └── Cancelled
│   ├── TooManyAttempts
│   ├── LengthRequired
│   ├── TooLarge
│   ├── UnsupportedMediaType
│   ├── Malformed          not the JSON that was promised
│   ├── InvalidSignature   a webhook that Stripe did not sign for us, now
│   └── PaymentRefused     Stripe will not take this request as it stands
└── Unavailable            no answer now; try again later
    ├── Prefetched             nobody is looking at the page yet
    ├── StoreUnavailable
    ├── SchemaMismatch
    ├── PaymentIndeterminate   Stripe did not answer; what it did is not known yet
    └── PaymentBusy            Stripe asks us to slow down; nothing was charged
"""

from __future__ import annotations

from http import HTTPStatus

from service.languages import sentence


class ServiceError(Exception):
    """The root: a message for people, and the status a program gets."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = sentence("Something went wrong")
    # What a visitor reads instead of the message, where that speaks to programs.
    told: str | None = None

    def __init__(self, message: str = "", told: str | None = None) -> None:
        super().__init__(message)
        self.told = told or self.told

    @property
    def code(self) -> str:
        """The stable name of the problem, e.g. ``unknown-checkout``."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class ConfigurationError(ServiceError):
    """A variable is missing or contradicts another."""

    title = "Kassa is not configured"


class UnknownRevision(ServiceError):
    """Git has no such revision of the definitions."""

    title = "Unknown revision"


class NotFound(ServiceError):
    """Nothing lives at this address."""

    status = HTTPStatus.NOT_FOUND
    title = sentence("Page not found")
    told = sentence("There is nothing at this address.")


class UnknownCheckout(NotFound):
    """No checkout has this id."""

    title = sentence("Checkout not found")
    told = sentence("We can't find this checkout; the link may be incomplete.")


class UnknownOffer(NotFound):
    """No offer has this key."""

    title = sentence("Offer not found")
    told = sentence("This offer does not exist, or it has ended.")


class Refused(ServiceError):
    """The request breaks a rule."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = sentence("Request refused")


class Unauthorized(Refused):
    """No valid key or sign-in came with the request."""

    status = HTTPStatus.UNAUTHORIZED
    title = sentence("Sign-in needed")


class Forbidden(Refused):
    """The request does not come from the page it claims."""

    status = HTTPStatus.FORBIDDEN
    title = sentence("Request not allowed")


class StalePage(Forbidden):
    """The page it comes from is not one that was rendered for it, or not lately."""

    title = sentence("This page is too old")
    told = sentence("Nothing was charged. Load the page again and try once more.")


class NotTheirs(Forbidden):
    """Who asks is not whom the order was made for."""

    told = sentence("Only the person this order was made for can ask for its invoice.")


class Conflict(Refused):
    """The request contradicts an earlier one."""

    status = HTTPStatus.CONFLICT
    title = "Request in conflict"


class PaymentUnderWay(Conflict):
    """The order is being paid already: nothing else may ask for its money."""

    title = sentence("Payment being checked")
    told = sentence("This order is being paid already. Wait a moment, then load the page again.")


class Expired(Refused):
    """The checkout is over."""

    status = HTTPStatus.GONE
    title = sentence("This checkout has expired")
    told: str = sentence("Nothing was charged. You can start again with the same order.")


class Cancelled(Expired):
    """The merchant called the checkout off."""

    title = sentence("This order was cancelled")
    told = sentence("Nothing was charged, and it can no longer be paid.")


class TooManyAttempts(Refused):
    """More cards were tried on one checkout than a shopper has."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = sentence("Too many tries")
    told = sentence("Too many tries were made to pay this order. Nothing was charged.")


class LengthRequired(Refused):
    """The body came without a Content-Length."""

    status = HTTPStatus.LENGTH_REQUIRED
    title = "Content-Length required"


class TooLarge(Refused):
    """The body is larger than the route takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    title = "Body too large"


class UnsupportedMediaType(Refused):
    """The body is not announced as JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    title = "Unsupported media type"


class Malformed(Refused):
    """The body is not the JSON that was promised."""

    status = HTTPStatus.BAD_REQUEST
    title = "Malformed request"


class InvalidSignature(Refused):
    """The webhook was not signed for this endpoint, or not now."""

    status = HTTPStatus.BAD_REQUEST
    title = "Invalid signature"


class PaymentRefused(Refused):
    """Stripe will not take this request as it stands."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = sentence("Payment not accepted")


class Unavailable(ServiceError):
    """No answer can be given now; the same request may be sent again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = sentence("Temporarily unavailable")
    told = sentence("We can't show this page right now. Try again in a moment.")
    retry_after = 1


class Prefetched(Unavailable):
    """Nobody is looking yet: the browser shall ask again when somebody is."""


class StoreUnavailable(Unavailable):
    """The database does not answer, is locked, or is full."""


class StoreBusy(StoreUnavailable):
    """Another transaction does not let go of the same rows."""


class SchemaMismatch(Unavailable):
    """The database's tables are not those this version works with."""

    title = "Database schema mismatch"


class PaymentIndeterminate(Unavailable):
    """Stripe did not answer; whether it did the work is not known yet."""

    title = sentence("Payment being checked")


class PaymentFaulted(PaymentIndeterminate):
    """Stripe failed at it, and says so for a day: what came of it is to be looked up."""


class PaymentBusy(Unavailable):
    """Stripe asks to slow down; nothing was charged."""

    title = sentence("Payments are busy")
