"""`kassa lint` and `kassa schema`: what the files say, and what they may."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import click

from experiments import (
    KINDS,
    Catalog,
    InvalidDefinition,
    Linted,
    Problem,
    examine,
    json_schema,
)
from experiments.catalog import Before
from service.checkout.flows import FLOWS
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.sarif import to_sarif
from service.history import definitions_at, in_work_tree


@click.command(epilog="Example: kassa lint experiments/definitions")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--against",
    metavar="REF",
    help="Git revision to compare running experiments with, or none.  "
    "[default: HEAD where there is one]",
)
@format_option("text", "json", "sarif")
@quiet_option
@click.pass_context
def lint(
    ctx: click.Context,
    paths: tuple[Path, ...],
    against: str | None,
    form: str,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Check definitions; without PATHS those in force.

    What git has of them is compared: a running experiment keeps its seed, variants and weights.
    Exits with 1 when there are errors, and with 2 when there was nothing to read.
    """
    with _history(against) as before:
        found = examine(paths, flows=FLOWS, before=before) if paths else _in_force(before)
    if not found.files and not found.problems:
        where = ", ".join(map(str, paths)) or "KASSA_DEFINITIONS"
        raise click.UsageError(f"there is no definition to read in {where}")
    rendered = _RENDERINGS[form](found.problems)
    if rendered:
        click.echo(rendered)
    if form == "text" and not quiet:
        click.echo(_said(found), err=True)
    if found.problems:
        ctx.exit(1)


@contextmanager
def _history(against: str | None) -> Iterator[Before]:
    """What a directory was at a revision, for as long as the context lasts.

    Raises:
        UnknownRevision: when asked about a directory that has no such revision.
    """
    with ExitStack() as versions:

        @cache
        def before(directory: Path) -> Path | None:
            if against == "none" or (against is None and not in_work_tree(directory)):
                return None
            return versions.enter_context(definitions_at(against or "HEAD", directory))

        yield before


def _in_force(before: Before) -> Linted:
    """What lint finds in the definitions in force, and whatever else would stop the start."""
    definitions = settings_in_force(make_secret=False).definitions
    found = examine((definitions,), flows=FLOWS, before=before)
    try:
        Catalog.load(definitions, flows=FLOWS)
    except InvalidDefinition as refused:
        return replace(found, problems=tuple(sorted({*found.problems, *refused.problems})))
    return found


_RENDERINGS: dict[str, Callable[[tuple[Problem, ...]], str]] = {
    "text": lambda problems: "\n".join(map(str, problems)),
    "json": lambda problems: json.dumps(
        {"schema": "kassa.lint/1", "problems": [asdict(each) for each in problems]}, indent=2
    ),
    "sarif": lambda problems: json.dumps(to_sarif(problems), indent=2),
}


def _said(found: Linted) -> str:
    counts = {
        "experiment": found.experiments,
        "metric": found.metrics,
        "offer": found.offers,
        "problem": len(found.problems),
    }
    *read, problems = [_counted(count, name) for name, count in counts.items()]
    return f"{', '.join(read)}: {problems if found.problems else 'no problems'}"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" + ("" if count == 1 else "s")


@click.command(epilog="Example: kassa schema experiment > experiment.schema.json")
@click.argument("kind", type=click.Choice(KINDS), default="experiment")
@format_option("json")
@quiet_option
def schema(kind: str, form: str, quiet: bool) -> None:  # noqa: ARG001, FBT001 - one form, printed alone; click passes flags by name
    """Print the JSON Schema of one KIND of definition file, for editors and other programs."""
    click.echo(json.dumps(json_schema(kind), indent=2))
