"""Reports as they were made, so that what somebody acted on can be shown again."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, select

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
    page: str | None = connection.scalar(_latest(reports.c.page, experiment))
    return page


def latest_document(connection: Connection, experiment: str) -> dict[str, Any] | None:
    """An experiment's newest report as JSON, or None."""
    document: dict[str, Any] | None = connection.scalar(_latest(reports.c.document, experiment))
    return document


def _latest(column: Column[Any], experiment: str) -> Select[Any]:
    return (
        select(column)
        .where(reports.c.experiment == experiment)
        .order_by(reports.c.generated_at.desc())
        .limit(1)
    )
