"""The simulator as a process: it starts fast, refuses live keys, and survives being killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import stripe

from service.errors import Unavailable
from service.payments.simulator.process import SimulatorProcess, main, start
from tests.service.payments.simulator.conftest import SECRET, Receiver, Simulator

pytestmark = pytest.mark.stripe
ClientOf = Callable[..., stripe.StripeClient]


def started(tmp_path: Path, receiver: Receiver) -> SimulatorProcess:
    return start(tmp_path / "process.db", port=0, webhook_url=receiver.url, webhook_secret=SECRET)


def seen(process: SimulatorProcess, tmp_path: Path, receiver: Receiver, of: ClientOf) -> Simulator:
    return Simulator(process.url, tmp_path / "process.db", receiver, of(process.url))


def test_it_starts_pays_and_stops(tmp_path: Path, receiver: Receiver, client_of: ClientOf) -> None:
    process = started(tmp_path, receiver)
    try:
        simulator = seen(process, tmp_path, receiver, client_of)
        assert simulator.pay().status == "succeeded"
        simulator.drained()
    finally:
        process.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(process.url, timeout=5)


def test_it_listens_on_the_loopback_alone(tmp_path: Path, receiver: Receiver) -> None:
    process = started(tmp_path, receiver)
    try:
        port = int(process.url.rpartition(":")[2])
        with socket.socket() as outside, pytest.raises(OSError, match="refused"):
            outside.connect(("127.0.0.2", port))
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_live_51abc"),
        ("STRIPE_PUBLISHABLE_KEY", " pk_live_51abc"),
        ("STRIPE_SECRET_KEY", "rk_live_51abc"),
        ("ELSEWHERE", "sk_live_51abc"),
    ],
)
def test_it_does_not_start_beside_a_live_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    arguments = ["--database", str(tmp_path / "x.db"), "--webhook-url", "http://127.0.0.1:1/"]
    assert main([*arguments, "--webhook-secret", "whsec_x"], {name: value}) == 2
    said = capsys.readouterr()
    assert name in said.err
    assert "live" in said.err
    assert value.strip() not in said.err + said.out
    assert not (tmp_path / "x.db").exists()


def test_its_environment_is_looked_at_when_started_for_real(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_51abc")
    with pytest.raises(Unavailable):
        started(tmp_path, receiver)


def test_it_refuses_a_webhook_url_elsewhere(tmp_path: Path) -> None:
    arguments = ["--database", str(tmp_path / "x.db"), "--webhook-url", "http://example.com/"]
    assert main([*arguments, "--webhook-secret", "whsec_x"], {}) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, receiver: Receiver, number: int) -> None:
    command = [sys.executable, "-m", "service.payments.simulator", "--webhook-secret", SECRET]
    command += ["--database", str(tmp_path / "s.db"), "--webhook-url", receiver.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(10) == 0


def test_killed_in_mid_traffic_it_keeps_all_it_acknowledged(
    tmp_path: Path, receiver: Receiver, client_of: ClientOf
) -> None:
    process = started(tmp_path, receiver)
    acknowledged: list[str] = []

    def buy() -> None:
        client = client_of(process.url)
        simulator = Simulator(process.url, tmp_path / "process.db", receiver, client)
        try:
            while True:
                acknowledged.append(simulator.pay().id)
        except stripe.APIConnectionError:
            return

    buyers = [threading.Thread(target=buy) for _ in range(4)]
    for buyer in buyers:
        buyer.start()
    deadline = time.monotonic() + 20
    while len(acknowledged) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    for buyer in buyers:
        buyer.join()
    process.stop()
    again = started(tmp_path, receiver)
    try:
        simulator = seen(again, tmp_path, receiver, client_of)
        intents = simulator.client.v1.payment_intents
        assert len(acknowledged) >= 20
        for identity in acknowledged:
            assert intents.retrieve(identity).status == "succeeded"
        charges = simulator.client.v1.charges.list({"limit": 100})
        of = [charge.payment_intent for charge in charges.auto_paging_iter()]
        assert len(of) == len(set(of))
        simulator.drained()
        told = {
            event.data.object["id"]
            for event in receiver.events()
            if event.type == "payment_intent.succeeded"
        }
        assert told >= set(acknowledged)
    finally:
        again.stop()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"BREW /v1/events HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"POST /v1/customers HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /v1/customers HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"POST /v1/customers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"DELETE /v1/customers/cus_1 HTTP/1.1\r\nConnection: close\r\n\r\n", b"401"),
    ],
)
def test_what_is_not_http_as_spoken_here_is_refused(
    simulator: Simulator, raw: bytes, status: bytes
) -> None:
    port = int(simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(raw)
        answer = line.makefile("rb").read()
    assert answer.splitlines()[0].split()[1] == status


def test_fifty_connections_are_served_at_once(simulator: Simulator) -> None:
    port = int(simulator.url.rpartition(":")[2])
    ask = b"GET /_control/deliveries HTTP/1.1\r\nHost: x\r\n\r\n"
    lines = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
    for _ in range(2):
        for line in lines:
            line.sendall(ask)
        for line in lines:
            assert line.recv(4096).startswith(b"HTTP/1.1 200")
    for line in lines:
        line.close()
