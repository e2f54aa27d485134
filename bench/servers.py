"""The servers of the page race, alike in everything but the application.

`python -m bench.servers kassa|bare|storing DIRECTORY PORT WORKERS` serves until it is told to stop.
All go through the function that `kassa serve` goes through, with the same settings; the bare one
renders the same template with the context that the real page rendered it with, and signs a cookie;
the storing one also inserts a row for each new visitor, durably, before it answers.
"""

import itertools
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from flask import Flask, make_response, render_template, request, template_rendered
from flask.wrappers import Response
from itsdangerous import BadSignature, Signer
from jinja2 import Template

from service.server import Kassa, opened, run
from service.settings import PROJECT, Settings

PAGE = "checkout/page.html"
SECRET = "a key of the benchmark's own"  # noqa: S105 - signs nothing that anybody believes
THREADS = 8
COOKIE = "kassa_visitor"
_OF_FLASK = frozenset({"g", "request", "session"})
_ATTEMPTS = 100


@dataclass(frozen=True)
class BareKassa(Kassa):
    """Kassa's server with a bare Flask route where the checkout is."""

    def application(self) -> Flask:
        """One route: the cookie is checked or set, the template rendered, nothing stored."""
        real = super().application()
        return _bare(real, _contexts(real), lambda _visitor: None)


@dataclass(frozen=True)
class StoringKassa(Kassa):
    """Kassa's server with a bare Flask route that stores each new visitor."""

    def application(self) -> Flask:
        """As the bare one, and a row for a new visitor, in a transaction of its own."""
        real = super().application()
        return _bare(real, _contexts(real), Rows(Path("rows.db")).insert)


class Rows:
    """The least that makes a visit durable: the driver, one table, one insert."""

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()
        self._own = threading.local()
        self._connection().execute("CREATE TABLE visits (visitor TEXT PRIMARY KEY)")

    def insert(self, visitor: str) -> None:
        """Stores a visitor; returns when that is on the disk."""
        self._connection().execute("INSERT INTO visits VALUES (?)", (visitor,))

    def _connection(self) -> sqlite3.Connection:
        # One for each thread of each worker: none is shared over the fork.
        known: tuple[int, sqlite3.Connection] | None = getattr(self._own, "known", None)
        if known is None or known[0] != os.getpid():
            made = sqlite3.connect(self._file, isolation_level=None, timeout=30)
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = FULL")
            known = self._own.known = (os.getpid(), made)
        return known[1]


def _bare(real: Flask, contexts: list[dict[str, Any]], store: Callable[[str], None]) -> Flask:
    app = Flask(
        "bare",
        static_folder=str(PROJECT / "service" / "static"),
        template_folder=str(PROJECT / "templates"),
    )
    app.jinja_env.filters.update(real.jinja_env.filters)
    own = app.jinja_env.globals
    own.update({key: value for key, value in real.jinja_env.globals.items() if key not in own})
    # The server follows the definitions there, as it does beside the page.
    app.extensions["kassa"] = real.extensions["kassa"]
    signer, next_context = Signer(SECRET), itertools.cycle(contexts)

    @app.get("/c/<_checkout_id>")
    def show(_checkout_id: str) -> Response:
        known = _known(signer, request.cookies.get(COOKIE, ""))
        response = make_response(render_template(PAGE, **next(next_context)))
        if not known:
            visitor = token_urlsafe(16)
            store(visitor)
            signed = signer.sign(visitor).decode()
            response.set_cookie(COOKIE, signed, max_age=86400, httponly=True, samesite="Lax")
        return response

    return app


def _known(signer: Signer, cookie: str) -> bool:
    try:
        signer.unsign(cookie)
    except BadSignature:
        return False
    return True


def _contexts(real: Flask) -> list[dict[str, Any]]:
    """One rendering context of the real page for each flow, in turn as visitors would meet them."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_ATTEMPTS):
        with _rendered(real) as renderings:
            answer = real.test_client().get("/buy/" + _offer(real), follow_redirects=True)
        if answer.status_code != 200:
            raise RuntimeError(f"the page itself answers {answer.status}")
        for context in renderings:
            found[context["flow"].key] = context
        if len(found) == 2:
            return list(found.values())
    raise LookupError(f"of the flows only {sorted(found)} turned up in {_ATTEMPTS} visits")


def _offer(real: Flask) -> str:
    return str(next(iter(real.extensions["kassa"].in_force.catalog.offers)))


@contextmanager
def _rendered(app: Flask) -> Iterator[list[dict[str, Any]]]:
    renderings: list[dict[str, Any]] = []

    def note(_sender: Flask, template: Template, context: dict[str, Any], **_: object) -> None:
        if template.name == PAGE:
            renderings.append({k: v for k, v in context.items() if k not in _OF_FLASK})

    with template_rendered.connected_to(note, app):
        yield renderings


def _settings(directory: Path) -> Settings:
    environment = {
        "KASSA_DATABASE_URL": f"sqlite:///{directory / 'kassa.db'}",
        "KASSA_SECRET_KEY": SECRET,
    }
    return Settings.from_environment(environment, directory=directory)


def main(name: str, directory: Path, port: int, workers: int) -> None:
    """Serves the named application on 127.0.0.1."""
    os.chdir(directory)
    with opened(_settings(directory), port=port) as kassa:
        parts = {field.name: getattr(kassa, field.name) for field in fields(Kassa)}
        kinds: dict[str, type[Kassa]] = {
            "kassa": Kassa, "bare": BareKassa, "storing": StoringKassa,
        }  # fmt: skip
        served = kinds[name](**parts)
        run(served, host="127.0.0.1", port=port, workers=workers, threads=THREADS, quiet=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
