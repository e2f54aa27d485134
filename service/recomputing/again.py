"""A report made again from the store, by the definitions that it was made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from analysis.render import to_json
from experiments import Catalog, InvalidDefinition
from service.definitions import restored
from service.recomputing.comparing import Compared, Difference, compare
from service.recomputing.reported import Reported
from service.reporting import make_report
from service.store.session import Store
from service.store.snapshots import snapshot_of, taken_at


class Basis(StrEnum):
    """Whose definitions a report was made again by."""

    REPORTS_OWN = "the report's own definitions"
    UNNAMED = "the definitions in force; the report does not name its own"
    NOT_STORED = "the definitions in force; the report's own were never taken up by this store"
    NO_LONGER_VALID = "the definitions in force; the report's own do not hold in this version"


@dataclass(frozen=True)
class Verified:
    """What became of a report.

    Attributes:
        reported: the report as it was made.
        basis: whose definitions it was made again by.
        definitions: their version.
        compared: each of its values beside that of now.
        late: keys of metrics that read the ledger, which tells what stands and not since when:
            what was refunded or disputed later moves them.
    """

    reported: Reported
    basis: Basis
    definitions: str
    compared: Compared
    late: frozenset[str]

    @property
    def stands(self) -> bool:
        """Whether every value is what it was."""
        return not self.compared.differences

    def remark(self, difference: Difference) -> str | None:
        """Why a value may have moved though nothing is wrong; None where it can't."""
        if difference.metric in self.late:
            return f"{difference.metric} {_LATE}"
        return next((words for path, words in _MOVING if difference.path.startswith(path)), None)


_LATE = (
    "reads the ledger, which tells what stands and not since when: a refund or dispute that was "
    "learnt later moves it"
)
_MOVING = (
    ("$.journeys", f"payments and declines: this {_LATE}"),
    ("$.checks.outcome_loss", "lost outcomes are as the last `kassa reconcile` found them"),
)


def verify(store: Store, in_force: Catalog, reported: Reported, *, now: datetime) -> Verified:
    """Make a report again, as of its own time, and compare every value.

    Args:
        store: what it was made from.
        in_force: the definitions of now, used where the report's own are not there.
        reported: the report.
        now: time of this call, in UTC.

    Raises:
        UnknownExperiment: the definitions have no such experiment.
        StoreUnavailable: the database does not answer.
    """
    catalog, basis = _definitions(store, in_force, reported.definitions)
    made = make_report(store, catalog, reported.experiment, as_of=reported.as_of, now=now)
    return Verified(
        reported=reported,
        basis=basis,
        definitions=catalog.version,
        compared=compare(reported.document, cast("Mapping[str, Any]", to_json(made))),
        late=frozenset(k for k, metric in catalog.metrics.items() if metric.ledger is not None),
    )


def _definitions(store: Store, in_force: Catalog, version: str | None) -> tuple[Catalog, Basis]:
    if version is None:
        return in_force, Basis.UNNAMED
    if version == in_force.version:
        return in_force, Basis.REPORTS_OWN
    with store.read() as connection:
        found = snapshot_of(connection, version) if taken_at(connection, version) else None
    if found is None:
        return in_force, Basis.NOT_STORED
    try:
        return restored(found), Basis.REPORTS_OWN
    except InvalidDefinition:
        return in_force, Basis.NO_LONGER_VALID
