"""Google's Lighthouse, unmodified, on pages of a server on this machine.

It comes from npm by the lock of `tests/lighthouse`, and drives the Chromium of the other tests.
"""

from __future__ import annotations

import json
import os
import subprocess
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.provision import node_packages
from tests.provision.chromium import FLAGS
from tests.provision.programs import find_chromium, find_node

PROJECT = Path(__file__).parents[1] / "lighthouse"
_NODE = 22
# What Lighthouse takes for everybody: it makes a fast desktop a middling phone.
USUAL_SLOWDOWN = 4.0
# How much slower than this machine that phone is, by the machine's benchmarkIndex: the figures of
# the calculator to which Lighthouse's docs/throttling.md sends whoever measures on slow hosts.
_CALIBRATION = ((150.0, 1.0), (800.0, 2.0), (1300.0, 3.0), (1533.0, 4.0))


@dataclass(frozen=True)
class Audited:
    """A page to be judged.

    Attributes:
        cookie: the header that the browser sends with every request, or nothing.
        refused: whether the page answers with the status of an error, as it should.
    """

    name: str
    url: str
    cookie: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Verdict:
    """One audit of a page on the emulated phone.

    Attributes:
        performance: 0 to 100, as the two others.
        lcp: largest contentful paint, in milliseconds.
        cls: cumulative layout shift.
        tbt: total blocking time, in milliseconds.
        weight: bytes over the network.
        benchmark: how fast this machine was just then, as Lighthouse's benchmarkIndex.
        faults: what the page lost points of accessibility or best practices for.
    """

    name: str
    performance: int
    accessibility: int
    best_practices: int
    lcp: float
    cls: float
    tbt: float
    weight: int
    benchmark: float
    faults: tuple[str, ...]


def slowdown_for(benchmark: float) -> float:
    """Lighthouse's cpuSlowdownMultiplier for a machine of that speed; never above the usual."""
    points = [index for index, _ in _CALIBRATION]
    at = bisect_right(points, benchmark)
    if at == 0 or at == len(points):
        return _CALIBRATION[max(at - 1, 0)][1]
    (low, slow), (high, fast) = _CALIBRATION[at - 1 : at + 1]
    return slow + (benchmark - low) / (high - low) * (fast - slow)


def benchmark_of(page: Audited) -> float:
    """How fast this machine is: the median of three of Lighthouse's own measurements."""
    return median(each.benchmark for each in audit([page], rounds=3, slowdown=USUAL_SLOWDOWN))


def audit(pages: Sequence[Audited], *, rounds: int, slowdown: float) -> list[Verdict]:
    """Judge every page as often as there are rounds.

    Raises:
        NotInstalledError: there is no Chromium, no Node, or npm could not install Lighthouse.
    """
    node = find_node(_NODE)
    node_packages.install(node, PROJECT)
    given = {
        "chromium": str(find_chromium()),
        # Chromium's sandbox refuses root, as containers commonly have it.
        "flags": [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        "rounds": rounds,
        "slowdown": slowdown,
        "pages": [asdict(page) for page in pages],
    }
    ran = subprocess.run(
        [node, PROJECT / "audit.mjs"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [_verdict(json.loads(line)) for line in ran.stdout.splitlines()]


def _verdict(report: Any) -> Verdict:
    assert "runtimeError" not in report, report["runtimeError"]
    scores = {name: round(100 * it["score"]) for name, it in report["categories"].items()}

    def value(name: str) -> float:
        return float(report["audits"][name]["numericValue"])

    return Verdict(
        name=report["name"],
        performance=scores["performance"],
        accessibility=scores["accessibility"],
        best_practices=scores["best-practices"],
        lcp=value("largest-contentful-paint"),
        cls=value("cumulative-layout-shift"),
        tbt=value("total-blocking-time"),
        weight=int(value("total-byte-weight")),
        benchmark=report["environment"]["benchmarkIndex"],
        faults=tuple(_faults(report)),
    )


def _faults(report: Any) -> list[str]:
    judged = [
        each["id"]
        for category in ("accessibility", "best-practices")
        for each in report["categories"][category]["auditRefs"]
        if each["weight"] > 0
    ]
    audits = report["audits"]
    return [f"{each}: {audits[each]['title']}" for each in judged if audits[each]["score"] == 0]
