"""A gunicorn worker whose threads never wait for a client.

Gunicorn's threads read from sockets that block without end: as many half-sent requests as there
are threads stop everybody. Here the event loop gathers each request, head and body, and a thread
gets it when it is whole; who is too slow is told so (408) and closed. Answers go into the
kernel's buffer, which is larger than any of them, and have a deadline beyond that.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any

from gunicorn.http import Request
from gunicorn.workers.gthread import TConn, ThreadWorker
from typing_extensions import override

# Seconds a request may take from its first byte to its last, and between two bytes.
REQUEST_SECONDS = 15.0
SILENCE_SECONDS = 5.0
# Seconds a connection may be open before its first byte: browsers open some ahead of need.
IDLE_SECONDS = 15.0
ANSWER_SECONDS = 15.0
_LINGER_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_LOG_SECONDS = 60.0

MAX_HEAD = 64 * 1024
# A webhook is the largest body that any route takes; a larger one is refused by its head.
MAX_BODY = 600 * 1024
_MAX_HELD = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_SEND_BUFFER = 256 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Verdict(Enum):
    WAIT = auto()
    SERVE = auto()
    # The head alone is served, without a body that is too large or of unknown length.
    SERVE_HEAD = auto()
    REFUSE = auto()
    GONE = auto()


class _Socket(socket.socket):
    """A client's socket: threads only write to it, and not for longer than the deadline."""

    _until: float | None = None

    @override
    def setblocking(self, flag: bool, /) -> None:
        self._until = None
        super().settimeout(ANSWER_SECONDS if flag else 0.0)

    @override
    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        # What a thread may read has been gathered before; there is no more.
        return b""

    def take(self) -> bytes | None:
        """What has arrived; None when nothing has, empty when nothing will."""
        try:
            return super().recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    @override
    def sendall(self, data: Any, flags: int = 0, /) -> None:
        now = time.monotonic()
        if self._until is None:
            self._until = now + ANSWER_SECONDS
        super().settimeout(max(self._until - now, 0.001))
        try:
            super().sendall(data, flags)
        except TimeoutError as exc:
            raise BrokenPipeError(32, "the answer was not taken in time") from exc


class Connection(TConn):
    """A connection that the event loop closes without waiting for the other side."""

    def __init__(
        self, worker: Worker, sock: socket.socket, client: Any, linger: Callable[[TConn], None]
    ) -> None:
        server = sock.getsockname()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        super().__init__(worker.cfg, _Socket(fileno=sock.detach()), client, server)
        self.cut = False
        self._linger = linger

    @override
    def close(self, graceful: bool = False) -> None:
        if graceful:
            self._linger(self)
        else:
            super().close()


@dataclass
class _Gathering:
    """A request as far as it has come; times are of the monotonic clock."""

    connection: Connection
    since: float
    until: float
    buffer: bytearray = field(default_factory=bytearray)
    first: float | None = None
    needed: int | None = None
    _searched: int = 0

    def take(self, now: float) -> _Verdict:
        """Read what has arrived, and judge."""
        arrived = self.connection.sock.take()  # type: ignore[attr-defined]  # it is a _Socket
        if arrived:
            self.add(arrived, now)
        verdict = self.verdict()
        return _Verdict.GONE if arrived == b"" and verdict is _Verdict.WAIT else verdict

    def add(self, arrived: bytes, now: float) -> None:
        """Keep what has arrived; the deadline moves with it, up to the last one."""
        self.first = now if self.first is None else self.first
        self.buffer += arrived
        self.until = min(now + SILENCE_SECONDS, self.first + REQUEST_SECONDS)

    def verdict(self) -> _Verdict:
        """What is to be done with it now."""
        if self.needed is None:
            end = self.buffer.find(b"\r\n\r\n", self._searched)
            if end < 0:
                self._searched = max(len(self.buffer) - 3, 0)
                return _Verdict.WAIT if len(self.buffer) <= MAX_HEAD else _Verdict.REFUSE
            length = _body_length(bytes(self.buffer[:end]))
            if length is None:
                return _Verdict.SERVE_HEAD
            self.needed = end + 4 + length
            self._invite(end)
        return _Verdict.SERVE if len(self.buffer) >= self.needed else _Verdict.WAIT

    def _invite(self, end: int) -> None:
        awaited = self.needed is not None and len(self.buffer) < self.needed
        if awaited and _EXPECTS.search(self.buffer, 0, end):
            _send_now(self.connection, _CONTINUE)


