"""Whether a report still stands: read, made again from the store, compared number by number."""

from service.recomputing.again import Basis, Verified, verify
from service.recomputing.comparing import Compared, Difference
from service.recomputing.reported import InvalidReport, Reported, read_reported

__all__ = [
    "Basis",
    "Compared",
    "Difference",
    "InvalidReport",
    "Reported",
    "Verified",
    "read_reported",
    "verify",
]
