"""The funnel's vocabulary, shared by the page, the store and the metrics."""

from enum import StrEnum


class FunnelEvent(StrEnum):
    """What can happen to a visitor in the checkout, in the order of the funnel."""

    CHECKOUT_VIEWED = "checkout_viewed"
    DETAILS_COMPLETED = "details_completed"
    PAYMENT_FORM_READY = "payment_form_ready"
    PAYMENT_INFO_COMPLETED = "payment_info_completed"
    PAYMENT_SUBMITTED = "payment_submitted"
    VALIDATION_FAILED = "validation_failed"
    PAYMENT_DECLINED = "payment_declined"
    PAYMENT_PROCESSING = "payment_processing"
    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_REFUNDED = "payment_refunded"
    PAYMENT_DISPUTED = "payment_disputed"


class FrictionEvent(StrEnum):
    """Where a visitor has a hard time: told by pages alone, and counted by no metric."""

    STEP_SHOWN = "step_shown"
    ELEMENT_READY = "element_ready"
    FIELD_LEFT = "field_left"
    FIELD_CORRECTED = "field_corrected"
    ERROR_SHOWN = "error_shown"
    SECTION_TIMED = "section_timed"
    RAGE_CLICKED = "rage_clicked"
    EVENTS_OMITTED = "events_omitted"


LEDGER_EVENTS = frozenset(
    {
        FunnelEvent.PAYMENT_DECLINED,
        FunnelEvent.PAYMENT_PROCESSING,
        FunnelEvent.PAYMENT_SUCCEEDED,
        FunnelEvent.PAYMENT_REFUNDED,
        FunnelEvent.PAYMENT_DISPUTED,
    }
)
"""Events about money: only the payment ledger may report them."""

BROWSER_EVENTS = frozenset(FunnelEvent) - LEDGER_EVENTS
"""Events of the funnel that a page may report."""


class LedgerColumn(StrEnum):
    """What a metric may read of the ledger instead of an event; money is in minor units."""

    AMOUNT_RECEIVED = "payments.amount_received"
    AMOUNT_CHARGED = "charges.amount"
    AMOUNT_REFUNDED = "charges.amount_refunded"
    DISPUTED = "charges.disputed"
    """1 for a charge that was disputed, 0 for one that was not."""
