"""The command line: one group, its commands loaded when they are called.

Exit codes: 0 done · 1 the answer is no · 2 wrong usage or unreadable input · 3 a dependency is
unavailable.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

import click
from typing_extensions import override

EXIT_USAGE, EXIT_UNAVAILABLE = 2, 3

# Command, the module it lives in, and its line in the overview.
_COMMANDS = {
    "serve": ("serve", "Run the service."),
    "demo": ("demo", "Simulated visitors, a lift report, and pages to open."),
    "lint": ("definitions", "Every error of the definitions, with file, line and mend."),
    "schema": ("definitions", "The JSON Schema of the definition files."),
    "test": ("cases", "Assignment tests beside the definitions."),
    "assign": ("assign", "Which variant a unit gets, and why."),
    "link": ("link", "A tester's signed link to a variant."),
    "plan": ("plan", "What a change of definitions would do, and to whom."),
    "preview": ("preview", "An experiment as if it had run, and its false alarms."),
    "report": ("report", "The lift report of an experiment."),
    "verify": ("verify", "Whether every number of a report still stands."),
    "analyze": ("analyze", "The same report over any CSV or Parquet file."),
    "power": ("power", "How many visitors an experiment needs."),
    "simulate": ("simulate", "Made-up visitors with a known lift, into a store or Parquet."),
    "stop": ("operation", "Show everybody the control of an experiment, without a deploy."),
    "resume": ("operation", "Take a stop back."),
    "approve": ("operation", "Take the step of a ramp that waits for a person."),
    "ramp": ("operation", "Take the steps of ramps whose time has come, if nothing is wrong."),
    "audit": ("operation", "Who changed what visitors may see, when, and why."),
    "query": ("query", "Ask the ledger: saved queries, and read-only SQL."),
    "annotate": ("annotate", "Note what was switched on in a period."),
    "notify": ("notify", "Send the notices to customers that wait."),
    "reconcile": ("reconcile", "The ledger against Stripe: what never came is fetched."),
    "ledger": ("ledger", "Make the books anew out of what Stripe sent."),
    "brand": ("brand", "How visitors' pages look: a check of it, and a page that shows it."),
    "pages": ("pages", "What browsers are served, against the inventory of scripts."),
    "config": ("config", "What is in force, secrets hidden."),
    "db": ("database", "Migrations of the store."),
}


class _Commands(click.Group):
    """Loads a command's module when it is asked for, and turns errors into exit codes."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"service.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    @override
    def invoke(self, ctx: click.Context) -> Any:
        # They come with the definitions and every language, which the overview has no use for.
        from analysis.errors import AnalysisError  # noqa: PLC0415 - see above
        from experiments import ExperimentError  # noqa: PLC0415 - see above
        from service.errors import ServiceError, Unavailable  # noqa: PLC0415 - see above

        try:
            return super().invoke(ctx)
        except Unavailable as exc:
            raise _Missing(str(exc)) from exc
        except (ServiceError, ExperimentError, AnalysisError) as exc:
            raise _Unusable(str(exc)) from exc


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kassa")
def main() -> None:
    """Kassa: checkout experiments on Stripe, and numbers to believe."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("service").setLevel(logging.INFO)


class _Unusable(click.ClickException):
    exit_code = EXIT_USAGE


class _Missing(click.ClickException):
    exit_code = EXIT_UNAVAILABLE
