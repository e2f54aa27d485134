"""Scripted faults: what goes wrong with the next API requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Self

from service.payments.simulator.errors import InvalidParameterError
from service.payments.simulator.wire import Json

BEFORE = frozenset({"hang", "drop", "status"})
AFTER = frozenset({"hang_after", "drop_after", "status_after"})
_KINDS: dict[str, type | tuple[type, ...]] = {
    "do": str,
    "status": int,
    "path": str,
    "times": int,
    "seconds": (int, float),
    "stored": bool,
}
_STATUSES = frozenset({409, 429, 500, 502, 503})


@dataclass(frozen=True)
class Fault:
    """One thing going wrong, ``times`` times.

    Attributes:
        do: ``drop`` cuts the connection instead of working, ``drop_after`` once the work is done;
            ``hang`` and ``hang_after`` keep silent first; ``status`` answers an error, and
            ``status_after`` once the work is done.
        status: of an answered error: 409, 429, 500, 502 or 503.
        path: only requests whose path starts so.
        times: how many requests, at least 1.
        seconds: how long to keep silent.
        stored: of an answered error: whether the idempotency key remembers the error.
    """

    do: str
    status: int = 500
    path: str = "/v1/"
    times: int = 1
    seconds: float = 120.0
    stored: bool = False

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read one entry of the script.

        Raises:
            InvalidParameterError: unknown members or values.
        """
        if not isinstance(given, dict) or given.keys() - _KINDS.keys():
            raise InvalidParameterError(f"A fault is an object of {', '.join(_KINDS)}.")
        if not all(isinstance(value, _KINDS[name]) for name, value in given.items()):
            raise InvalidParameterError("A member of the fault is of the wrong type.")
        fault = replace(cls(do=""), **given)
        if fault.do not in BEFORE | AFTER or fault.status not in _STATUSES:
            raise InvalidParameterError(
                f"do is one of {', '.join(sorted(BEFORE | AFTER))}; status one of "
                f"{', '.join(map(str, sorted(_STATUSES)))}."
            )
        if fault.times < 1 or not 0 <= fault.seconds <= 600:
            raise InvalidParameterError("times is at least 1, seconds from 0 to 600.")
        return fault


class Faults:
    """The script, consumed in order by the requests its paths match."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[Fault] = []

    def script(self, given: object) -> Json:
        """Replace the script; an empty list clears it.

        Raises:
            InvalidParameterError: not a list of faults.
        """
        if not isinstance(given, list):
            raise InvalidParameterError("A script is a list of faults.")
        script = [Fault.parse(entry) for entry in given]
        with self._lock:
            self._script = script
        return {"scripted": len(script)}

    def take(self, path: str) -> Fault | None:
        """The first fault meant for this path, used up once."""
        with self._lock:
            for index, fault in enumerate(self._script):
                if path.startswith(fault.path):
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._script[index : index + 1] = left
                    return fault
        return None
