"""What each variant would have lost without reconciliation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, func, select

from analysis.outcome_loss import ALERT, Arrived, loss_p_value
from service.payments.ledger.receiving import RECONCILE
from service.reconciling.comparing import WATERMARK
from service.store.tables import checkouts, payments, stripe_events
from service.store.watermarks import reached

_SUCCEEDED = "payment_intent.succeeded"


@dataclass(frozen=True)
class Loss:
    """The outcomes of one experiment, by how they came.

    Attributes:
        arms: by variant, payments that succeeded and those no webhook told of.
        p_value: of the arms losing alike; None where that can't be asked.
    """

    experiment: str
    arms: dict[str, Arrived]
    p_value: float | None

    @property
    def alike(self) -> bool:
        """Whether nothing speaks against equal losses."""
        return self.p_value is None or self.p_value >= ALERT


def losses(connection: Connection) -> list[Loss]:
    """The loss of every experiment that has payments, previews left out."""
    by_webhook = exists().where(
        and_(
            stripe_events.c.payment_intent_id == payments.c.payment_intent_id,
            stripe_events.c.type == _SUCCEEDED,
            func.coalesce(stripe_events.c.source, "") != RECONCILE,
        )
    )
    rows = connection.execute(
        select(checkouts.c.experiment, checkouts.c.variant, by_webhook.label("came"), func.count())
        .join(payments, payments.c.checkout_id == checkouts.c.checkout_id)
        .where(
            payments.c.status == "succeeded",
            payments.c.mismatch.is_(False),
            checkouts.c.preview.is_(False),
            checkouts.c.experiment.is_not(None),
        )
        .group_by(checkouts.c.experiment, checkouts.c.variant, "came")
    )
    counted: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for experiment, variant, came, count in rows:
        counted[experiment][variant][0] += count
        counted[experiment][variant][1] += 0 if came else count
    return [
        _loss(key, {variant: Arrived(*both) for variant, both in sorted(arms.items())})
        for key, arms in sorted(counted.items())
    ]


def outcomes(connection: Connection, experiment: str) -> dict[str, Arrived] | None:
    """What came of one experiment's payments, by variant; None before the first reconciliation."""
    if reached(connection, WATERMARK) is None:
        return None
    return next((loss.arms for loss in losses(connection) if loss.experiment == experiment), {})


def _loss(experiment: str, arms: dict[str, Arrived]) -> Loss:
    return Loss(experiment, arms, loss_p_value(arms))
