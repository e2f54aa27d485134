"""Visitors in many threads, and a connection to each worker, for tests of a running service."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection

import psutil
import requests

from tests.service.processes import API_KEY, KassaProcess

WORKERS = 4


@dataclass
class Load:
    """Visitors, each of whom opens a checkout; what they saw, and how long they waited."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    visitors: list[tuple[requests.Session, int]] = field(default_factory=list)

    def visit(self, url: str, session: requests.Session | None = None) -> int:
        """Open a new checkout; returns how many steps it has."""
        ours = session or requests.Session()
        began = time.monotonic()
        page = ours.get(f"{url}/buy/team-plan", timeout=30, headers={"Connection": "close"})
        self.seconds.append(time.monotonic() - began)
        self.statuses.append(page.status_code)
        steps = page.text.count("data-step=")
        if session is None:
            self.visitors.append((ours, steps))
        return steps


@contextmanager
def under_load(url: str, *, threads: int = 4) -> Iterator[Load]:
    load, over = Load(), threading.Event()

    def visit() -> None:
        while not over.is_set():
            load.visit(url)

    visitors = [threading.Thread(target=visit) for _ in range(threads)]
    for visitor in visitors:
        visitor.start()
    try:
        yield load
    finally:
        over.set()
        for visitor in visitors:
            visitor.join(60)


@dataclass(frozen=True)
class Watch:
    """One connection to each worker, kept alive."""

    workers: dict[int, HTTPConnection]

    @classmethod
    @contextmanager
    def over_all_of(cls, kassa: KassaProcess) -> Iterator[Watch]:
        """Connect until every worker has taken one connection."""
        found: dict[int, HTTPConnection] = {}
        deadline = time.monotonic() + 30
        while len(found) < WORKERS:
            assert time.monotonic() < deadline, "a worker takes no connection"
            connection = HTTPConnection("127.0.0.1", int(kassa.url.rpartition(":")[2]), timeout=10)
            _get(connection, "/livez")
            worker = _worker_of(kassa, connection)
            if found.setdefault(worker, connection) is not connection:
                connection.close()
        try:
            yield cls(found)
        finally:
            for connection in found.values():
                connection.close()

    def scraped(self) -> list[dict[str, str]]:
        """What each worker tells at `/metrics`: the value, or the version, by the name."""
        return [_numbers(_get(each, "/metrics")) for each in self.workers.values()]

    def until(self, holds: Callable[[dict[str, str]], bool]) -> float:
        """Seconds until it holds in every worker."""
        began = time.monotonic()
        while not all(map(holds, self.scraped())):
            assert time.monotonic() - began < 30, self.scraped()
            time.sleep(0.05)
        return time.monotonic() - began


def _get(connection: HTTPConnection, path: str) -> str:
    connection.request("GET", path, headers={"Authorization": f"Bearer {API_KEY}"})
    return connection.getresponse().read().decode()


def _worker_of(kassa: KassaProcess, connection: HTTPConnection) -> int:
    """The process that holds the other end."""
    port = connection.sock.getsockname()[1]
    for worker in psutil.Process(kassa.process.pid).children():
        if any(each.raddr[1:] == (port,) for each in worker.net_connections("tcp")):
            return worker.pid
    raise AssertionError("no worker has the connection")


def _numbers(page: str) -> dict[str, str]:
    found = re.findall(r'^(\w+)(?:\{\w+="([^"]+)"\})? (\S+)$', page, re.MULTILINE)
    return {
        name if name.startswith("kassa_definitions") else f"{name} {label}": label
        if name == "kassa_definitions_info"
        else value
        for name, label, value in found
    }
