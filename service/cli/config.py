"""`kassa config`: what is in force."""

from __future__ import annotations

import json

import click

from service.cli.options import format_option, quiet_option, settings_in_force


@click.command(epilog="Example: kassa config --format json")
@format_option("text", "json")
@quiet_option
def config(form: str, quiet: bool) -> None:  # noqa: ARG001, FBT001 - prints the result alone; click passes flags by name
    """Print the configuration in force, secrets hidden."""
    described = settings_in_force(make_secret=False).described()
    if form == "json":
        click.echo(json.dumps(described, indent=2))
        return
    width = max(map(len, described))
    for name, value in described.items():
        click.echo(f"{name:<{width}}  {value}")
