"""How long a second is on this machine: limits in seconds are meant for a usual one."""

from __future__ import annotations

import time
from functools import cache

# What the loop below takes where the limits were set; machines of half that speed are about.
_USUAL = 0.025
_TURNS = 1_000_000


@cache
def second() -> float:
    """A second of a usual machine, in seconds of this one's processor; at least one."""
    return max(1.0, min(_measured() for _ in range(5)) / _USUAL)


def _measured() -> float:
    begun, total = time.process_time(), 0
    for turn in range(_TURNS):
        total += turn
    return time.process_time() - begun
