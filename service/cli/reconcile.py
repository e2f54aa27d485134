"""`kassa reconcile`: the ledger against Stripe's own lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import store_at
from service.reconciling.comparing import Reconciled
from service.reconciling.comparing import reconcile as compared
from service.reconciling.loss import Loss, losses
from service.server import reading_gateway


@click.command(epilog="Example: kassa reconcile --since 2026-11-01")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="UTC; by default where the last run ended, at most 30 days back.",
)
@format_option("text", "json")
@quiet_option
@click.pass_context
def reconcile(ctx: click.Context, since: datetime | None, form: str, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Compare the ledger with Stripe, fetch what webhooks never brought, and say whose it was.

    Exits with 1 when the variants of an experiment lose webhooks differently: then its report
    misled until now.
    """
    settings = settings_in_force(make_secret=False)
    begin = since.replace(tzinfo=UTC) if since else None
    with store_at(settings.database_url) as store, reading_gateway(settings) as books:
        run = compared(
            store,
            books,
            now=datetime.now(UTC),
            since=begin,
            told=lambda what: None if quiet else click.echo(f"comparing {what} …", err=True),
        )
        with store.read() as connection:
            lost = losses(connection)
    click.echo(json.dumps(_document(run, lost)) if form == "json" else _told(run, lost))
    ctx.exit(0 if all(each.alike for each in lost) else 1)


def _document(run: Reconciled, lost: Sequence[Loss]) -> dict[str, Any]:
    return {
        "since": _stamp(run.since),
        "until": _stamp(run.until),
        "events": run.events,
        "missed": dict(run.missed),
        "objects": dict(run.objects),
        "differed": dict(run.differed),
        "experiments": [
            {
                "experiment": each.experiment,
                "variants": {
                    key: {"payments": arm.outcomes, "lost": arm.lost}
                    for key, arm in each.arms.items()
                },
                "p_value": each.p_value,
                "ok": each.alike,
            }
            for each in lost
        ],
    }


def _told(run: Reconciled, lost: Sequence[Loss]) -> str:
    missed, differed = sum(run.missed.values()), sum(run.differed.values())
    objects = sum(run.objects.values())
    seen = f"{run.events:,} events and {objects:,} objects at Stripe"
    lines = [
        f"{_stamp(run.since)} to {_stamp(run.until)}: {seen}",
        f"webhooks that never came: {missed:,}" + _counts(run.missed),
        f"objects the ledger had otherwise: {differed:,}" + _counts(run.differed),
    ]
    for each in lost:
        lines.append(f"\n{each.experiment}: payments that no webhook told of")
        lines += [
            f"  {key}: {arm.lost:,} of {arm.outcomes:,} ({_share(arm.lost, arm.outcomes)})"
            for key, arm in each.arms.items()
        ]
        lines.append(f"  {_verdict(each)}")
    return "\n".join(lines)


def _verdict(each: Loss) -> str:
    if each.p_value is None:
        return "nothing to compare: nothing, or everything, was lost"
    if each.alike:
        return f"the variants lose alike (p = {each.p_value:.3g})"
    return f"THE VARIANTS LOSE DIFFERENTLY (p = {each.p_value:.3g}): the report misled until now"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "none"


def _counts(counted: Any) -> str:
    return (
        " (" + ", ".join(f"{name} {count:,}" for name, count in sorted(counted.items())) + ")"
        if counted
        else ""
    )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
