"""`kassa serve` as it runs: several processes, signals, definitions on disk, and kill -9."""

import os
import random
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from sqlalchemy import select

from service.server import check_address
from service.settings import PROJECT
from service.store.session import Store
from service.store.tables import events
from tests.provision.postgresql import PostgresServer
from tests.service.processes import KassaProcess, free_port, serving

LIVE_KEY = "sk_live_51Kassa0Secret"


@dataclass(frozen=True)
class Definitions:
    """A directory of definitions that a test may break, with its offers above it."""

    directory: Path

    @property
    def experiment(self) -> Path:
        return self.directory / "one-page-checkout.yaml"

    @property
    def offers(self) -> Path:
        return self.directory.parent / "offers.yaml"

    def replace(self, file: Path, old: str, new: str) -> None:
        written = file.read_text(encoding="utf-8")
        assert old in written
        file.write_text(written.replace(old, new), encoding="utf-8")


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    shipped = PROJECT / "experiments"
    copied = tmp_path / "growth" / "definitions"
    shutil.copytree(shipped / "definitions", copied)
    shutil.copy(shipped / "offers.yaml", copied.parent)
    return Definitions(copied)


def _processes(kassa: KassaProcess) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Its workers and its simulators."""
    workers: list[psutil.Process] = []
    simulators: list[psutil.Process] = []
    for child in psutil.Process(kassa.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it ended while we looked
            simulated = "service.payments.simulator" in child.cmdline()
            (simulators if simulated else workers).append(child)
    return workers, simulators


def _two_workers(kassa: KassaProcess, *, other_than: list[psutil.Process]) -> list[psutil.Process]:
    """Waits until two workers run, and none of those."""
    _until(
        lambda: (
            len(found := _processes(kassa)[0]) == 2 and not [w for w in found if w in other_than]
        )
    )
    return _processes(kassa)[0]


def _until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def _event() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"id": str(uuid.uuid4()), "name": "checkout_viewed", "occurred_at": now}


def _sells(kassa: KassaProcess) -> str:
    """Opens a checkout; returns the list of offers."""
    page = requests.get(f"{kassa.url}/buy/team-plan", timeout=30)
    assert (page.status_code, "data-confirm-url=" in page.text) == (200, True)
    return requests.get(kassa.url, timeout=30).text


def test_a_started_service_is_two_workers_and_a_simulator(tmp_path: Path) -> None:
    with serving(tmp_path) as kassa:
        workers = _two_workers(kassa, other_than=[])
        simulators = _processes(kassa)[1]
        assert len(simulators) == 1
        assert os.getsid(simulators[0].pid) == simulators[0].pid, "Ctrl-C is not for it"
        assert "-P" in simulators[0].cmdline()
        for path in ("/livez", "/readyz"):
            assert requests.get(kassa.url + path, timeout=10).json() == {"status": "ok"}
        kept_alive = requests.Session()
        assert kept_alive.get(f"{kassa.url}/livez", timeout=10).ok
        began = time.monotonic()
        assert kassa.stop() == 0
        assert time.monotonic() - began < 15, "an idle connection does not hold up the end"
        assert not [each for each in (*workers, *simulators) if each.is_running()]


def test_definitions_broken_on_disk_do_not_touch_what_runs(
    tmp_path: Path, definitions: Definitions
) -> None:
    with serving(tmp_path, KASSA_DEFINITIONS=str(definitions.directory)) as kassa:
        definitions.replace(definitions.experiment, "weight: 50, flow", "weight: 51, flow")
        _sells(kassa)

        first = _two_workers(kassa, other_than=[])
        for worker in first:
            worker.kill()
        second = _two_workers(kassa, other_than=first)
        for _ in range(4):
            _sells(kassa)

        kassa.process.send_signal(signal.SIGHUP)
        _until(lambda: "one-page-checkout.yaml:" in kassa.log)
        _two_workers(kassa, other_than=second)
        assert "the last good ones stay in force" in kassa.log
        assert "weights-sum" in kassa.log
        for _ in range(4):
            assert "Team plan" in _sells(kassa)


def test_a_good_change_is_taken_at_a_hangup_at_once(
    tmp_path: Path, definitions: Definitions
) -> None:
    with serving(tmp_path, KASSA_DEFINITIONS=str(definitions.directory)) as kassa:
        first = _two_workers(kassa, other_than=[])
        definitions.replace(definitions.offers, "name: Team plan", "name: Club plan")
        kassa.process.send_signal(signal.SIGHUP)
        _two_workers(kassa, other_than=first)
        assert {"Club plan" in _sells(kassa) for _ in range(6)} == {True}


def test_a_flow_that_does_not_exist_is_no_good_change(
    tmp_path: Path, definitions: Definitions
) -> None:
    with serving(tmp_path, KASSA_DEFINITIONS=str(definitions.directory)) as kassa:
        definitions.replace(definitions.experiment, "flow: one_page", "flow: no-such-flow")
        kassa.process.send_signal(signal.SIGHUP)
        _until(lambda: "no-such-flow" in kassa.log)
        _sells(kassa)


def test_a_request_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    event = _event()
    with serving(tmp_path) as kassa, ThreadPoolExecutor(1) as pool:
        workers, simulators = _processes(kassa)
        # A held lock makes a request that takes as long as we like.
        lock = sqlite3.connect(tmp_path / "kassa.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        slow = pool.submit(
            requests.post, f"{kassa.url}/v1/events", json={"events": [event]}, timeout=30
        )
        time.sleep(1)
        kassa.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert not slow.done()
        assert simulators[0].is_running(), "payments under way still need it"
        lock.execute("ROLLBACK")
        lock.close()
        assert (slow.result().status_code, slow.result().json()["accepted"]) == (202, 1)
        assert kassa.process.wait(20) == 0
        assert not [each for each in (*workers, *simulators) if each.is_running()]
    assert _stored(kassa.settings.database_url) == {event["id"]}


_HALF_BODY = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
_HALF_HEAD = b"GET / HTTP/1.1\r\nHost: local"
_CHUNKED = (
    b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"
)

# Asks for the connection to be closed, and leaves its own end open.
_LEFT_OPEN = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def _connected(kassa: KassaProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(kassa.url.rpartition(":")[2])), timeout=10)


def _told_until_closed(attacker: socket.socket) -> tuple[bytes, float]:
    """What a client hears until it is hung up on, and after how many seconds."""
    began, heard = time.monotonic(), b""
    attacker.settimeout(30)
    with suppress(ConnectionResetError):
        while more := attacker.recv(4096):
            heard += more
    return heard, time.monotonic() - began


def _answered_quickly(kassa: KassaProcess, *, rounds: int = 5) -> None:
    for _ in range(rounds):
        began = time.monotonic()
        assert requests.get(f"{kassa.url}/livez", timeout=10).ok
        posted = requests.post(f"{kassa.url}/v1/events", json={"events": [_event()]}, timeout=10)
        assert posted.status_code == 202
        assert time.monotonic() - began < 2, "two answers, each within a second"


def test_requests_that_are_never_finished_hold_up_nobody(tmp_path: Path) -> None:
    with (
        serving(tmp_path, workers=1) as kassa,
        ExitStack() as stack,
        ThreadPoolExecutor(32) as pool,
    ):
        starts = [_HALF_BODY, _HALF_HEAD, _CHUNKED, _LEFT_OPEN] * 6
        attackers = [stack.enter_context(_connected(kassa)) for _ in starts]
        for attacker, start in zip(attackers, starts, strict=True):
            attacker.sendall(start)
        ends = [pool.submit(_told_until_closed, attacker) for attacker in attackers]
        _answered_quickly(kassa)
        for start, end in zip(starts, ends, strict=True):
            heard, seconds = end.result()
            assert seconds < 8
            wanted = {_CHUNKED: b"411", _HALF_BODY: b"408", _HALF_HEAD: b"408"}.get(start, b"200")
            assert heard.startswith(b"HTTP/1.1 " + wanted)
        _answered_quickly(kassa)
        assert kassa.log.count("requests came too slowly") == 1
        assert "Traceback" not in kassa.log


def test_a_request_that_drips_is_closed_at_the_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, workers=1) as kassa, ExitStack() as stack:
        drips = [stack.enter_context(_connected(kassa)) for _ in range(5)]
        began = time.monotonic()
        for drip in drips:
            drip.sendall(_HALF_BODY)
        while time.monotonic() - began < 12:
            for drip in drips:
                drip.sendall(b" ")
            _answered_quickly(kassa, rounds=1)
            time.sleep(1)
        for drip in drips:
            assert _told_until_closed(drip)[0].startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 17


def test_a_body_that_comes_in_pieces_is_taken_whole(tmp_path: Path) -> None:
    body = f'{{"events": [{{"id": "{uuid.uuid4()}", "name": "checkout_viewed"'.encode()
    body += f', "occurred_at": "{datetime.now(UTC).isoformat()}"}}]}}'.encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving(tmp_path, workers=1) as kassa, _connected(kassa) as client:
        for piece in (head[:20], head[20:-2], head[-2:]):
            client.sendall(piece)
            time.sleep(0.1)
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
        client.sendall(body[:9])
        time.sleep(0.1)
        # The next request comes along with the rest of this one, and half of a third.
        client.sendall(body[9:] + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /li")
        heard = b""
        while heard.count(b"HTTP/1.1 20") < 2 or not heard.endswith(b"}\n"):
            heard += client.recv(4096)
        assert b"HTTP/1.1 202" in heard
        client.sendall(b"vez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert _told_until_closed(client)[0].startswith(b"HTTP/1.1 200")


def test_a_body_beyond_every_limit_is_refused_by_its_head(tmp_path: Path) -> None:
    with serving(tmp_path, workers=1) as kassa:
        for start, status in (
            (
                _HALF_BODY.replace(b": 50", b": 5000000000\r\nContent-Type: application/json"),
                b"413",
            ),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, b"431"),
        ):
            with _connected(kassa) as client:
                client.sendall(start)
                heard, seconds = _told_until_closed(client)
                assert heard.startswith(b"HTTP/1.1 " + status)
                assert seconds < 4
        _answered_quickly(kassa, rounds=1)


def test_gunicorn_believes_no_proxy_on_its_own(tmp_path: Path) -> None:
    with serving(tmp_path, workers=1) as kassa:
        forged = {"X-Forwarded-Proto": "https", "SCRIPT_NAME": "/buy", "Host": "localhost"}
        answer = requests.get(f"{kassa.url}/buy/team-plan", headers=forged, timeout=10)
        assert answer.status_code == 200
        assert "Strict-Transport-Security" not in answer.headers
        assert "Secure" not in answer.history[0].headers.get("Set-Cookie", "")


def test_when_the_master_is_killed_nothing_of_it_stays(tmp_path: Path) -> None:
    with serving(tmp_path) as kassa:
        workers, simulators = _processes(kassa)
        assert kassa.stop(signal.SIGKILL) == -signal.SIGKILL
        _until(lambda: not [each for each in (*workers, *simulators) if each.is_running()])


def test_a_second_service_on_the_same_port_says_so(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with serving(tmp_path) as kassa:
        port = kassa.url.rpartition(":")[2]
        second = kassa.command("serve", "--port", port)
        assert second.returncode == 2
        assert second.stderr == (
            f"Error: --port {port} on 127.0.0.1 can't be served: Address already in use; "
            "name another port\n"
        )
        _sells(kassa)


def test_a_free_port_may_be_served_on_either_family() -> None:
    check_address("127.0.0.1", free_port())
    if socket.has_ipv6:
        check_address("::1", free_port())


def test_beside_a_live_key_no_simulator_starts(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as told, serving(tmp_path, SHOP_KEY=LIVE_KEY):
        pytest.fail("it started")
    log = str(told.value)
    assert "SHOP_KEY holds a live Stripe key" in log
    assert LIVE_KEY not in log
    assert "Traceback" not in log


def test_with_stripes_keys_there_is_no_simulator_to_pay(tmp_path: Path) -> None:
    keys = {
        "STRIPE_SECRET_KEY": LIVE_KEY,
        "STRIPE_PUBLISHABLE_KEY": "pk_live_51Kassa0Public",
        "STRIPE_WEBHOOK_SECRET": "whsec_Kassa0Webhook",
        "KASSA_PUBLIC_URL": "https://pay.example.com",
    }
    with serving(tmp_path, port=0, workers=2, **keys) as kassa:
        assert _processes(kassa)[1] == []
        assert requests.get(f"{kassa.url}/sim/stripe.js", timeout=10).status_code == 404
        token = requests.post(f"{kassa.url}/sim/v1/confirmation_tokens", json={}, timeout=10)
        assert token.status_code == 404
        page = requests.get(f"{kassa.url}/buy/team-plan", timeout=10)
        assert "https://js.stripe.com/" in page.text
        assert "SIMULATED" not in page.text + kassa.log


def test_broken_definitions_stop_the_start_with_every_problem(
    tmp_path: Path, definitions: Definitions
) -> None:
    definitions.replace(definitions.experiment, "traffic: 1.0", "traffic: 7")
    definitions.replace(definitions.offers, "currency: usd", "currency: bitcoin")
    broken = serving(tmp_path, KASSA_DEFINITIONS=str(definitions.directory))
    with pytest.raises(AssertionError) as told, broken:
        pytest.fail("it started")
    log = str(told.value)
    assert "one-page-checkout.yaml:" in log
    assert "offers.yaml:" in log
    assert "Traceback" not in log


@dataclass
class Client:
    """Posts batches of events with known ids, and remembers what was promised."""

    answered: set[str] = field(default_factory=set)
    unanswered: list[list[dict[str, Any]]] = field(default_factory=list)
    accepted: int = 0

    def post_until_it_dies(self, url: str, first: threading.Event) -> None:
        """What had no answer in the round before is sent again first, as a library would."""
        with requests.Session() as session:
            while True:
                batch = self.unanswered.pop() if self.unanswered else _batch()
                try:
                    answer = session.post(f"{url}/v1/events", json={"events": batch}, timeout=10)
                except requests.RequestException:
                    self.unanswered.append(batch)
                    return
                assert answer.status_code == 202, answer.text
                counts = answer.json()
                assert counts["accepted"] + counts["duplicates"] == len(batch)
                self.accepted += counts["accepted"]
                self.answered |= {event["id"] for event in batch}
                first.set()


def _batch() -> list[dict[str, Any]]:
    return [_event() for _ in range(10)]


def _kill(kassa: KassaProcess) -> None:
    """SIGKILL for the master, its workers and its simulator, in one breath."""
    master = psutil.Process(kassa.process.pid)
    everything = [master, *master.children(recursive=True)]
    for each in everything:
        each.kill()
    kassa.process.wait()
    psutil.wait_procs(everything[1:], timeout=20)


def _killed_under_load(directory: Path, *, rounds: int, **variables: str) -> tuple[set[str], int]:
    """Kills the service again and again; returns the ids it promised and how many it accepted."""
    chance = random.Random(20261123)
    clients = [Client() for _ in range(4)]
    port = free_port()
    for _ in range(rounds):
        first = threading.Event()
        with (
            ThreadPoolExecutor(len(clients)) as pool,
            serving(directory, port=port, workers=2, **variables) as kassa,
        ):
            running = [
                pool.submit(client.post_until_it_dies, kassa.url, first) for client in clients
            ]
            assert first.wait(20), "nothing was answered"
            time.sleep(chance.uniform(0, 0.4))
            _kill(kassa)
            for each in running:
                each.result()
    answered = set[str]().union(*(client.answered for client in clients))
    return answered, sum(client.accepted for client in clients)


def _stored(url: str) -> set[str]:
    store = Store(url)
    try:
        with store.read() as connection:
            ids = connection.scalars(select(events.c.event_id)).all()
    finally:
        store.close()
    assert len(ids) == len(set(ids))
    return set(ids)


def _judge(
    capsys: pytest.CaptureFixture[str], url: str, answered: set[str], accepted: int, rounds: int
) -> None:
    stored = _stored(url)
    with capsys.disabled():
        sys.stdout.write(
            f"\nkill -9, {rounds} rounds: {len(answered)} events answered 202, "
            f"{len(stored)} stored, {len(answered - stored)} lost\n"
        )
    assert len(answered) > rounds * 10
    assert answered <= stored
    # Nothing counts as new twice; what was stored and never answered may be in nobody's count.
    assert accepted <= len(stored)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_answered_before_a_kill_is_stored_once_on_sqlite(
    rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answered, accepted = _killed_under_load(tmp_path, rounds=rounds)
    _judge(capsys, f"sqlite:///{tmp_path / 'kassa.db'}", answered, accepted, rounds)
    connection = sqlite3.connect(tmp_path / "kassa.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_what_was_answered_before_a_kill_is_stored_once_on_postgresql(
    tmp_path: Path, postgresql_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    name = postgresql_server.create_database()
    url = postgresql_server.url(name)
    answered, accepted = _killed_under_load(tmp_path, rounds=5, KASSA_DATABASE_URL=url)
    _judge(capsys, url, answered, accepted, 5)
    postgresql_server.drop_database(name)
