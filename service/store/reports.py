"""Reports as they were made, so that what somebody acted on can be shown again."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from service.store.tables import reports


def keep_report(
    connection: Connection,
    experiment: str,
    *,
    generated_at: datetime,
    document: dict[str, Any],
    page: str,
) -> str:
    """Store a report, as JSON and as a page; returns its id."""
    report_id = f"rep_{secrets.token_urlsafe(16)}"
    connection.execute(
        reports.insert().values(
            report_id=report_id,
            experiment=experiment,
            generated_at=generated_at,
            document=document,
            page=page,
        )
    )
    return report_id


def latest_report(connection: Connection, experiment: str) -> str | None:
    """The page of an experiment's newest report, or None."""
    return connection.scalar(
        select(reports.c.page)
        .where(reports.c.experiment == experiment)
        .order_by(reports.c.generated_at.desc())
        .limit(1)
    )
