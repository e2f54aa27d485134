"""A small keep-alive client: sends the requests it is given to this machine, and times them.

A process of its own, so that its work is not counted as the server's. Reads one JSON object from
stdin, writes one to stdout.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
SECONDS_TO_ANSWER = 30.0


@dataclass(frozen=True)
class Get:
    """One request: the path, and the visitor's cookie if there is one."""

    path: str
    cookie: str = ""

    def encoded(self, port: int) -> bytes:
        """The bytes on the wire; what a browser's navigation sends, as far as a server looks."""
        cookie = f"Cookie: kassa_visitor={self.cookie}\r\n" if self.cookie else ""
        head = f"GET {self.path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: text/html\r\n"
        return f"{head}{cookie}\r\n".encode("ascii")


@dataclass
class Tally:
    """What came back.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: of each request, in milliseconds.
        statuses: how many answers had each status.
        received: bytes of all bodies.
        locations: where redirects led.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    received: int = 0
    locations: list[str] = field(default_factory=list)


def send(requests: Sequence[Get], *, port: int, connections: int) -> Tally:
    """Sends all requests from another process and waits for it.

    Raises:
        subprocess.CalledProcessError: a connection broke or an answer did not come.
    """
    plan = {
        "port": port,
        "connections": connections,
        "requests": [[each.path, each.cookie] for each in requests],
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(plan),
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Tally(**json.loads(done.stdout))


class _Connection:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=SECONDS_TO_ANSWER)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def exchange(self, request: bytes) -> tuple[dict[str, str], int]:
        """Sends one request; returns the answer's headers (and `status`) and its body's length."""
        self._socket.sendall(request)
        head = self._up_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {"status": head[0].split(" ", 2)[1]}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers["content-length"])
        self._skip(length)
        return headers, length

    def _up_to(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._receive()
        found, _, self._read = self._read.partition(mark)
        return found

    def _skip(self, length: int) -> None:
        while len(self._read) < length:
            self._receive()
        self._read = self._read[length:]

    def _receive(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed a connection that it had to keep")
        self._read += received


def _work(port: int, requests: Iterator[bytes], lock: threading.Lock, tally: Tally) -> None:
    connection = _Connection(port)
    while True:
        with lock:
            request = next(requests, None)
        if request is None:
            return
        start = time.perf_counter()
        headers, length = connection.exchange(request)
        elapsed = (time.perf_counter() - start) * 1000
        status = headers["status"]
        with lock:
            tally.latencies.append(elapsed)
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            tally.received += length
            if "location" in headers:
                tally.locations.append(headers["location"])


def _send_all(requests: Sequence[Get], *, port: int, connections: int) -> Tally:
    encoded = iter([request.encoded(port) for request in requests])
    lock, tally = threading.Lock(), Tally()
    threads = [
        threading.Thread(target=_work, args=(port, encoded, lock, tally))
        for _ in range(min(connections, len(requests)))
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.seconds = time.perf_counter() - start
    return tally


def main() -> None:
    """Carries out the plan on stdin. Ends with 1 when not every request was answered."""
    plan = json.load(sys.stdin)
    requests = [Get(path, cookie) for path, cookie in plan["requests"]]
    tally = _send_all(requests, port=plan["port"], connections=plan["connections"])
    json.dump(asdict(tally), sys.stdout)
    sys.exit(len(tally.latencies) != len(requests))


if __name__ == "__main__":
    main()
