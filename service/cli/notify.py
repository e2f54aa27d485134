"""`kassa notify`: send the notices that wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import store_at
from service.notices.postman import Postman


@click.command(epilog="Example: kassa notify")
@format_option("text", "json")
@quiet_option
@click.pass_context
def notify(ctx: click.Context, form: str, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Send every notice to a customer that is due now; `kassa serve` does it by itself.

    Exits with 1 when some were not taken by the mail server.
    """
    settings = settings_in_force(make_secret=False)
    if settings.mail is None:
        raise click.UsageError("KASSA_SMTP_URL is not set: there is no mail server to send with")
    with store_at(settings.database_url) as store:
        postman = Postman(
            store,
            settings.mail,
            settings.merchant,
            lambda: datetime.now(UTC),
            simulated=settings.simulated,
        )
        done = postman.deliver()
    if form == "json":
        click.echo(json.dumps(vars(done)))
    elif not quiet:
        click.echo(f"{done.sent} sent, {done.postponed} to be tried again, {done.failed} refused")
    ctx.exit(1 if done.failed or done.postponed else 0)
