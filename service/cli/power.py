"""`kassa power`: how many visitors a lift needs, and what lift a number of visitors shows."""

from __future__ import annotations

import json
import math

import click

from service.cli.options import format_option, quiet_option

_OPEN = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(epilog="Example: kassa power --baseline 0.05 --lift 0.031 --daily-visitors 9000")
@click.option("--baseline", required=True, type=_OPEN, help="Control's conversion rate.")
@click.option("--lift", type=float, help="The relative lift to detect, e.g. 0.031.")
@click.option("--visitors", type=click.IntRange(4), help="In all; prints the lift they show.")
@click.option("--daily-visitors", type=click.IntRange(1), help="Also print how many days.")
@click.option("--alpha", default=0.05, show_default=True, type=_OPEN, help="Two-sided.")
@click.option("--power", "chance", default=0.8, show_default=True, type=_OPEN)
@format_option("text", "json")
@quiet_option
def power(
    baseline: float,
    lift: float | None,
    visitors: int | None,
    daily_visitors: int | None,
    alpha: float,
    chance: float,
    form: str,
    quiet: bool,  # noqa: ARG001, FBT001 - prints the result alone; click passes flags by name
) -> None:
    """Plan a test of two equal variants, read once at its end."""
    from analysis.power import (  # noqa: PLC0415 - statsmodels takes seconds to load
        detectable_lift,
        sample_size,
    )

    if (lift is None) == (visitors is None):
        raise click.UsageError("give --lift or --visitors, one of the two")
    if visitors is None and lift is not None:
        per_variant = sample_size(baseline, lift, alpha=alpha, power=chance)
    else:
        per_variant = (visitors or 0) // 2
        lift = detectable_lift(baseline, per_variant, alpha=alpha, power=chance)
    plan: dict[str, float | int] = {
        "baseline": baseline,
        "lift": lift or 0.0,
        "alpha": alpha,
        "power": chance,
        "units_per_variant": per_variant,
        "units": 2 * per_variant,
    }
    if daily_visitors is not None:
        plan["days"] = math.ceil(2 * per_variant / daily_visitors)
    click.echo(
        json.dumps({"schema": "kassa.power/1", **plan}, indent=2) if form == "json" else _said(plan)
    )


def _said(plan: dict[str, float | int]) -> str:
    days = f", {plan['days']} days" if "days" in plan else ""
    return (
        f"{plan['units']:,} visitors ({plan['units_per_variant']:,} in each variant{days}) show a "
        f"lift of {plan['lift']:+.2%} over {plan['baseline']:.2%} with {plan['power']:.0%} power."
    )
