"""`kassa serve`: the production server."""

from __future__ import annotations

import click

from service.cli.options import quiet_option, settings_in_force
from service.server import check_address, opened, run


@click.command(epilog="Example: kassa serve --port 8000 --workers 4")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 128))
@quiet_option
def serve(host: str, port: int, workers: int, threads: int, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Run the service until it is stopped; requests under way are finished first."""
    settings = settings_in_force()
    check_address(host, port)
    with opened(settings, port=port) as kassa:
        if settings.simulated:
            click.echo("SIMULATED: no Stripe keys are set, no real money moves.", err=True)
        run(kassa, host=host, port=port, workers=workers, threads=threads, quiet=quiet)
