"""From exposures and events in Parquet to the full report, each contender in a new process.

Kassa makes three metrics, two segments and the daily series; the floor is DuckDB's sums alone.
Other people's libraries make three metrics, in `.venv-peers`; those not installed are skipped.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.visitors import write_tables

_ROOT = Path(__file__).parents[1]
_LIFTS = Path(__file__).parent / "lifts"
PEERS = _ROOT / ".venv-peers" / "bin" / "python"
_METRICS = """\
version: 1
metrics:
  - {key: paid, name: Paid, event: payment_succeeded, kind: proportion, direction: increase}
  - {key: started, name: Started, event: details_completed, kind: proportion, direction: increase}
  - {key: revenue, name: Revenue, event: payment_succeeded, kind: mean, direction: increase}
"""
_EXPERIMENT = """\
version: 1
name: One-page checkout
hypothesis: One page takes fewer steps than two, so more of the visitors pay.
owner: growth@example.com
status: running
seed: one-page-checkout
variants:
  - {key: two_page, name: Two pages, weight: 50, control: true}
  - {key: one_page, name: One page, weight: 50}
metrics: {primary: paid, secondary: [started, revenue]}
analysis: {planned_units: 40000, conversion_window: 7d, segments: [device, country]}
"""


@dataclass(frozen=True)
class LiftSpeed:
    """What one report took, in the median round.

    Attributes:
        name: who made it.
        visitors: how many there are.
        seconds: from the start of the process to its end.
        cpu: seconds of all its threads.
        megabytes: most memory it had.
        times_floor: seconds, against the bare aggregate of the same visitors.
    """

    name: str
    visitors: int
    seconds: float
    cpu: float
    megabytes: int
    times_floor: float


@dataclass(frozen=True)
class _Run:
    seconds: float
    cpu: float
    megabytes: int
    sums: Any


def race(
    *, visitors: Sequence[int], rounds: int, seed: int, peers: Path = PEERS
) -> list[LiftSpeed]:
    """Times every contender that is there, in rounds that take turns.

    Raises:
        RuntimeError: a contender failed, or counted something else than the floor.
    """
    contenders = dict(_contenders(peers))
    with tempfile.TemporaryDirectory() as above:
        return [
            speed
            for count in visitors
            for speed in _race(Path(above, str(count)), contenders, count, rounds, seed)
        ]


def _race(
    directory: Path,
    contenders: Mapping[str, Sequence[str]],
    visitors: int,
    rounds: int,
    seed: int,
) -> list[LiftSpeed]:
    definitions = directory / "definitions"
    definitions.mkdir(parents=True)
    (directory / "metrics.yaml").write_text(_METRICS)
    (definitions / "one-page-checkout.yaml").write_text(_EXPERIMENT)
    write_tables(directory, visitors=visitors, seed=seed)
    runs: dict[str, list[_Run]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            runs[name].append(_run([*command, str(directory)], definitions))
    _refuse_other_sums(runs)
    floor = statistics.median(run.seconds for run in runs["floor"])
    return [_speed(name, visitors, taken, floor) for name, taken in runs.items()]


def _contenders(peers: Path) -> Iterator[tuple[str, list[str]]]:
    report = ["-m", "service.cli", "report", "one-page-checkout", "--format", "json", "--quiet"]
    yield "kassa", [sys.executable, *report, "--as-of", "2027-01-10T00:00:00Z", "--source"]
    yield "floor", [sys.executable, str(_LIFTS / "floor.py")]
    for name, needs in _PEERS.items():
        missing = [each for each in needs if not _has(peers, each)]
        if missing:
            print(f"analysis: no {name}: {peers} lacks {', '.join(missing)}", file=sys.stderr)
        else:
            yield name, [str(peers), str(_LIFTS / f"{name}.py")]


# Each program and what it loads.
_PEERS = {
    "tea_tasting_polars": ("tea_tasting", "polars"),
    "tea_tasting_duckdb": ("tea_tasting", "duckdb"),
    "duckdb_gbstats": ("gbstats", "duckdb"),
    "duckdb_spotify": ("spotify_confidence", "duckdb"),
}


def _has(python: Path, module: str) -> bool:
    if not python.is_file():
        return False
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", asked], check=False).returncode == 0


def _run(command: Sequence[str], definitions: Path) -> _Run:
    environment = os.environ | {"KASSA_DEFINITIONS": str(definitions), "PYTHONPATH": str(_ROOT)}
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, env=environment, cwd=definitions)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
        out.seek(0)
        sums = _sums(json.load(out))
    return _Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024, sums)


def _sums(told: Any) -> Any:
    """Of each variant its visitors, those who started, those who paid, and what."""
    if told is None or "metrics" not in told:
        return told
    sums = {metric["metric"]: metric["variants"] for metric in told["metrics"]}
    return {
        variant: [units, *(sums[key][variant]["sum"] for key in ("started", "paid", "revenue"))]
        for variant, units in told["units"].items()
    }


def _refuse_other_sums(runs: Mapping[str, Sequence[_Run]]) -> None:
    expected = runs["floor"][0].sums
    for name, taken in runs.items():
        if any(run.sums not in (None, expected) for run in taken):
            raise RuntimeError(f"{name} counted {taken[0].sums}, the floor {expected}")


def _speed(name: str, visitors: int, runs: Sequence[_Run], floor: float) -> LiftSpeed:
    seconds = statistics.median(run.seconds for run in runs)
    return LiftSpeed(
        name=name,
        visitors=visitors,
        seconds=seconds,
        cpu=statistics.median(run.cpu for run in runs),
        megabytes=max(run.megabytes for run in runs),
        times_floor=seconds / floor,
    )
