import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stripe

from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint
from service.payments.simulator.wire import SECRET_KEY
from tests.contract.account import SimulatedCalendar, StripeAccount, sandbox_account
from tests.contract.sandbox import KEY


@pytest.fixture(autouse=True)
def _nobodys_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    # Kassa's gateway says its name for the whole process; what is asked here is not Kassa's.
    monkeypatch.setattr(stripe, "app_info", None)


@pytest.fixture
def stripe_account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StripeAccount]:
    """The simulator's account; with `--stripe-sandbox` a real one."""
    if request.config.getoption("--stripe-sandbox"):
        yield from sandbox_account(os.environ[KEY])
    else:
        yield from simulated_account(tmp_path / "simulator.db")


def simulated_account(database: Path) -> Iterator[StripeAccount]:
    endpoint = Endpoint.parse("http://127.0.0.1:9/", "whsec_simulated")
    server = SimulatorServer(database, port=0, endpoint=endpoint, clock=lambda: datetime.now(UTC))
    server.start()
    http_client = stripe.RequestsClient(timeout=30)
    client = stripe.StripeClient(
        SECRET_KEY,
        base_addresses={"api": server.url},
        max_network_retries=2,
        http_client=http_client,
    )
    yield StripeAccount(client, SimulatedCalendar(server.url), real=False)
    http_client.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    server.stop()
