"""Refusals in Stripe's error envelope."""

from __future__ import annotations

from dataclasses import dataclass

from service.payments.simulator.wire import DOCUMENTATION, Json


class ApiError(Exception):
    """A request Stripe would refuse; nothing the request did is kept.

    Attributes:
        status: HTTP status.
        body: the envelope, ``{"error": {type, code, message, param, …}}``.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
        payment_intent: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": envelope(kind, message, code, param, payment_intent=payment_intent)}


class InvalidParameterError(ApiError):
    """Refused before the endpoint ran, so an idempotency key does not remember it."""


def envelope(
    kind: str, message: str, code: str | None = None, param: str | None = None, **extra: object
) -> Json:
    """The content of ``error``; absent members are left out, as Stripe does."""
    documented = DOCUMENTATION + code.replace("_", "-") if code else None
    content = {"code": code, "doc_url": documented, "message": message, "param": param} | extra
    return {name: value for name, value in content.items() if value is not None} | {"type": kind}


def missing_resource(name: str, identity: str, param: str, *, status: int = 404) -> ApiError:
    """No object of this kind has this id; 404 on the path, 400 inside the parameters."""
    return ApiError(
        f"No such {name}: '{identity}'", code="resource_missing", param=param, status=status
    )


def unexpected_state(message: str, intent: Json) -> ApiError:
    """The PaymentIntent's status does not allow this."""
    return ApiError(message, code="payment_intent_unexpected_state", payment_intent=intent)


def lock_timeout() -> ApiError:
    """The write lock could not be had in time; Stripe's word for it, and the SDK retries."""
    return ApiError("Another request holds the lock.", code="lock_timeout", status=409)


def unauthorized(message: str) -> ApiError:
    """No key, or not the simulator's."""
    return ApiError(message, status=401)


@dataclass(frozen=True)
class Declined:
    """A 402 whose work is kept: the attempt happened, and the issuer said no."""

    body: Json
