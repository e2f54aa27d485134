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

# Sentences that Stripe keeps and the simulator does not yet. One that it keeps fails until it is
# taken out of here.
AHEAD = frozenset(
    {
        "test_a_bank_account_typed_in_is_verified_by_small_deposits",
        "test_a_bank_debit_is_processing_for_days",
        "test_a_bank_debit_may_fail_days_later",
        "test_a_card_is_saved_by_a_payment_and_used_again",
        "test_a_card_is_set_up_without_a_payment",
        "test_a_card_that_was_not_to_be_saved_is_not",
        "test_a_declined_card_leaves_the_invoice_open",
        "test_a_deleted_customer_is_gone",
        "test_a_disputed_card_takes_the_money_back",
        "test_a_draft_can_be_deleted_and_a_finalized_one_can_not",
        "test_a_page_is_given_a_session_that_may_save_and_remove",
        "test_a_payment_is_booked_with_its_fee",
        "test_a_removed_card_pays_no_more",
        "test_a_renewal_that_fails_leaves_the_subscription_past_due",
        "test_a_saved_card_pays_an_invoice",
        "test_a_saved_card_pays_the_first_invoice_at_once",
        "test_a_subscription_ends_at_once_or_with_its_period",
        "test_a_subscription_renews_every_month",
        "test_a_trial_ends_with_the_first_charge",
        "test_a_trial_without_a_card_asks_to_set_one_up",
        "test_a_voided_invoice_can_no_longer_be_paid",
        "test_an_invoice_is_finalized_and_sent",
        "test_an_invoice_paid_elsewhere_says_so",
        "test_an_issuer_may_warn_of_fraud_early",
        "test_an_uncollectible_invoice_can_still_be_paid",
        "test_an_unpaid_invoice_becomes_overdue",
        "test_methods_can_be_allowed_or_excluded_but_not_both",
        "test_more_seats_are_charged_pro_rata",
        "test_payments_are_found_by_their_metadata",
        "test_the_first_invoice_waits_for_the_page",
    }
)
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        simulated = isinstance(item, pytest.Function) and item.name.endswith("simulator]")
        if simulated and item.name.partition("[")[0] in AHEAD:
            item.add_marker(pytest.mark.xfail(strict=True, reason="not simulated yet"))


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
