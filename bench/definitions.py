"""Hundreds of definitions: linted in a process of its own, loaded, and loaded again after an edit.

The floor beside them reads the same bytes with libyaml, and makes nothing of them.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from experiments import Catalog

_EXPERIMENT = """\
version: 1
name: Checkout idea {number}
hypothesis: >-
  Idea {number} takes a doubt away where visitors hesitate, so more of those who open the
  checkout pay.
owner: growth@example.com
status: running
start: 2026-11-02T09:00:00Z
seed: idea-{number}
traffic: 0.5
variants:
  - {{key: control, name: As it is, weight: 50, control: true}}
  - {{key: idea, name: The idea, weight: 50}}
targeting:
  all:
    - {{attribute: country, in: [SE, NO, DK, FI]}}
    - {{attribute: amount, min: 1000}}
    - not: {{attribute: device, in: [tablet]}}
ramp:
  - {{traffic: 0.1}}
  - {{after: 72h, traffic: 0.5}}
metrics:
  primary: paid_conversion
  secondary: [revenue_per_visitor]
analysis:
  alpha: 0.05
  planned_units: 40000
  conversion_window: 7d
"""
_PARSE = """\
import sys, yaml
from pathlib import Path
for file in Path(sys.argv[1]).iterdir():
    for event in yaml.parse(file.read_bytes().decode(), Loader=yaml.CSafeLoader):
        pass
"""


@dataclass(frozen=True)
class DefinitionsSpeed:
    """How long one thing took.

    Attributes:
        name: what was done.
        does: what that takes in.
        milliseconds: in the median round.
        times_floor: how many times as long as the bare parser takes, in the same kind of process.
    """

    name: str
    does: str
    milliseconds: float
    times_floor: float


def race(*, files: int, rounds: int) -> list[DefinitionsSpeed]:
    """Times the work on that many definitions, round by round."""
    with tempfile.TemporaryDirectory() as above:
        directory = Path(above, "definitions")
        directory.mkdir()
        for number in range(files):
            _write(directory, number)
        work: list[tuple[str, str, Callable[[int], object]]] = [
            (
                "floor, process",
                "a new Python: libyaml's events alone",
                lambda _: _run("-c", _PARSE, str(directory)),
            ),
            (
                "kassa lint",
                "a new process: every rule, on every file",
                lambda _: _run("-m", "service.cli", "lint", "--quiet", str(directory)),
            ),
            ("floor", "libyaml's events alone", lambda _: _parse(directory)),
            ("load", "Catalog.load of the directory", lambda _: Catalog.load(directory)),
            (
                "reload",
                "the same once one file has changed",
                lambda number: _reload(directory, number),
            ),
        ]
        times = _rounds([each for _, _, each in work], rounds)
    floors = [times[0], times[0], times[2], times[2], times[2]]
    return [
        DefinitionsSpeed(f"{name}, {files} files", does, taken * 1000, taken / floor)
        for (name, does, _), taken, floor in zip(work, times, floors, strict=True)
    ]


def _rounds(work: Sequence[Callable[[int], object]], rounds: int) -> list[float]:
    times: list[list[float]] = [[] for _ in work]
    for number in range(rounds):
        for each, kept in zip(work, times, strict=True):
            start = time.perf_counter()
            each(number)
            kept.append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in times]


def _write(directory: Path, number: int, *, more: str = "") -> None:
    text = _EXPERIMENT.format(number=number) + more
    Path(directory, f"idea-{number}.yaml").write_text(text)


def _run(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _parse(directory: Path) -> None:
    for file in directory.iterdir():
        for _ in yaml.parse(file.read_bytes().decode(), Loader=yaml.CSafeLoader):
            pass


def _reload(directory: Path, number: int) -> Catalog:
    _write(directory, 0, more=f"# edited {number}\n")
    return Catalog.load(directory)
