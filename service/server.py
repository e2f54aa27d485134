"""The production server: gunicorn with threads, several workers, and a graceful stop.

The application is made once, before the workers are forked: a worker that is replaced later
gets the definitions that were in force, whatever has been saved to disk since.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from sqlalchemy import make_url
from typing_extensions import override

from experiments import InvalidDefinition
from service.app import create_app, utc_now
from service.checkout.details import forget_details
from service.chores import Chore, Chores
from service.definitions import InForce
from service.errors import ConfigurationError, ServiceError, Unavailable
from service.notices.outbox import put_away
from service.notices.postman import Postman
from service.payments.gateway import Books
from service.payments.retries import Collector
from service.payments.simulator.process import SimulatorProcess, start
from service.reconciling.comparing import reconcile
from service.settings import Settings, StripeKeys
from service.store import schema
from service.store.session import Store
from service.web.context import Services

if TYPE_CHECKING:
    from service.payments.stripe_gateway import StripeGateway

log = logging.getLogger(__name__)

SIMULATED_KEYS = StripeKeys(
    secret_key="sk_test_simulated",  # noqa: S106 - opens nothing but the simulator
    publishable_key="pk_test_simulated",
    webhook_secrets=("whsec_simulated",),
)
_GRACE = 30
_REQUEST_TIMEOUT = 60


@dataclass(frozen=True)
class Kassa:
    """A ready service: its application, and what has to be closed after it."""

    settings: Settings
    store: Store
    gateway: StripeGateway
    simulator: SimulatorProcess | None
    simulator_state: Path | None

    def application(self) -> Flask:
        """The application, with the definitions that are on disk now.

        Raises:
            InvalidDefinition: a definition does not hold; with every problem at once.
            StoreUnavailable: the database does not answer, so that nobody knows what is stopped.
        """
        in_force = InForce.load(self.settings.definitions, store=self.store, clock=utc_now)
        # Workers are forked: a connection opened before would be shared by all of them.
        self.store.close()
        return create_app(
            self.settings,
            catalog=in_force,
            store=self.store,
            gateway=self.gateway,
            simulator=self.simulator_state,
        )

    def chores(self) -> Chores:
        """What is done beside the requests."""
        every = [
            Chore("notices", timedelta(seconds=5), self._notify),
            Chore("retries", timedelta(minutes=1), self._collect),
            Chore("reconcile", timedelta(hours=1), self._reconcile),
            Chore("details", timedelta(hours=1), self._forget),
        ]
        return Chores(every, store=self.store, clock=utc_now)

    def _notify(self) -> None:
        settings = self.settings
        with self.store.write() as connection:
            put_away(connection, now=utc_now())
        if settings.mail is not None:
            Postman(
                self.store,
                settings.mail,
                settings.merchant,
                utc_now,
                simulated=settings.simulated,
            ).deliver()

    def _forget(self) -> None:
        with self.store.write() as connection:
            forget_details(connection, now=utc_now())

    def _collect(self) -> None:
        Collector(self.store, self.gateway.billing, utc_now).collect()

    def _reconcile(self) -> None:
        reconcile(self.store, self.gateway, now=utc_now())


@contextmanager
def opened(settings: Settings, *, port: int) -> Iterator[Kassa]:
    """Open the store, and the simulator where there are no Stripe keys; close both at the end.

    Raises:
        StoreUnavailable: the database does not answer.
        SchemaMismatch: it belongs to another version.
    """
    store = Store(settings.database_url)
    simulator, state = None, None
    try:
        schema.ensure(store)
        if settings.simulated:
            state = simulator_state(settings)
            state.parent.mkdir(parents=True, exist_ok=True)
            simulator = start(
                state,
                port=0,
                webhook_url=f"http://127.0.0.1:{port}/webhooks/stripe",
                webhook_secret=SIMULATED_KEYS.webhook_secrets[0],
                origin=settings.public_url or f"http://127.0.0.1:{port}",
            )
        gateway = _gateway(settings, simulator)
        yield Kassa(settings, store, gateway, simulator, state)
    finally:
        if simulator is not None:
            simulator.stop()
        store.close()


def check_address(host: str, port: int) -> None:
    """Whether a server could listen there now.

    Raises:
        ConfigurationError: it could not, e.g. because somebody else does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as exc:
        raise ConfigurationError(
            f"--port {port} on {host} can't be served: {exc.strerror}; name another port"
        ) from exc


