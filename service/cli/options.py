"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from service.settings import Settings, environment_with_dotenv

_C = TypeVar("_C", bound=Callable[..., object])


def settings_in_force(*, make_secret: bool = True) -> Settings:
    """The settings of this directory.

    Args:
        make_secret: whether something will be signed; commands that only look leave nothing behind.

    Raises:
        ConfigurationError: a variable is missing or contradicts another.
    """
    here = Path.cwd()
    environment = environment_with_dotenv(here)
    return Settings.from_environment(environment, directory=here, make_secret=make_secret)


def format_option(*formats: str) -> Callable[[_C], _C]:
    """``--format``; the first is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="json is printed alone on stdout.",
    )


quiet_option = click.option("--quiet", is_flag=True, help="Print results and errors only.")
