"""Stripe's own command line drives the simulator: triggers, fixtures, and plain requests."""

import json
from pathlib import Path

import pytest

from service.payments.simulator.wire import SECRET_KEY
from tests.provision.programs import NotInstalledError
from tests.provision.stripe_cli import PROJECT, StripeCli, find_stripe_cli
from tests.service.payments.simulator.cli_triggers import Outcome, expected, pull
from tests.service.payments.simulator.conftest import Simulator

pytestmark = pytest.mark.stripe
FIXTURES = PROJECT / "fixtures"
# The triggers of every day; all of them are pulled by `make test-slow`.
OFTEN = ("customer.created", "payment_intent.succeeded", "payment_intent.payment_failed")


@pytest.fixture(scope="session")
def program() -> Path:
    try:
        return find_stripe_cli()
    except NotInstalledError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def cli(program: Path, simulator: Simulator, tmp_path: Path) -> StripeCli:
    return StripeCli(program, tmp_path, simulator.url, SECRET_KEY)


def events(cli: StripeCli) -> list[str]:
    listed = cli.run("get", "/v1/events", "-d", "limit=100")
    return [each["type"] for each in json.loads(listed.stdout)["data"]]


@pytest.mark.parametrize("event", OFTEN)
def test_an_everyday_trigger_ends_as_expected(cli: StripeCli, event: str) -> None:
    known = expected()[event]
    assert pull(cli, event) == Outcome(event, known.ended, known.changed)


@pytest.mark.slow
def test_every_trigger_ends_as_expected(cli: StripeCli) -> None:
    known = expected()
    assert cli.triggers() == list(known)
    ends = {event: pull(cli, event) for event in known}
    changed = {event: end for event, end in ends.items() if end.ended != known[event].ended}
    assert changed == {}
    assert [end.changed for end in ends.values()] == [each.changed for each in known.values()]


def test_every_trigger_that_does_not_pass_has_a_reason() -> None:
    without = [each.event for each in expected().values() if not each.passes and not each.reason]
    assert without == []


def test_it_gets_and_posts(cli: StripeCli) -> None:
    made = cli.run("post", "/v1/customers", "-d", "email=mara@example.org")
    assert made.returncode == 0
    customer = json.loads(made.stdout)
    got = cli.run("get", f"/v1/customers/{customer['id']}")
    assert json.loads(got.stdout) == customer
    refused = cli.run("post", "/v1/payment_intents", "-d", "payment_method_types[]=card")
    assert "payment_method_types_no_longer_supported" in refused.stdout + refused.stderr


def test_a_wrong_key_is_refused(cli: StripeCli) -> None:
    stranger = StripeCli(cli.program, cli.home, cli.server, "sk_test_ofsomebodyelse")
    refused = stranger.run("get", "/v1/events")
    assert "Invalid API Key" in refused.stdout + refused.stderr


# Each flow Kassa lives by, as a file for `stripe fixtures`, and the events at its end.
FLOWS = {
    "one_off_card": {"payment_intent.succeeded", "charge.succeeded"},
    "declined_card": {"payment_intent.payment_failed", "charge.failed"},
    "three_d_secure": {"payment_intent.requires_action"},
    "bank_debit": {"payment_intent.processing"},
    "subscription_with_trial": {"customer.subscription.created", "invoice.paid"},
    "invoice_sent": {"invoice.finalized", "invoice.sent"},
    "refund": {"refund.created", "charge.refunded"},
    "dispute": {"charge.dispute.created"},
}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_runs_from_its_fixture(cli: StripeCli, flow: str) -> None:
    ran = cli.run("fixtures", str(FIXTURES / f"{flow}.json"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert FLOWS[flow] <= set(events(cli))


def test_every_fixture_is_a_flow() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == FLOWS.keys()
