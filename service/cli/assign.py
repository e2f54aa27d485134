"""`kassa assign`: which variant a unit gets, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import click

from experiments import Catalog, Switch
from experiments import assign as assigned
from experiments.attributes import AttributeType, Scalar
from experiments.notation import nearest
from service.cli.options import format_option, quiet_option, settings_in_force
from service.cli.stores import check_store_exists, store_at
from service.errors import Unavailable
from service.operation import switched


def _attributes(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for value, (name, mark, _) in zip(values, pairs, strict=True):
        if not (name.strip() and mark):
            raise click.BadParameter(f"{value!r} must look like country=SE")
    return {name: given for name, _, given in pairs}


def _typed(catalog: Catalog, name: str, text: str) -> Scalar:
    """The value of an attribute, by its declared type."""
    attribute = catalog.attributes.get(name)
    if attribute is None:
        near = nearest(name, catalog.attributes) or ", ".join(catalog.attributes)
        raise click.BadParameter(
            f"there is no attribute {name!r}; perhaps {near}", param_hint="--attribute"
        )
    try:
        value = _READ[attribute.type](text)
    except (KeyError, ValueError):
        value = text
    if fault := attribute.fault(value):
        raise click.BadParameter(f"{name}={text}: {fault}", param_hint="--attribute")
    return value


def _switches(url: str) -> Mapping[str, Switch]:
    """What operators have switched; nothing where there is no store yet."""
    try:
        check_store_exists(url)
    except Unavailable:
        return {}
    with store_at(url) as store, store.read() as connection:
        return switched(connection)


_READ: dict[AttributeType, Callable[[str], Scalar]] = {
    AttributeType.TEXT: str,
    AttributeType.VERSION: str,
    AttributeType.NUMBER: float,
    AttributeType.BOOLEAN: {"true": True, "false": False}.__getitem__,
}


@click.command(epilog="Example: kassa assign one-page-checkout --unit visitor-1")
@click.argument("experiment")
@click.option("--unit", required=True, help="The visitor's id.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="K=V",
    callback=_attributes,
    help="What is known of the unit, by the keys that targeting names.",
)
@format_option("json")
@quiet_option
def assign(experiment: str, unit: str, attributes: dict[str, str], form: str, quiet: bool) -> None:  # noqa: ARG001, FBT001 - one form, nothing to be quiet about; click passes flags by name
    """Print which variant a unit gets, as JSON, and why.

    What operators have stopped and granted counts, where there is a store.
    """
    settings = settings_in_force(make_secret=False)
    catalog = Catalog.load(settings.definitions).operated(_switches(settings.database_url))
    if not unit:
        raise click.BadParameter("must not be empty", param_hint="--unit")
    known = {name: _typed(catalog, name, text) for name, text in attributes.items()}
    found = assigned(catalog.experiment(experiment), unit, now=datetime.now(UTC), attributes=known)
    click.echo(
        json.dumps(
            {
                "experiment": found.experiment,
                "unit": found.unit_id,
                "variant": found.variant.key,
                "reason": found.reason.value,
                "bucket": found.bucket,
                "cause": found.cause.value,
            }
        )
    )
