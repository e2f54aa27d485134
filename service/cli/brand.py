"""`kassa brand`: how visitors' pages look."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from experiments import InvalidDefinition, Problem
from service.branding.brand import Brand
from service.branding.palette import SCHEMES, Judged, Scheme
from service.branding.preview import to_html
from service.cli.options import format_option, quiet_option, settings_in_force

_file = click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group(epilog="Example: kassa brand check brand.yaml")
def brand() -> None:
    """How visitors' pages look: one file, checked before any page wears it."""


@brand.command(epilog="Example: kassa brand check brand.yaml --format json")
@_file
@format_option("text", "json")
@quiet_option
def check(file: Path | None, form: str, *, quiet: bool) -> None:
    """Check a brand FILE; without it the one in force.

    Prints the contrast of everything that is read on a page, in light and dark, as WCAG 2.2 AA
    measures it. Exits with 1 when there are errors, each with file, line, rule and mend.
    """
    try:
        found = Brand.read(_asked(file))
        problems, pairs = found.problems, {each: found.judged(each) for each in SCHEMES}
    except InvalidDefinition as refused:
        problems, pairs = refused.problems, {}
    if form == "json":
        click.echo(json.dumps(_document(problems, pairs), indent=2))
    else:
        click.echo("\n".join(map(str, problems) if problems else _table(pairs)))
    if problems:
        raise SystemExit(1)
    if form == "text" and not quiet:
        click.echo("every colour can be read, in light and dark", err=True)


@brand.command(epilog="Example: kassa brand preview brand.yaml --out brand.html")
@_file
@click.option(
    "--out",
    default="brand.html",
    show_default=True,
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where the page is written.",
)
@quiet_option
def preview(file: Path | None, out: Path, *, quiet: bool) -> None:
    """Write a page that shows a brand FILE; without it the one in force.

    One file that fetches nothing and runs nothing: fields, buttons, errors, notices, the order and
    the receipt, in light and dark, with the contrast of each pair. What can't be read is shown all
    the same, and then the exit code is 1.
    """
    asked = _asked(file)
    found = Brand.read(asked)
    merchant = settings_in_force(make_secret=False).merchant
    try:
        out.write_text(to_html(found, merchant), encoding="utf-8")
    except OSError as exc:
        raise click.UsageError(f"{out} can't be written: {exc.strerror}") from exc
    if not quiet:
        click.echo(f"{asked} is shown in {out}", err=True)
    if found.problems:
        click.echo("\n".join(map(str, found.problems)))
        raise SystemExit(1)


def _asked(file: Path | None) -> Path:
    asked = file or settings_in_force(make_secret=False).brand
    if asked is None:
        raise click.UsageError("name a FILE, or set KASSA_BRAND")
    return asked


def _table(pairs: dict[Scheme, list[Judged]]) -> list[str]:
    return [
        f"{scheme:<5}  {each.told:>7}  needs {each.pair.needed:>3g}  "
        f"{each.pair.token} on {each.pair.ground}: {each.pair.use}"
        for scheme, judged in pairs.items()
        for each in judged
    ]


def _document(problems: tuple[Problem, ...], pairs: dict[Scheme, list[Judged]]) -> dict[str, Any]:
    return {
        "schema": "kassa.brand/1",
        "problems": [asdict(each) for each in problems],
        "pairs": [
            {"scheme": scheme, **asdict(each.pair), "ratio": each.ratio, "passes": each.passes}
            for scheme, judged in pairs.items()
            for each in judged
        ],
    }