def simulator_state(settings: Settings) -> Path:
    """Where the simulator keeps its own books: beside an SQLite store, else under ``var``."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        store = Path(url.database)
        return store.with_name(f"{store.stem}-stripe-simulator.db")
    return Path("var") / "stripe-simulator.db"


def run(kassa: Kassa, *, host: str, port: int, workers: int, threads: int, quiet: bool) -> None:
    """Serve until told to stop; requests under way are finished first."""
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        # Gunicorn's own threads wait for clients without end.
        "worker_class": "service.worker.Worker",
        # Whom to believe is KASSA_TRUSTED_PROXIES' matter alone.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "preload_app": True,
        "graceful_timeout": _GRACE,
        "timeout": _REQUEST_TIMEOUT,
        "keepalive": 15,
        "loglevel": "warning" if quiet else "info",
        "control_socket_disable": True,
    }
    _Server(kassa.application, kassa.chores(), options).run()


class _Server(BaseApplication):
    """Gunicorn, told what to do by arguments instead of a file."""

    def __init__(self, make: Callable[[], Flask], chores: Chores, options: dict[str, Any]) -> None:
        self._make = make
        # In each worker: threads do not live on in a fork.
        self._options = options | {
            "post_worker_init": lambda _worker: self._start(),
            "worker_exit": lambda _server, _worker: self._end(),
        }
        self._app = make()
        self._chores = chores
        super().__init__()

    @override
    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def _start(self) -> None:
        self._in_force.start()
        self._chores.start()

    def _end(self) -> None:
        self._chores.end()
        self._in_force.end()

    @property
    def _in_force(self) -> InForce:
        services: Services = self._app.extensions["kassa"]
        return services.in_force

    @override
    def load(self) -> Any:
        return self._app

    @override
    def reload(self) -> None:
        """On SIGHUP: take the new definitions if they hold, else keep the ones in force."""
        try:
            self._app = self._make()
            self.callable = self._app  # type: ignore[assignment]  # a Flask is a WSGI callable
        except (InvalidDefinition, ServiceError) as exc:
            log.error("definitions not reloaded, the last good ones stay in force: %s", exc)  # noqa: TRY400 - the problems are the message, not our stack
        super().reload()


@contextmanager
def reading_gateway(settings: Settings) -> Iterator[Books]:
    """Stripe's books, for a command beside the service.

    Without Stripe keys the simulator's own state is read by a simulator of the command's own, which
    ends with it and sends no webhooks anywhere.

    Raises:
        Unavailable: the simulator has no state yet.
    """
    if settings.stripe is not None:
        yield _stripe_gateway(settings.stripe, None)
        return
    state = simulator_state(settings)
    if not state.exists():
        raise Unavailable(f"the Stripe simulator was never started here: there is no {state}")
    nowhere = "http://127.0.0.1:9/webhooks/stripe"
    secret = SIMULATED_KEYS.webhook_secrets[0]
    simulator = start(state, port=0, webhook_url=nowhere, webhook_secret=secret, held=True)
    try:
        yield _stripe_gateway(SIMULATED_KEYS, simulator.url)
    finally:
        simulator.stop()


def _gateway(settings: Settings, simulator: SimulatorProcess | None) -> StripeGateway:
    if settings.stripe is not None:
        return _stripe_gateway(settings.stripe, None)
    return _stripe_gateway(SIMULATED_KEYS, simulator.url if simulator else None)


def _stripe_gateway(keys: StripeKeys, address: str | None) -> StripeGateway:
    from service.payments.stripe_gateway import (  # noqa: PLC0415 - stripe takes a second to load
        StripeGateway,
    )

    return StripeGateway(keys, base_address=address)