class Worker(ThreadWorker):
    """Gunicorn's threads behind an event loop that gathers requests for them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathering: dict[TConn, _Gathering] = {}
        self._lingering: dict[TConn, float] = {}
        self._look_at = 0.0
        self._told_at = float("-inf")
        self._dropped = 0

    @override
    def accept(self, listener: socket.socket) -> None:
        try:
            client, peer = listener.accept()
            connection = Connection(self, client, peer, self._linger)
        except (BlockingIOError, ConnectionError):
            return
        self.nr_conns += 1
        # Whoever waits longest makes room before anybody is turned away.
        if self.nr_conns > self.max_keepalived and self._gathering:
            self._drop(next(iter(self._gathering.values())))
        self.enqueue_req(connection)

    @override
    def enqueue_req(self, conn: TConn) -> None:
        """Gather the connection's next request; gunicorn would start a thread at once."""
        if not isinstance(conn, Connection):
            raise TypeError("every connection is made by accept")
        conn.init()
        conn.data_ready = True
        conn.sock.settimeout(0.0)
        now = time.monotonic()
        gathering = _Gathering(conn, since=now, until=now + IDLE_SECONDS)
        # A client may have sent the start of this request together with the last one.
        early = conn.parser.unreader.take_buffered()  # type: ignore[union-attr]  # HTTP/1 alone
        if early:
            gathering.add(early, now)
        self._gathering[conn] = gathering
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, gathering))
        self._on_readable(gathering, conn.sock)

    @override
    def handle_request(self, req: Request, conn: TConn) -> bool:
        if isinstance(conn, Connection) and conn.cut:
            req.force_close()  # where its next request would start is unknown
        return super().handle_request(req, conn)

    @override
    def murder_pending(self) -> None:
        """Close what took too long; gunicorn calls this at every turn of its loop."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        for conn in [each for each, until in self._lingering.items() if until <= now]:
            self._end(conn)
        for gathering in list(self._gathering.values()):
            if not self.alive and gathering.first is None:
                gathering.until = min(gathering.until, now + _LINGER_SECONDS)
            if gathering.until <= now:
                self._drop(gathering)
        held = sum(len(each.buffer) for each in self._gathering.values())
        for gathering in list(self._gathering.values()):
            if held <= _MAX_HELD:
                break
            held -= len(gathering.buffer)
            self._drop(gathering)

    def _on_readable(self, gathering: _Gathering, _: object) -> None:
        verdict = gathering.take(time.monotonic())
        if verdict is _Verdict.WAIT:
            return
        conn = self._taken(gathering)
        if verdict is _Verdict.GONE:
            self.nr_conns -= 1
            conn.close()
        elif verdict is _Verdict.REFUSE:
            self._refuse(conn, b"431 Request Header Fields Too Large")
        else:
            conn.cut = verdict is _Verdict.SERVE_HEAD
            conn.parser.unreader.unread(bytes(gathering.buffer))  # type: ignore[union-attr]  # HTTP/1 alone
            self._start(conn)

    def _start(self, conn: TConn) -> None:
        def done(future: Future[bool]) -> None:
            self.method_queue.defer(self.finish_request, conn, future)

        self.tpool.submit(self.handle, conn).add_done_callback(done)

    def _taken(self, gathering: _Gathering) -> Connection:
        """The connection, which is gathered for no more."""
        conn = gathering.connection
        del self._gathering[conn]
        self.poller.unregister(conn.sock)
        return conn

    def _drop(self, gathering: _Gathering) -> None:
        conn = self._taken(gathering)
        if gathering.first is None:
            self.nr_conns -= 1
            conn.close()
            return
        self._refuse(conn, b"408 Request Timeout")
        self._dropped += 1
        now = time.monotonic()
        if now - self._told_at >= _LOG_SECONDS:
            self.log.warning("%d connections closed: requests came too slowly", self._dropped)
            self._told_at, self._dropped = now, 0

    def _refuse(self, conn: Connection, status: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status
        _send_now(conn, head)
        self.nr_conns -= 1
        self._linger(conn)

    def _linger(self, conn: TConn) -> None:
        """Stop writing, and close when the other side has; no thread and no loop waits for it.

        Closing at once would reset a connection whose last bytes are not read yet.
        """
        self.nr_conns += 1
        try:
            conn.sock.settimeout(0.0)
            conn.sock.shutdown(socket.SHUT_WR)
            self._lingering[conn] = time.monotonic() + _LINGER_SECONDS
            self.poller.register(
                conn.sock, selectors.EVENT_READ, partial(self._on_last_words, conn)
            )
        except (OSError, ValueError):  # the other side was faster
            self._lingering.pop(conn, None)
            self.nr_conns -= 1
            conn.close()

    def _on_last_words(self, conn: TConn, _: object) -> None:
        if conn.sock.take() == b"":  # type: ignore[attr-defined]  # it is a _Socket
            self._end(conn)

    def _end(self, conn: TConn) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()


def _body_length(head: bytes) -> int | None:
    """The bytes of body a head announces; None where that is unclear, or more than we gather."""
    lengths = [value.strip() for value in _LENGTH.findall(head)]
    if _CHUNKED.search(head) or len(lengths) > 1:
        return None
    if not lengths:
        return 0
    if not (lengths[0].isdigit() and len(lengths[0]) <= 9):
        return None
    length = int(lengths[0])
    return length if length <= MAX_BODY else None


def _send_now(conn: TConn, data: bytes) -> None:
    """Send a few bytes if that is possible without waiting."""
    try:
        conn.sock.send(data)
    except OSError:
        return
