"""`kassa test`: what the definitions promise of single units, tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from experiments.trials import Trial, run
from service.cli.options import format_option, quiet_option, settings_in_force


@click.command(epilog="Example: kassa test experiments/definitions")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option("text", "json")
@quiet_option
@click.pass_context
def test(ctx: click.Context, paths: tuple[Path, ...], form: str, quiet: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Run the assignment tests (<key>.test.yaml) in PATHS; without PATHS those in force.

    Exits with 1 when one fails, and with 2 when there is nothing to run.
    """
    asked = paths or (settings_in_force(make_secret=False).definitions,)
    trials = run(asked, now=datetime.now(UTC))
    if not trials:
        raise click.UsageError(f"there is no assignment test in {', '.join(map(str, asked))}")
    rendered = _RENDERINGS[form](trials)
    if rendered:
        click.echo(rendered)
    failed = sum(not trial.passed for trial in trials)
    if form == "text" and not quiet:
        click.echo(f"{len(trials) - failed} passed, {failed} failed", err=True)
    if failed:
        ctx.exit(1)


def _text(trials: Sequence[Trial]) -> str:
    return "\n".join(_said(trial) for trial in trials if not trial.passed)


def _said(trial: Trial) -> str:
    expect = trial.case.expect
    wanted = [expect.variant, *filter(None, (expect.reason, expect.cause))]
    return (
        f"{trial.file}:{trial.line}: {trial.case.name}\n"
        f"  expected  {', '.join(wanted)}\n"
        f"  got       {trial.got.variant.key}, {trial.got.reason}, {trial.why}"
    )


def _json(trials: Sequence[Trial]) -> str:
    failed = sum(not trial.passed for trial in trials)
    return json.dumps(
        {
            "schema": "kassa.test/1",
            "passed": len(trials) - failed,
            "failed": failed,
            "tests": [_document(trial) for trial in trials],
        },
        indent=2,
    )


def _document(trial: Trial) -> dict[str, Any]:
    expect, got = trial.case.expect, trial.got
    return {
        "file": trial.file,
        "line": trial.line,
        "experiment": trial.experiment,
        "name": trial.case.name,
        "passed": trial.passed,
        "unit": got.unit_id,
        "expected": {"variant": expect.variant, "reason": expect.reason, "cause": expect.cause},
        "got": {
            "variant": got.variant.key,
            "reason": got.reason,
            "cause": got.cause,
            "bucket": got.bucket,
            "why": trial.why,
        },
    }


_RENDERINGS: dict[str, Callable[[Sequence[Trial]], str]] = {"text": _text, "json": _json}
