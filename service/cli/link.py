"""`kassa link`: a tester's signed link."""

from __future__ import annotations

import click

from experiments import Catalog
from service.cli.options import quiet_option, settings_in_force
from service.web.signing import Signing


@click.command(epilog="Example: kassa link one-page-checkout qa-team")
@click.argument("experiment")
@click.argument("override")
@quiet_option
def link(experiment: str, override: str, quiet: bool) -> None:  # noqa: ARG001, FBT001 - prints the result alone; click passes flags by name
    """Print the signed link of an OVERRIDE of EXPERIMENT.

    A browser that opens it is shown the override's variant from then on, and is never analysed.
    /qa/off ends it.
    """
    settings = settings_in_force()
    found = Catalog.load(settings.definitions).experiment(experiment)
    if override not in {each.name for each in found.overrides}:
        known = ", ".join(each.name for each in found.overrides) or "none"
        raise click.UsageError(
            f"{experiment} has no override {override!r}; its overrides are: {known}"
        )
    token = Signing(settings.secret_keys).override_token(experiment, override)
    click.echo(f"{settings.public_url or ''}/qa/{token}")
