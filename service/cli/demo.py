"""`kassa demo`: everything at once, in a minute."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from service.cli.options import quiet_option
from service.demo import Demo
from service.settings import environment_with_dotenv
from service.traffic import Behaviour


@click.command(epilog="Example: kassa demo --visitors 2000 --seed 7 --no-serve")
@click.option("--visitors", default=2000, show_default=True, type=click.IntRange(20, 1_000_000))
@click.option("--seed", default=7, show_default=True, type=int, help="Decides every visitor.")
@click.option(
    "--lift",
    default=Behaviour.lift,
    show_default=True,
    type=click.FloatRange(-0.9, 0.8),
    help="The true relative lift of the one-page checkout.",
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--no-serve", is_flag=True, help="End after the report.")
@quiet_option
def demo(visitors: int, seed: int, lift: float, port: int, no_serve: bool, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Send simulated visitors through a real Kassa and print the lift report."""
    here = Path.cwd()
    Demo(
        directory=here / "var" / "demo",
        port=port,
        visitors=visitors,
        seed=seed,
        behaviour=Behaviour(lift=lift),
        console=Console(stderr=True, quiet=quiet),
    ).run(environment_with_dotenv(here), serve=not no_serve)
