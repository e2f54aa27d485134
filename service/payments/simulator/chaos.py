"""What may go wrong with webhooks on their way, and when a refused one is tried again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from service.payments.simulator.errors import InvalidParameterError

RETRY_FOR_SECONDS = 3 * 24 * 3600.0
# A sandbox of Stripe's tries three times more, in the course of a few hours.
_SANDBOX = (300.0, 1800.0, 7200.0)
_SCHEDULES = ("quick", "sandbox")
_MOST_COPIES = 100


@dataclass(frozen=True)
class Chaos:
    """What may go wrong on the way.

    Attributes:
        duplicate: how many more times each event is sent.
        shuffle: whether waiting events go out in random order.
        hold: whether nothing goes out.
        lose: the share of events that never arrive, from 0 to 1.
        schedule: when a refused event is tried again: ``quick`` for tests that wait, or
            ``sandbox`` as a sandbox of Stripe's does it.
    """

    duplicate: int = 0
    shuffle: bool = False
    hold: bool = False
    lose: float = 0.0
    schedule: str = "quick"

    def changed(self, given: object) -> Chaos:
        """With other members; those left out stay as they are, ``release`` ends ``hold``.

        Raises:
            InvalidParameterError: unknown members or values.
        """
        known: dict[str, type | tuple[type, ...]] = {
            "duplicate": int,
            "shuffle": bool,
            "hold": bool,
            "release": bool,
            "lose": (int, float),
            "schedule": str,
        }
        if not isinstance(given, dict) or not all(
            name in known and isinstance(value, known[name]) for name, value in given.items()
        ):
            raise InvalidParameterError(f"Webhook chaos is an object of {', '.join(known)}.")
        changes = {name: value for name, value in given.items() if name != "release"}
        if given.get("release"):
            changes["hold"] = False
        changed = replace(self, **changes)
        if not 0 <= changed.duplicate <= _MOST_COPIES:
            raise InvalidParameterError(f"duplicate is from 0 to {_MOST_COPIES}.")
        if not 0 <= changed.lose <= 1:
            raise InvalidParameterError("lose is a share, from 0 to 1.")
        if changed.schedule not in _SCHEDULES:
            raise InvalidParameterError(f"schedule is one of {', '.join(_SCHEDULES)}.")
        return changed

    def loses(self, event: str) -> bool:
        """Whether an event never arrives, however often that is asked."""
        drawn = int.from_bytes(hashlib.sha256(event.encode()).digest()[:6])
        return drawn < self.lose * 2**48

    def pause(self, attempts: int, waited: float) -> float | None:
        """Seconds until the next try, or None to give up.

        Args:
            attempts: how many tries failed.
            waited: seconds since the event.
        """
        if self.schedule == "sandbox":
            return _SANDBOX[attempts - 1] if attempts <= len(_SANDBOX) else None
        return None if waited > RETRY_FOR_SECONDS else quick_pause(attempts)


def quick_pause(attempts: int) -> float:
    """Seconds until the next try after this many failed ones: doubling, half a minute at most."""
    return float(min(30.0, 0.25 * 2 ** min(attempts - 1, 10)))
