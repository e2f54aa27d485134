"""`kassa lint` and `kassa assign`: the growth team's commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from experiments import Catalog
from experiments import assign as assigned
from experiments.catalog import lint as problems_in
from service.checkout.flows import FLOWS
from service.cli.options import format_option, settings_in_force


@click.command(epilog="Example: kassa lint experiments/definitions")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option("text", "json")
@click.pass_context
def lint(ctx: click.Context, paths: tuple[Path, ...], form: str) -> None:
    """Check definitions; without PATHS those in force.

    Exits with 1 when there are errors.
    """
    problems = problems_in(paths or (settings_in_force().definitions,), flows=FLOWS)
    if form == "json":
        click.echo(json.dumps({"problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        for problem in problems:
            click.echo(str(problem))
        click.echo(f"{len(problems)} problem(s)" if problems else "no problems", err=True)
    if problems:
        ctx.exit(1)


@click.command(epilog="Example: kassa assign one-page-checkout --unit visitor-1")
@click.argument("experiment")
@click.option("--unit", required=True, help="The visitor's id.")
def assign(experiment: str, unit: str) -> None:
    """Print which variant a unit gets, as JSON, and why."""
    catalog = Catalog.load(settings_in_force().definitions)
    if not unit:
        raise click.BadParameter("must not be empty", param_hint="--unit")
    found = assigned(catalog.experiment(experiment), unit, now=datetime.now(UTC))
    click.echo(
        json.dumps(
            {
                "experiment": found.experiment,
                "unit": found.unit_id,
                "variant": found.variant.key,
                "reason": found.reason.value,
                "bucket": found.bucket,
            }
        )
    )
