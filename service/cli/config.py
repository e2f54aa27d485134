"""`kassa config`: what is in force."""

from __future__ import annotations

import json

import click

from service.cli.options import format_option, settings_in_force


@click.command(epilog="Example: kassa config --format json")
@format_option("text", "json")
def config(form: str) -> None:
    """Print the configuration in force, secrets hidden."""
    described = settings_in_force().described()
    if form == "json":
        click.echo(json.dumps(described, indent=2))
        return
    width = max(map(len, described))
    for name, value in described.items():
        click.echo(f"{name:<{width}}  {value}")
