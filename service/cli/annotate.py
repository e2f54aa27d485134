"""`kassa annotate`: what people know of a period, such as that Adaptive Acceptance was on."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

import click

from service.cli.options import quiet_option, settings_in_force
from service.cli.stores import store_at
from service.errors import Refused
from service.store.tables import period_annotations

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog='Example: kassa annotate adaptive_acceptance --from 2026-11-01 --note "switched on"'
)
@click.argument("kind")
@click.option("--from", "begin", type=_DAY, required=True, help="The first day, UTC.")
@click.option("--to", "end", type=_DAY, help="The last day; without it, until further notice.")
@click.option("--note", required=True, help="What was done.")
@click.option("--value", default="{}", help="A JSON object, such as an uplift Stripe reported.")
@quiet_option
def annotate(
    kind: str, begin: datetime, end: datetime | None, note: str, value: str, *, quiet: bool
) -> None:
    """Note a period for `kassa query acceptance-annotations` and the like.

    Stripe tells of no single charge whether Adaptive Acceptance approved it: only periods can be
    compared.
    """
    document = _object(value)
    if end is not None and end < begin:
        raise Refused("--to: the last day is before the first")
    with store_at(settings_in_force(make_secret=False).database_url) as store:
        annotation_id = f"an_{secrets.token_urlsafe(12)}"
        with store.write() as connection:
            connection.execute(
                period_annotations.insert().values(
                    annotation_id=annotation_id,
                    kind=kind,
                    starts_at=begin.replace(tzinfo=UTC),
                    ends_at=end and end.replace(tzinfo=UTC),
                    value=document,
                    note=note,
                    created_at=datetime.now(UTC),
                )
            )
    if not quiet:
        click.echo(annotation_id)


def _object(value: str) -> dict[str, object]:
    try:
        document = json.loads(value)
    except ValueError as exc:
        raise Refused(f"--value: no JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise Refused("--value: must be a JSON object")
    return document
