"""`kassa analyze`: the lift report over anyone's file."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from analysis.analyze import analyze as judge
from analysis.inference.adjustment import Adjustment
from analysis.observations import Observations
from analysis.report import PlanLock
from analysis.wording import plural
from experiments.metrics import Kind
from service.cli.options import format_option, quiet_option
from service.cli.rendering import RENDERINGS, put
from service.files import (
    COPY,
    MOST_SEGMENTS,
    Agreement,
    FileLayout,
    MetricColumn,
    read_experiment,
)


class _Remembering(click.Command):
    """Keeps the words it was called with, so that a report can say how to make it again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["words"] = tuple(args)
        return super().parse_args(ctx, args)


def _split(option: str, text: str, mark: str, example: str) -> tuple[str, str]:
    left, found, right = text.partition(mark)
    if not (left and found and right):
        raise click.BadParameter(f"{text!r} must look like {example}", param_hint=option)
    return left, right


def _metric(text: str) -> MetricColumn:
    name, rest = _split("--metric", text, "=", "NAME=COL[:proportion|mean|ratio/COL2]")
    column, mark, kind = rest.rpartition(":")
    if not mark:
        return MetricColumn(name, rest)
    base = kind.removeprefix("ratio/")
    if kind.startswith("ratio/") and base and column:
        return MetricColumn(name, column, Kind.RATIO, base)
    if column and kind in (Kind.PROPORTION, Kind.MEAN):
        return MetricColumn(name, column, Kind(kind))
    raise click.BadParameter(
        f"{text!r}: after the last colon must stand proportion, mean or ratio/COL2",
        param_hint="--metric",
    )


def _agreement(text: str) -> Agreement:
    column, pairs = _split("--agree", text, "=", "COL=A:x,B:y")
    values = [_split("--agree", pair, ":", "COL=A:x,B:y") for pair in pairs.split(",")]
    if len(dict(values)) < len(values):
        raise click.BadParameter(f"{text!r} names a variant twice", param_hint="--agree")
    return Agreement(column, dict(values))


def _share(text: str) -> tuple[str, float]:
    name, weight = _split("--share", text, "=", "NAME=WEIGHT")
    try:
        number = float(weight)
    except ValueError as exc:
        raise click.BadParameter(
            f"{text!r}: {weight!r} is no number", param_hint="--share"
        ) from exc
    if not (math.isfinite(number) and number > 0):
        raise click.BadParameter(f"{text!r}: a weight must be above 0", param_hint="--share")
    return name, number


def _adjusted(metric: MetricColumn, text: str | None) -> MetricColumn:
    """The same with its covariate, unless it is a ratio."""
    if text is None or metric.kind is Kind.RATIO:
        return metric
    column, mark, method = text.rpartition(":")
    if mark and method in set(Adjustment):
        return replace(metric, covariate=column, adjustment=Adjustment(method))
    return replace(metric, covariate=text)


def _layout(options: dict[str, Any]) -> FileLayout:
    covariate = options["covariate"]
    metrics = tuple(_adjusted(_metric(text), covariate) for text in options["metrics"])
    if covariate is not None and all(metric.kind is Kind.RATIO for metric in metrics):
        raise click.BadParameter("a ratio cannot be adjusted", param_hint="--covariate")
    if len({metric.name for metric in metrics}) < len(metrics):
        raise click.BadParameter("two metrics have one name", param_hint="--metric")
    shares = [_share(text) for text in options["shares"]]
    if len(dict(shares)) < len(shares):
        raise click.BadParameter("a variant has two shares", param_hint="--share")
    if len(set(options["segments"])) < len(options["segments"]):
        raise click.BadParameter("a column is there twice", param_hint="--segment")
    if len(options["segments"]) > MOST_SEGMENTS:
        raise click.BadParameter(f"at most {MOST_SEGMENTS} columns", param_hint="--segment")
    return FileLayout(
        unit=options["unit"],
        variant=options["variant"],
        control=options["control"],
        metrics=metrics,
        where=tuple(_split("--where", text, "=", "COL=VALUE") for text in options["where"]),
        agree=tuple(_agreement(text) for text in options["agree"]),
        time=options["time"],
        segments=options["segments"],
        shares=dict(shares),
        alpha=options["alpha"],
        planned_units=options["planned_units"],
    )


