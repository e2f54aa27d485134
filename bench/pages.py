"""The checkout page against a bare Flask route that renders the same template.

Requests per second and CPU milliseconds per request (of all the server's processes), in interleaved
rounds; *repeat* is a visitor who comes back with a cookie to a checkout already seen, *first* is a
visitor without a cookie on a checkout that nobody has seen: the exposure is stored before the page
is sent, as the storing route stores a row of its own. The load comes from this machine, over
kept-alive connections.
"""

import http.client
import itertools
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import load
from bench.load import Get, Tally

OFFER = "team-plan"
VISITORS = 16
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 40.0


@dataclass(frozen=True)
class PageSpeed:
    """What a server reached, in the median round.

    Attributes:
        page: who is asked for which view.
        requests: sent in each round.
        per_second: answers a second.
        cpu_ms: CPU milliseconds of the server for one request.
        p50_ms: the median latency, in milliseconds.
        p99_ms: 99 of 100 were at least this fast, in milliseconds.
        bytes_each: size of one page.
        cpu_to_bare: CPU, as a multiple of the bare route's.
    """

    page: str
    requests: int
    per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    bytes_each: int
    cpu_to_bare: float


@dataclass(frozen=True)
class Server:
    """A running server and the port it listens on."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time so far, of the master, the workers and all they started."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in family)


@dataclass(frozen=True)
class Round:
    """One server's share of one round."""

    cpu_seconds: float
    tally: Tally


Requests = Callable[[int], list[Get]]
"""Makes a number of requests for one round."""


def race(*, requests: int, rounds: int, connections: int, workers: int) -> list[PageSpeed]:
    """Lets the servers answer the same number of requests, view by view, round by round."""
    with ExitStack() as cleanup:
        kassa, storing, bare = (
            cleanup.enter_context(running(name, workers))[0]
            for name in ("kassa", "storing", "bare")
        )
        views = _views(kassa, storing, bare, connections)
        rows: list[PageSpeed] = []
        for view, makers in views.items():
            pairs = [
                [_measured(server, make(requests), connections) for server, make in makers]
                for _ in range(rounds)
            ]
            rows += _rows(view, [server.name for server, _ in makers], pairs)
    return rows


def _views(
    kassa: Server, storing: Server, bare: Server, connections: int
) -> dict[str, list[tuple[Server, Requests]]]:
    ours = _returning(kassa, [_new_checkout(kassa) for _ in range(VISITORS)])
    theirs = _returning(bare, ["/c/any"] * VISITORS)
    views: dict[str, list[tuple[Server, Requests]]] = {
        "repeat": [(kassa, _repeated(ours)), (bare, _repeated(theirs))],
        "first": [
            (kassa, lambda count: _unseen(kassa, count, connections)),
            (storing, _repeated([Get("/c/any")])),
            (bare, _repeated([Get("/c/any")])),
        ],
    }
    for makers in views.values():
        for server, make in makers:
            _measured(server, make(200), connections)
    return views


def _measured(server: Server, requests: Sequence[Get], connections: int) -> Round:
    before = server.cpu_seconds()
    tally = load.send(requests, port=server.port, connections=connections)
    if set(tally.statuses) != {"200"}:
        raise RuntimeError(f"{server.name} answered {tally.statuses}, not 200 alone")
    return Round(cpu_seconds=server.cpu_seconds() - before, tally=tally)


def _rows(view: str, names: Sequence[str], rounds: Sequence[Sequence[Round]]) -> list[PageSpeed]:
    """One row a server; the last server is the one the others are compared with."""
    by_server = list(zip(*rounds, strict=True))
    bare_cpu = _median_cpu_ms(by_server[-1])
    return [
        _row(f"{name}, {view}", theirs, bare_cpu)
        for name, theirs in zip(names, by_server, strict=True)
    ]


def _row(page: str, rounds: Sequence[Round], bare_cpu: float) -> PageSpeed:
    requests = len(rounds[0].tally.latencies)
    latencies = sorted(itertools.chain.from_iterable(each.tally.latencies for each in rounds))
    cpu_ms = _median_cpu_ms(rounds)
    return PageSpeed(
        page=page,
        requests=requests,
        per_second=statistics.median(requests / each.tally.seconds for each in rounds),
        cpu_ms=cpu_ms,
        p50_ms=latencies[len(latencies) // 2],
        p99_ms=latencies[len(latencies) * 99 // 100],
        bytes_each=rounds[0].tally.received // requests,
        cpu_to_bare=cpu_ms / bare_cpu,
    )


def _median_cpu_ms(rounds: Sequence[Round]) -> float:
    return statistics.median(each.cpu_seconds * 1000 / len(each.tally.latencies) for each in rounds)


def _repeated(requests: Sequence[Get]) -> Requests:
    return lambda count: list(itertools.islice(itertools.cycle(requests), count))


def _unseen(kassa: Server, count: int, connections: int) -> list[Get]:
    bought = load.send([Get(f"/buy/{OFFER}")] * count, port=kassa.port, connections=connections)
    return [Get(location) for location in bought.locations]


def _new_checkout(kassa: Server) -> str:
    return _asked(kassa, f"/buy/{OFFER}")["Location"]


def _returning(server: Server, paths: Sequence[str]) -> list[Get]:
    cookies = [_asked(server, path)["Set-Cookie"] for path in paths]
    return [
        Get(path, cookie.split(";")[0].partition("=")[2])
        for path, cookie in zip(paths, cookies, strict=True)
    ]


def _asked(server: Server, path: str) -> http.client.HTTPMessage:
    connection = http.client.HTTPConnection(load.HOST, server.port, timeout=30)
    connection.request("GET", path, headers={"Accept": "text/html"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers


@contextmanager
def running(name: str, workers: int) -> Iterator[tuple[Server, Path]]:
    """A server of the race, and the directory it keeps its store in."""
    with tempfile.TemporaryDirectory(prefix="kassa-bench-") as directory:
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.servers", name, directory, str(port), str(workers)],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
        )
        try:
            _await(process, port)
            server = Server(name=name, port=port, process=psutil.Process(process.pid))
            yield server, Path(directory)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS_TO_STOP)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((load.HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"the server did not listen (exit code {process.poll()})")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((load.HOST, 0))
        port: int = probe.getsockname()[1]
    return port
