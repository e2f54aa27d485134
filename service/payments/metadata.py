"""What Stripe carries for us, so that a webhook can be understood before we are ready."""

from __future__ import annotations

from service.checkout.checkouts import Checkout


def metadata_of(checkout: Checkout) -> dict[str, str]:
    """The merchant's metadata of an order, and ours."""
    ours = {
        "order_id": checkout.checkout_id,
        "customer": checkout.customer,
        "unit_id": checkout.unit_id,
        "experiment": checkout.experiment,
        "variant": checkout.variant,
    }
    return dict(checkout.metadata) | {k: v for k, v in ours.items() if v is not None}


OUR_METADATA = {"order_id", "customer", "unit_id", "experiment", "variant"}