def _said(paths: tuple[Path, ...], layout: FileLayout, seen: Observations) -> str:
    """What was compared, left out and merged; each row of the file is in one of the three."""
    whole = [exclusion for exclusion in seen.exclusions if exclusion.metric is None]
    parts = [
        f"{', '.join(map(str, paths))}: compared {plural(sum(seen.units.values()), 'unit')}",
        f"left out {plural(sum(exclusion.rows for exclusion in whole), 'row')}{_torn(seen)}",
    ]
    parts += [
        f"{plural(e.rows, 'row')} without a value left out of metric {e.metric} alone"
        for e in seen.exclusions
        if e.metric is not None
    ]
    merged = seen.duplicate_rows - sum(e.rows for e in whole if e.reason == COPY)
    if merged:
        how = " and ".join(dict.fromkeys(_MERGED[metric.kind] for metric in layout.metrics))
        parts.append(f"merged {plural(merged, 'further row')} of the same unit: {how}")
    undated = sum(seen.units.values()) - sum(sum(day.units.values()) for day in seen.days.values())
    if layout.time is not None and undated:
        parts.append(f"{plural(undated, 'unit')} without a time in no day")
    return "; ".join(parts)


_MERGED = {
    Kind.PROPORTION: "any for a proportion",
    Kind.MEAN: "summed for a mean",
    Kind.RATIO: "summed for a ratio",
}


def _torn(seen: Observations) -> str:
    units = seen.contradictory_units
    return f", among them all of {plural(units, 'unit')} seen in several variants" if units else ""


_NO_PLAN = PlanLock.absent("a file has no plan that was locked before its numbers came")

_EXAMPLE = """\b
Example: kassa analyze ab_data.csv --unit user_id --variant group
         --control control --metric converted=converted --format json"""


@click.command(cls=_Remembering, epilog=_EXAMPLE)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--unit", required=True, metavar="COL", help="Column of the unit, e.g. the user.")
@click.option("--variant", required=True, metavar="COL", help="Column of the variant.")
@click.option("--control", required=True, metavar="NAME", help="Variant to compare with.")
@click.option(
    "--metric",
    "metrics",
    required=True,
    multiple=True,
    metavar="NAME=COL[:KIND]",
    help="KIND is proportion (default), mean or ratio/COL2; the first metric is primary.",
)
@click.option("--where", multiple=True, metavar="COL=VALUE", help="Keep only such rows.")
@click.option(
    "--agree", multiple=True, metavar="COL=A:x,B:y", help="Leave out rows that contradict this."
)
@click.option(
    "--time",
    metavar="COL",
    help="Column of a day or time (UTC): the first of a unit's rows gives its day.",
)
@click.option(
    "--segment",
    "segments",
    multiple=True,
    metavar="COL",
    help=f"Count units apart by this column, at most {MOST_SEGMENTS} of them.",
)
@click.option(
    "--covariate",
    metavar="COL[:METHOD]",
    help="What was known of a unit before; proportions and means are adjusted, by lin or cuped.",
)
@click.option(
    "--share", "shares", multiple=True, metavar="NAME=WEIGHT", help="Designed split; else equal."
)
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Two-sided chance of a false alarm.",
)
@click.option(
    "--planned-units",
    type=click.IntRange(min=2),
    metavar="N",
    help="Units planned over all variants; else the file is read as the end.",
)
@format_option(*RENDERINGS)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@quiet_option
def analyze(files: tuple[Path, ...], form: str, **options: Any) -> None:
    """Print the lift report of any CSV or Parquet FILE, one row a unit or many.

    Several files with the same columns are one. Units seen in several variants are left out. Rows
    of one unit are merged: any for a proportion, summed for a mean or ratio, which leave out exact
    copies of a row. All are counted.
    """
    layout, output = _layout(options), options["output"]
    plan, observations = read_experiment(files, layout)
    now = datetime.now(UTC)
    report = judge(plan, observations, as_of=now, generated_at=now, lock=_NO_PLAN)
    words = click.get_current_context().meta["words"]
    command = shlex.join(["kassa", "analyze", *words])
    if not options["quiet"]:
        click.echo(_said(files, layout, observations), err=True)
    put(RENDERINGS[form](report, command), output, quiet=options["quiet"])
