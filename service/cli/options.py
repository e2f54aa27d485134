"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from service.settings import Settings, environment_with_dotenv

_C = TypeVar("_C", bound=Callable[..., object])


def settings_in_force() -> Settings:
    """The settings of this directory.

    Raises:
        ConfigurationError: a variable is missing or contradicts another.
    """
    here = Path.cwd()
    return Settings.from_environment(environment_with_dotenv(here), directory=here)


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
