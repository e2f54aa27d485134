"""How a report leaves the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from analysis.render import to_csv, to_html, to_json, to_markdown, to_notebook, to_text
from analysis.report import Report

# Each is given the command that makes the report again.
RENDERINGS: dict[str, Callable[[Report, str], str]] = {
    "text": lambda report, _: to_text(report),
    "json": lambda report, _: json.dumps(to_json(report), indent=2, allow_nan=False),
    "html": lambda report, command: to_html(report, rerun=command),
    "markdown": lambda report, _: to_markdown(report),
    "csv": lambda report, _: to_csv(report),
    "notebook": lambda report, command: to_notebook(report, rerun=command),
}


def put(rendered: str, output: Path | None, *, quiet: bool) -> None:
    """Print a rendered report alone on stdout, or write it to a file.

    Raises:
        click.UsageError: the file can't be written.
    """
    text = rendered.rstrip("\n") + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise click.UsageError(f"--output {output} can't be written: {exc.strerror}") from exc
    if not quiet:
        click.echo(f"written to {output}", err=True)
