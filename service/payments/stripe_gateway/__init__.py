"""The gateway to Stripe: the only package that imports stripe."""

from service.payments.stripe_gateway.payments import StripeGateway

__all__ = ["StripeGateway"]
