import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe

from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint
from service.payments.simulator.wire import SECRET_KEY
from tests.contract.account import Listening, SandboxCalendar, SimulatedCalendar, StripeAccount
from tests.contract.difference import differences, outline
from tests.contract.sandbox import KEY
from tests.service.payments.simulator.shapes import answer_findings

HEARD = pytest.StashKey[dict[str, list[Any]]]()


@pytest.fixture(autouse=True)
def _nobodys_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    # Kassa's gateway says its name for the whole process; what is asked here is not Kassa's.
    monkeypatch.setattr(stripe, "app_info", None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With `--stripe-sandbox` each sentence is held against the simulator and against Stripe."""
    if "stripe_account" in metafunc.fixturenames:
        both = metafunc.config.getoption("--stripe-sandbox")
        kinds = ["simulator", "sandbox"] if both else ["simulator"]
        metafunc.parametrize("stripe_account", kinds, indirect=True)


@pytest.fixture
def stripe_account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StripeAccount]:
    """The account that the contract is held against."""
    http_client = Listening()
    if request.param == "sandbox":
        account = sandbox(os.environ[KEY].strip(), http_client)
    else:
        account = simulator(tmp_path / "simulator.db", http_client)
    with account as opened:
        yield opened
    http_client.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    heard = request.config.stash.setdefault(HEARD, {"simulator": [], "sandbox": []})
    heard[request.param] += http_client.heard


@contextmanager
def simulator(database: Path, http_client: Listening) -> Iterator[StripeAccount]:
    """A simulator's account."""
    endpoint = Endpoint.parse("http://127.0.0.1:9/", "whsec_simulated")
    server = SimulatorServer(database, port=0, endpoint=endpoint, clock=lambda: datetime.now(UTC))
    server.start()
    client = stripe.StripeClient(
        SECRET_KEY,
        base_addresses={"api": server.url},
        max_network_retries=2,
        http_client=http_client,
    )
    yield StripeAccount(client, SimulatedCalendar(server.url), real=False)
    server.stop()


@contextmanager
def sandbox(key: str, http_client: Listening) -> Iterator[StripeAccount]:
    """The account of a sandbox's secret key; its test clock, and all on it, goes at the end."""
    client = stripe.StripeClient(key, max_network_retries=2, http_client=http_client)
    calendar = SandboxCalendar(client)
    yield StripeAccount(client, calendar, real=True)
    with suppress(stripe.StripeError):
        calendar.remove()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where Stripe's objects are not what the SDK says, or not the simulator's."""
    heard = terminalreporter.config.stash.get(HEARD, None)
    if heard is not None and heard["sandbox"]:
        terminalreporter.section("the sandbox's objects against the SDK's types")
        for finding in sorted(
            {each for body in heard["sandbox"] for each in answer_findings(body)}
        ):
            terminalreporter.line(finding)
        terminalreporter.section("the sandbox's objects against the simulator's")
        for each in differences(outline(heard["simulator"]), outline(heard["sandbox"])):
            terminalreporter.line(each)
