"""`kassa demo`: the whole of Kassa at once, on books of its own."""

from __future__ import annotations

import fcntl
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import func, select

from analysis.render import to_html, to_text
from analysis.report import Absent, Report
from experiments import Catalog, FunnelEvent
from service.errors import ConfigurationError, Unavailable
from service.reporting import make_report, store_report
from service.server import check_address
from service.settings import Settings
from service.store.session import Store
from service.store.tables import events
from service.traffic import Behaviour, Crowd, Result
from service.web.signing import Signing

EXPERIMENT = "one-page-checkout"
OFFER = "team-plan"
_THREADS = 8
_READY_SECONDS = 60
_SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Demo:
    """A demonstration: its own store, its own simulator, its own visitors.

    Attributes:
        directory: where the demonstration's books live; they are begun anew each time.
        behaviour: what is true about the visitors, and what the report should find.
    """

    directory: Path
    port: int
    visitors: int
    seed: int
    behaviour: Behaviour
    console: Console

    def run(self, environment: Mapping[str, str], *, serve: bool) -> Report:
        """Send the visitors, print what to look at, and serve on if asked to.

        Raises:
            ConfigurationError: Stripe keys are set, which a demonstration must never meet, or the
                port is taken.
            Unavailable: the service did not start or broke down, or another demonstration runs on
                these books.
        """
        # Before anything of an earlier demonstration is removed: it may still be serving there.
        check_address("127.0.0.1", self.port)
        own = self._environment(environment)
        with self._alone():
            settings = Settings.from_environment(own, directory=self.directory)
            catalog = Catalog.load(settings.definitions)
            signing = Signing(settings.secret_keys)
            self._begin_anew()
            with self._served(own):
                self._settled(settings, self._send(signing))
                report = self._report(settings, catalog)
                self._print(report, signing, catalog)
                if serve:
                    self._serve_on()
        return report

    @property
    def url(self) -> str:
        """Where the demonstration is served."""
        return f"http://127.0.0.1:{self.port}"

    def _environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        if any(name.startswith("STRIPE_") and value for name, value in environment.items()):
            raise ConfigurationError(
                "STRIPE_SECRET_KEY and its sisters are set: the demo only ever pays the simulator, "
                "unset them or use `kassa serve`"
            )
        own = {"KASSA_DATABASE_URL": self._database, "KASSA_PUBLIC_URL": self.url}
        if given := environment.get("KASSA_DEFINITIONS", "").strip():
            own["KASSA_DEFINITIONS"] = str(Path(given).absolute())  # the service runs elsewhere
        return dict(environment) | own

    @property
    def _database(self) -> str:
        return f"sqlite:///{self.directory / 'demo.db'}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the books of this directory; a demonstration that is killed lets go of them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Unavailable(
                    f"another demo is running on {self.directory}: end it, or run this one in "
                    "another directory"
                ) from exc
            yield

    def _begin_anew(self) -> None:
        for old in self.directory.glob("demo*.db*"):
            old.unlink()

    @contextmanager
    def _served(self, environment: dict[str, str]) -> Iterator[None]:
        """`kassa serve` as everybody runs it, in a process of its own."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "service.cli",
            "serve",
            "--port",
            str(self.port),
            "--quiet",
        ]
        server = subprocess.Popen(command, env=environment, cwd=self.directory)  # noqa: S603 - our own command, no shell
        try:
            self._wait_until_ready(server)
            yield
        finally:
            server.terminate()
            server.wait()

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            try:
                if requests.get(f"{self.url}/readyz", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise Unavailable(f"the service did not start on {self.url}; is the port taken?")

    def _send(self, signing: Signing) -> list[Result]:
        crowd = Crowd(self.url, OFFER, self.seed, signing.visitor_cookie, self.behaviour)
        self.console.print(f"sending {self.visitors} visitors to {self.url}", highlight=False)
        columns = (TextColumn("visitors"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task("visitors", total=self.visitors)
            return crowd.visit_all(self.visitors, threads=_THREADS, seen=lambda: bar.advance(task))

    def _settled(self, settings: Settings, results: list[Result]) -> None:
        """Wait until the webhooks of everything that happened have arrived."""
        expected = {
            FunnelEvent.PAYMENT_SUCCEEDED: sum(result.paid for result in results),
            FunnelEvent.PAYMENT_DECLINED: sum(result.declined for result in results),
        }
        store = Store(settings.database_url)
        deadline = time.monotonic() + _SETTLE_SECONDS
        try:
            while (found := _ledger_counts(store, expected)) != expected:
                if time.monotonic() > deadline:
                    raise Unavailable(f"webhooks are missing: {found} of {expected} arrived")
                time.sleep(0.2)
        finally:
            store.close()

    def _report(self, settings: Settings, catalog: Catalog) -> Report:
        store = Store(settings.database_url)
        try:
            now = datetime.now(UTC)
            report = make_report(store, catalog, EXPERIMENT, as_of=now, now=now)
            store_report(store, report)
        finally:
            store.close()
        (self.directory / "report.html").write_text(to_html(report), encoding="utf-8")
        return report

    def _print(self, report: Report, signing: Signing, catalog: Catalog) -> None:
        tell = self.console.print
        print(to_text(report))  # noqa: T201 - the report is the result, on stdout
        tell(f"\n{_held_against(report, self.behaviour.lift)}", highlight=False)
        tell("\nOpen:", highlight=False)
        for variant in catalog.experiment(EXPERIMENT).variants:
            token = signing.preview_token(EXPERIMENT, variant.key)
            link = f"{self.url}/buy/{OFFER}?preview={token}"
            tell(f"  {variant.key:<10} {link}", highlight=False, soft_wrap=True)
        link = f"{self.url}/reports/{EXPERIMENT}?access={signing.analyst_token()}"
        tell(f"  {'report':<10} {link}", highlight=False, soft_wrap=True)
        tell(f"  {'file':<10} {self.directory / 'report.html'}", highlight=False, soft_wrap=True)
        again = shlex.join(["kassa", "report", EXPERIMENT, "--source", self._database])
        tell(f"\nThe same report again:\n  {again}", highlight=False, soft_wrap=True)

    def _serve_on(self) -> None:
        self.console.print("\nServing until Ctrl-C.", highlight=False)
        try:
            while True:
                # Not for long: a signal that another thread happens to take wakes nobody here.
                time.sleep(1)
        except KeyboardInterrupt:
            self.console.print("\nstopped", highlight=False)


def _held_against(report: Report, lift: float) -> str:
    """Whether the report's interval holds what is true of these visitors."""
    (comparison,) = report.primary.comparisons
    low, high = comparison.relative.ci_low, comparison.relative.ci_high
    if isinstance(low, Absent) or isinstance(high, Absent):
        return f"The true lift in this simulation is {lift:+.1%}."
    inside = "inside" if low <= lift <= high else "outside"
    return (
        f"The true lift in this simulation is {lift:+.1%}, {inside} the 95% interval of the score "
        f"test, {low:+.1%} to {high:+.1%}."
    )


def _ledger_counts(store: Store, names: Mapping[FunnelEvent, int]) -> dict[FunnelEvent, int]:
    with store.read() as connection:
        rows = connection.execute(
            select(events.c.name, func.count())
            .where(events.c.name.in_([name.value for name in names]))
            .group_by(events.c.name)
        )
        found = {row[0]: int(row[1]) for row in rows}
    return {name: found.get(name.value, 0) for name in names}
