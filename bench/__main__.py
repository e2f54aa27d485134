"""Side by side in one run: Kassa, and what each of its parts is raced with."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import analysis, assignments, bulk, definitions, intake, pages, printing

Section = Callable[[argparse.Namespace], Sequence[Any]]


def _assignments(options: argparse.Namespace) -> Sequence[Any]:
    return assignments.race(units=options.units, rounds=options.rounds, seed=options.seed)


def _bulk(options: argparse.Namespace) -> Sequence[Any]:
    return bulk.race(units=options.many, rounds=options.many_rounds, seed=options.seed)


def _definitions(options: argparse.Namespace) -> Sequence[Any]:
    return definitions.race(files=options.files, rounds=options.file_rounds)


def _intake(options: argparse.Namespace) -> Sequence[Any]:
    return intake.race(
        events=options.events, connections=options.connections, workers=options.workers
    )


def _pages(options: argparse.Namespace) -> Sequence[Any]:
    return pages.race(
        requests=options.requests,
        rounds=options.page_rounds,
        connections=options.connections,
        workers=options.workers,
    )


def _analysis(options: argparse.Namespace) -> Sequence[Any]:
    return analysis.race(
        visitors=options.visitors,
        rounds=options.lift_rounds,
        seed=options.seed,
        peers=options.peers,
    )


SECTIONS: dict[str, Section] = {
    "analysis": _analysis,
    "assignments": _assignments,
    "bulk": _bulk,
    "definitions": _definitions,
    "intake": _intake,
    "pages": _pages,
}


def main(arguments: Sequence[str]) -> None:
    """Runs the sections asked for and prints their figures on stdout."""
    options = _parser().parse_args(arguments)
    results = {name: SECTIONS[name](options) for name in options.sections or SECTIONS}
    print({"text": printing.to_text, "json": printing.to_json}[options.format](results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog='example: make bench ARGS="assignments --format json"',
    )
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], metavar="SECTION")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--seed", type=int, default=7, help="of the unit ids")
    parser.add_argument("--units", type=int, default=5000, help="assigned in each round")
    parser.add_argument("--rounds", type=int, default=15, help="of assignments, interleaved")
    parser.add_argument("--many", type=int, default=1_000_000, help="units assigned in bulk")
    parser.add_argument("--many-rounds", type=int, default=5, help="of units in bulk")
    parser.add_argument("--files", type=int, default=500, help="of definitions")
    parser.add_argument("--file-rounds", type=int, default=5, help="of definitions")
    parser.add_argument("--events", type=int, default=4000, help="webhooks of each kind of round")
    parser.add_argument("--requests", type=int, default=2000, help="sent in each round")
    parser.add_argument("--page-rounds", type=int, default=3, help="of pages, interleaved")
    parser.add_argument("--connections", type=int, default=16, help="kept alive")
    parser.add_argument("--workers", type=int, default=2, help="processes of the servers")
    parser.add_argument(
        "--visitors", type=int, nargs="+", default=[100_000, 1_000_000], help="of the reports"
    )
    parser.add_argument("--lift-rounds", type=int, default=5, help="of reports, interleaved")
    parser.add_argument(
        "--peers", type=Path, default=analysis.PEERS, help="Python that has the other libraries"
    )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
