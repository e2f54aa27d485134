"""Webhooks taken in, against one bare insert each, and while the ledger is being made anew.

Real signed webhooks of the simulator's payments go to a real server over kept-alive connections;
each is stored, applied and durable before it is answered. The floor is the raw row alone: one
insert in one durable transaction, in one process, without HTTP.
"""

from __future__ import annotations

import http.client
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.pages import running
from service.payments.simulator.api import Api
from service.payments.simulator.resources import payment_intents
from service.payments.simulator.store import Store as SimulatorStore
from service.payments.simulator.webhooks import signature_header
from service.server import SIMULATED_KEYS
from service.store import schema
from service.store.session import Store, insert_once
from service.store.tables import stripe_events

_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class IntakeSpeed:
    """What was reached.

    Attributes:
        name: what took the events in.
        events: how many.
        per_second: stored durably.
        p50_ms: the median latency, in milliseconds.
        p99_ms: 99 of 100 were at least this fast.
        to_floor: of the floor's events a second.
    """

    name: str
    events: int
    per_second: float
    p50_ms: float
    p99_ms: float
    to_floor: float


def race(*, events: int, connections: int, workers: int) -> list[IntakeSpeed]:
    """The floor, the server alone, and the server beside a rebuild."""
    with tempfile.TemporaryDirectory(prefix="kassa-intake-") as made:
        bodies = _webhooks(Path(made), events * 2)
        floor = _floor(Path(made), bodies[:events])
        with running("kassa", workers) as (server, directory):
            alone = _sent(bodies[:events], server.port, connections)
            rebuilding = _Rebuilding(directory)
            beside = _sent(bodies[events:], server.port, connections)
            rebuilds = rebuilding.end()
    fastest = len(floor) / sum(floor)
    return [
        _row("floor, one bare insert each", floor, sum(floor), fastest),
        _row("webhooks", *alone, fastest),
        _row(f"webhooks, ledger rebuilt {rebuilds} times meanwhile", *beside, fastest),
    ]


def _row(name: str, latencies: Sequence[float], seconds: float, floor: float) -> IntakeSpeed:
    ordered = sorted(latencies)
    per_second = len(ordered) / seconds
    return IntakeSpeed(
        name=name,
        events=len(ordered),
        per_second=per_second,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1000,
        to_floor=per_second / floor,
    )


def _webhooks(directory: Path, count: int) -> list[bytes]:
    """Bodies of real events: four for each payment."""
    store = SimulatorStore(directory / "simulator.db")
    with store.write():
        pass
    api = Api(store, lambda: datetime.now(UTC))
    asked = {
        "amount": 2400,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_visa",
        "off_session": True,
    }
    with api.working("req_bench") as work:
        for _ in range(count // 4 + 1):
            payment_intents.create(work, asked)
        rows = work.connection.execute("SELECT body FROM objects WHERE object = 'event'").fetchall()
    return [row["body"].encode() for row in rows[:count]]


def _floor(directory: Path, bodies: Sequence[bytes]) -> list[float]:
    store = Store(f"sqlite:///{directory / 'floor.db'}")
    schema.upgrade(store)
    taken = []
    for body in bodies:
        event, now = json.loads(body), datetime.now(UTC)
        begun = time.perf_counter()
        with store.write() as connection:
            row = {
                "event_id": event["id"],
                "type": event["type"],
                "created_at": now,
                "received_at": now,
                "state": "ignored",
                "payload": body.decode(),
            }
            insert_once(connection, stripe_events, [row])
        taken.append(time.perf_counter() - begun)
    store.close()
    return taken


def _sent(bodies: Sequence[bytes], port: int, connections: int) -> tuple[list[float], float]:
    todo: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        todo.put(body)
    taken: list[float] = []
    threads = [threading.Thread(target=_send, args=(todo, port, taken)) for _ in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) != len(bodies):
        raise RuntimeError(f"{len(bodies) - len(taken)} webhooks were not taken")
    return taken, time.perf_counter() - begun


def _send(todo: queue.SimpleQueue[bytes], port: int, taken: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    secret = SIMULATED_KEYS.webhook_secrets[0]
    while True:
        try:
            body = todo.get_nowait()
        except queue.Empty:
            return
        signed = signature_header(body, secret=secret, timestamp=int(time.time()))
        headers = {"Content-Type": "application/json", "Stripe-Signature": signed}
        begun = time.perf_counter()
        connection.request("POST", "/webhooks/stripe", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            return
        taken.append(time.perf_counter() - begun)


class _Rebuilding:
    """`kassa ledger rebuild`, again and again until it is told to end."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ended = threading.Event()
        self._done = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> int:
        """Let the last one finish; how many there were."""
        self._ended.set()
        self._thread.join()
        return self._done

    def _run(self) -> None:
        command = [sys.executable, "-m", "service.cli", "ledger", "rebuild", "--quiet"]
        environment = {
            "PYTHONPATH": str(_PROJECT),
            "KASSA_DATABASE_URL": f"sqlite:///{self._directory / 'kassa.db'}",
        }
        while not self._ended.is_set():
            # It exits with 1 while webhooks come in: the two digests are of different moments.
            subprocess.run(
                command, cwd=self._directory, env=environment, capture_output=True, check=False
            )
            self._done += 1
