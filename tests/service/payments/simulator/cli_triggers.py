"""What comes of Stripe's own triggers against the simulator, and what is expected to come of them.

The expectations are `tests/stripe_cli/triggers.json`; after a change of the simulator,
`python -m tests.service.payments.simulator.cli_triggers` writes them anew, and the difference is
for a person to look at.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from service.payments.simulator.server import SimulatorServer
from service.payments.simulator.webhooks import Endpoint
from service.payments.simulator.wire import SECRET_KEY
from tests.provision.stripe_cli import PROJECT, StripeCli, find_stripe_cli

EXPECTED = PROJECT / "triggers.json"
# Triggers that are named for a story and not for an event, and the event that tells its end.
STORIES = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
}
# What has to change in scripts that Stripe itself refuses since 2026-09-30: the parameter it took
# away, and without it the address that methods with a redirect come back to.
_PATIENCE_SECONDS = 5.0
STEPS = ("payment_intent", "setup_intent", "checkout_session")
CHANGES = {
    "payment_method_types_no_longer_supported": ("--remove", "{}:payment_method_types", STEPS),
    "provide a return_url": ("--add", "{}:return_url=https://shop.example/", STEPS[:2]),
}


# Kassa has no use for these, so the simulator has none of them.
NOT_SIMULATED = {
    "/v1/accounts": "Connect",
    "/v1/billing/": "usage-based billing",
    "/v2/billing/": "usage-based billing",
    "/v1/billing_portal/": "Stripe's customer portal: Kassa has an account page of its own",
    "/v1/checkout/": "Checkout Sessions: Kassa's page is made of Elements",
    "/v1/coupons": "discounts: Kassa's server decides the amount",
    "/v1/credit_notes": "credit notes",
    "/v1/identity/": "Identity",
    "/v1/issuing/": "Issuing",
    "/v1/payment_links": "payment links",
    "/v1/payouts": "payouts",
    "/v1/plans": "plans, which prices replaced",
    "/v1/promotion_codes": "discounts: Kassa's server decides the amount",
    "/v1/quotes": "quotes",
    "/v1/reporting/": "report runs",
    "/v1/subscription_schedules": "subscription schedules",
    "/v1/tax_rates": "tax rates: an order brings its tax as lines",
    "/v1/test_helpers/customers": "cash balances",
    "/v1/test_helpers/test_clocks": "test clocks: the simulator's own clock is turned",
    "/v1/topups": "top-ups",
    "/v1/transfers": "Connect",
    "/sources": "cards by the old Sources API, which payment methods replaced",
}


@dataclass(frozen=True)
class Outcome:
    """How one trigger ended.

    Attributes:
        event: the trigger's name.
        ended: "passes", or what refused it, in the words of the answer.
        changed: what had to be changed in Stripe's script for it to pass.
        reason: why it can't pass, for those that do not.
    """

    event: str
    ended: str
    changed: str = ""
    reason: str = ""

    @property
    def passes(self) -> bool:
        """Whether the event came about."""
        return self.ended == "passes"


def expected() -> dict[str, Outcome]:
    """The committed expectations by trigger."""
    return {each["event"]: Outcome(**each) for each in json.loads(EXPECTED.read_text())}


def pull(cli: StripeCli, event: str) -> Outcome:
    """Pull one trigger: as it is, and where Stripe itself would refuse it now, changed."""
    before = _newest(cli)
    changes: list[str] = []
    ran = cli.run("trigger", event)
    for refusal, (flag, change, steps) in CHANGES.items():
        if refusal in ran.stderr + ran.stdout:
            for step in steps:
                changes += [flag, change.format(step)]
            ran = cli.run("trigger", event, *changes)
    changed = " and ".join(dict.fromkeys(_words(change) for change in changes[1::2]))
    if ran.returncode:
        return Outcome(event, _refusal(ran.stdout + ran.stderr))
    # What is scheduled comes a moment after the answer, as it does at Stripe.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while STORIES.get(event, event) not in _since(cli, before):
        if time.monotonic() > deadline:
            return Outcome(event, "the event did not come about")
        time.sleep(0.1)
    return Outcome(event, "passes", changed)


def _words(change: str) -> str:
    name, _, value = change.partition(":")[2].partition("=")
    return f"with {name}" if value else f"without {name}"


def _refusal(said: str) -> str:
    message = re.search(r'"message":"((?:[^"\\]|\\.)*)"', said)
    words = message[1] if message else said.strip().splitlines()[-1]
    # The program sends a step's parameters in no order, so which one is named first is chance.
    words = re.sub(r"(Received unknown parameter): .*", r"\1", words)
    return re.sub(r"\b([a-z]+)_[A-Za-z0-9]{14,}", r"\1_…", words)


def _newest(cli: StripeCli) -> str:
    return next((each["id"] for each in _events(cli, {"limit": "1"})), "")


def _since(cli: StripeCli, before: str) -> set[str]:
    found = _events(cli, {"limit": "100", **({"ending_before": before} if before else {})})
    return {each["type"] for each in found}


def _events(cli: StripeCli, query: dict[str, str]) -> list[dict[str, str]]:
    answer = requests.get(
        f"{cli.server}/v1/events",
        query,
        headers={"Authorization": f"Bearer {cli.key}"},
        timeout=10,
    )
    found: list[dict[str, str]] = answer.json()["data"]
    return found


def _everything(directory: Path) -> Iterator[Outcome]:
    endpoint = Endpoint.parse("http://127.0.0.1:9/", "whsec_simulated")
    clock = lambda: datetime.now(UTC)  # noqa: E731 - two words
    server = SimulatorServer(directory / "s.db", port=0, endpoint=endpoint, clock=clock)
    server.start()
    try:
        cli = StripeCli(find_stripe_cli(), directory, server.url, SECRET_KEY)
        for event in cli.triggers():
            yield pull(cli, event)
    finally:
        server.stop()


def _reason(outcome: Outcome, known: dict[str, Outcome]) -> str:
    if outcome.passes:
        return ""
    for address, what in NOT_SIMULATED.items():
        if "Unrecognized request URL" in outcome.ended and address in outcome.ended:
            return f"not simulated: {what}"
    before = known.get(outcome.event)
    return before.reason if before and before.ended == outcome.ended else ""


def main() -> None:
    """Write the expectations anew; reasons stay where a trigger still does not pass."""
    known = expected() if EXPECTED.exists() else {}
    with tempfile.TemporaryDirectory() as directory:
        found = [
            asdict(outcome) | {"reason": _reason(outcome, known)}
            for outcome in _everything(Path(directory))
        ]
    lines = ",\n".join(
        json.dumps({k: v for k, v in each.items() if v}, ensure_ascii=False) for each in found
    )
    EXPECTED.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    passing = sum(each["ended"] == "passes" for each in found)
    sys.stdout.write(f"{passing} of {len(found)} pass\n")


if __name__ == "__main__":
    main()
