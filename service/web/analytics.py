"""Whether the behaviour of a request's visitor is recorded.

What a payment itself needs, the assignment and the ledger's facts, is no matter of this.
"""

from __future__ import annotations

from flask import request

from service.settings import Analytics
from service.web.context import services

# Global Privacy Control, and Do Not Track before it: either is a visitor's no.
_REFUSALS = ("Sec-GPC", "DNT")


def recorded(consent: bool | None) -> bool:  # noqa: FBT001 - an answer, not a mode
    """Whether behaviour may be recorded, by the setting, the browser and the merchant's word.

    Args:
        consent: what the merchant says of the visitor's consent; None where nothing.
    """
    mode = services().settings.analytics
    if mode is Analytics.NEVER or consent is False:
        return False
    if mode is Analytics.ALWAYS:
        return True
    refused = any(request.headers.get(name, "").strip() == "1" for name in _REFUSALS)
    return not refused and (mode is Analytics.UNLESS_REFUSED or consent is True)
