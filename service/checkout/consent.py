"""Whether a visitor's behaviour may be recorded: what the merchant says of their consent."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from service.store.tables import checkouts


def consent_of(said: bool | None, *, owner: str | None, unit_id: str) -> bool | None:  # noqa: FBT001 - an answer, not a mode
    """What the merchant's word on a checkout says of whoever looks at it.

    Args:
        said: the checkout's `analytics_consent`.
        owner: the visitor who saw the checkout first.
        unit_id: who looks at it now.

    Returns:
        True, False, or None where nobody said anything. A link that was passed on passes no
        consent on; a refusal holds for everybody.
    """
    return said if said is False or owner == unit_id else None


def consents_of(
    connection: Connection, checkout_ids: Iterable[str], *, unit_id: str
) -> dict[str, bool | None]:
    """The same for many checkouts, by their ids; unknown ones are left out."""
    rows = connection.execute(
        select(checkouts.c.checkout_id, checkouts.c.analytics_consent, checkouts.c.unit_id).where(
            checkouts.c.checkout_id.in_(sorted(checkout_ids))
        )
    )
    return {
        row.checkout_id: consent_of(row.analytics_consent, owner=row.unit_id, unit_id=unit_id)
        for row in rows
    }
