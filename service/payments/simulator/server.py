"""The simulator's HTTP server: loopback only, HTTP/1.1 with keep-alive, a thread per connection."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from service.payments.simulator import agenda, control, faults
from service.payments.simulator.api import Api, Clock, Request, Response
from service.payments.simulator.chaos import Chaos
from service.payments.simulator.control import Control
from service.payments.simulator.errors import envelope
from service.payments.simulator.faults import Fault, Faults
from service.payments.simulator.routes import TASKS
from service.payments.simulator.store import Store
from service.payments.simulator.webhooks import Deliveries, Endpoint
from service.payments.simulator.wire import to_bytes

ADDRESS = "127.0.0.1"
_LARGEST_BODY = 1024 * 1024
_IDLE_SECONDS = 75.0
_POLL_SECONDS = 0.05
_AGENDA_SECONDS = 1.0


@dataclass(frozen=True)
class Front:
    """Decides what a request meets: the control API, a fault, or the API."""

    api: Api
    control: Control
    faults: Faults
    deliveries: Deliveries
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: Request) -> Response | None:
        """The response, or None to cut the connection."""
        if request.path.startswith(control.PREFIX):
            return self.control.answer(request)
        fault = self.faults.take(request.path)
        if fault is not None and fault.do in faults.BEFORE:
            return self._fail(fault, request)
        response = self.api.answer(request)
        if request.method == "POST":
            self.deliveries.wake()
        return response if fault is None else self._fail(fault, request)

    def _fail(self, fault: Fault, request: Request) -> Response | None:
        if fault.do.startswith("status"):
            return self.api.fail(request, fault.status, stored=fault.stored)
        if fault.do.startswith("hang"):
            self.stopping.wait(fault.seconds)
        return None


class SimulatorServer:
    """Everything of the API process, started and stopped together.

    Args:
        database: the shared file; made when absent.
        port: 0 takes a free one.
        endpoint: where webhooks go.
        clock: the moment, UTC.
        held: whether webhooks stay in the queue until the control API releases them.
        origin: of the pages that Stripe would host, which the shop mounts at ``/sim``.
    """

    def __init__(
        self,
        database: Path,
        *,
        port: int,
        endpoint: Endpoint,
        clock: Clock,
        held: bool = False,
        origin: str = "",
    ) -> None:
        self._store = Store(database)
        with self._store.write():
            pass  # the file and its tables are there before anyone is told to use them
        api, script = Api(self._store, clock, origin), Faults()
        self._deliveries = Deliveries(self._store, endpoint, clock, Chaos(hold=held))
        self._front = Front(api, Control(api, script, self._deliveries), script, self._deliveries)
        self._http = _Server((ADDRESS, port), self._front)
        self._api = api
        self._agenda = threading.Thread(target=self._run_agenda, daemon=True)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, daemon=True
        )

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{ADDRESS}:{self._http.server_address[1]}"

    def start(self) -> None:
        """Answer requests and send webhooks, in threads of their own."""
        self._deliveries.start()
        self._agenda.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop both; the store keeps what is not delivered."""
        self._front.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._agenda.join()
        self._deliveries.stop()
        self._store.close()

    def _run_agenda(self) -> None:
        while not self._front.stopping.wait(_AGENDA_SECONDS):
            if agenda.is_due(self._api) and agenda.run_due(self._api, TASKS):
                self._deliveries.wake()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], front: Front) -> None:
        self.front = front
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that hang up are everyday; anything else is a defect and shows its traceback.
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "KassaStripeSimulator"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        length = self._length()
        if length is None:
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(parts.path),
            query=parts.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        response = self.server.front.answer(request)
        if response is None:
            self.close_connection = True
            return
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - the names http.server looks for

    def _length(self) -> int | None:
        announced = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not announced.isascii():
            self.send_error(411)
        elif not announced.isdigit():
            self.send_error(400)
        elif int(announced) > _LARGEST_BODY:
            self.send_error(413)
        else:
            return int(announced)
        return None

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def send_error(
        self, code: int, message: str | None = None, _explain: str | None = None
    ) -> None:
        """Refuse what is not HTTP as this server speaks it, in Stripe's envelope."""
        refused = 400 if code == 501 else code
        self.request_version = self.protocol_version  # whatever was said instead of a request line
        body = to_bytes({"error": envelope("invalid_request_error", message or "Bad request.")})
        self.close_connection = True
        self._send(Response(refused, body, {"Connection": "close"}))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own name
        """Keep silent: requests carry personal data."""
