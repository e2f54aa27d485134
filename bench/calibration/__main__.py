"""`make calibrate`: every promise about error rates, counted beside what is published."""

import argparse
import sys
from collections.abc import Sequence

from bench.calibration.printing import broken, to_json, to_markdown, to_text
from bench.calibration.sections import SECTIONS, Effort
from service.cli.progress import progress_of

_RENDERINGS = {"text": to_text, "json": to_json, "markdown": to_markdown}


def main(arguments: Sequence[str]) -> int:
    """Prints the table on stdout; 1 where a line does not hold."""
    options = _parser().parse_args(arguments)
    effort, names = Effort(options.runs, options.seed), options.sections or list(SECTIONS)
    found = {}
    with progress_of("calibrating", quiet=options.quiet) as told:
        for done, name in enumerate(names):
            told(done, len(names))
            found[name] = list(SECTIONS[name](effort))
    print(_RENDERINGS[options.format](effort, found))
    return 1 if broken(found) else 0


def _section(name: str) -> str:
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.calibration",
        description=__doc__,
        epilog='example: make calibrate ARGS="--runs 2000 --format json"',
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", type=_section, help=", ".join(SECTIONS)
    )
    parser.add_argument("--runs", type=int, default=Effort.runs, help="of each setting")
    parser.add_argument("--seed", type=int, default=Effort.seed, help="decides every run")
    parser.add_argument("--format", choices=_RENDERINGS, default="text")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
