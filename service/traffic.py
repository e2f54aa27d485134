"""Simulated visitors: real requests over HTTP, decided by a seed.

A visitor sees only what a browser would: the cookie, the page, its token. How many steps the page
has is all that moves their decision to pay, so the lift in the report is the lift set here.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from service.errors import Unavailable
from service.web.checkout import TOKEN_HEADER
from service.web.context import VISITOR_COOKIE

PAYS, DECLINES, AUTHENTICATES = "4242424242424242", "4000000000000002", "4000002760003184"
_TIMEOUT = 30
_ATTRIBUTE = re.compile(r'data-([a-z-]+)="([^"]*)"')


@dataclass(frozen=True)
class Behaviour:
    """How visitors decide.

    Attributes:
        baseline: chance to pay on a checkout of several steps, in (0, 1).
        lift: relative change of that chance on a checkout of one step.
        decline: share of payers whose first card is declined.
        authentication: share of payers whose bank asks for 3-D Secure.
    """

    baseline: float = 0.55
    lift: float = 0.031
    decline: float = 0.06
    authentication: float = 0.05

    def pays(self, *, steps: int) -> float:
        """The chance to pay, given how many steps the page has."""
        return self.baseline * (1 + self.lift) if steps == 1 else self.baseline


@dataclass(frozen=True)
class Result:
    """What a visitor did: whether they paid, and how many cards were declined before."""

    paid: bool
    declined: int


@dataclass(frozen=True)
class Crowd:
    """Visitors of one seed; the same seed is the same crowd, whatever the order they come in.

    Attributes:
        base_url: the service, without a trailing slash.
        offer: what they come to buy.
        seed: decides everybody.
        cookie: makes the signed cookie of a visitor, so that ids can be repeated.
    """

    base_url: str
    offer: str
    seed: int
    cookie: Callable[[str], str]
    behaviour: Behaviour

    def visit(self, number: int) -> Result:
        """One visitor's whole way.

        Raises:
            Unavailable: the service answered with an error, or not at all.
        """
        try:
            return self._visit(number)
        except requests.RequestException as exc:
            raise Unavailable(f"{self.base_url} does not answer: {exc}") from exc

    def _visit(self, number: int) -> Result:
        chance = random.Random(f"{self.seed}:{number}")  # noqa: S311 - repeatable on purpose
        with requests.Session() as session:
            session.cookies.set(VISITOR_COOKIE, self.cookie(f"demo-{self.seed}-{number}"))
            visit = _Visit(session, self.base_url, chance)
            return visit.decide(visit.arrive(self.offer), self.behaviour)

    def visit_all(self, visitors: int, *, threads: int, seen: Callable[[], None]) -> list[Result]:
        """Everybody, a few at a time; ``seen`` is called after each."""

        def one(number: int) -> Result:
            result = self.visit(number)
            seen()
            return result

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(visitors)))


class _Visit:
    """One visitor in front of one page."""

    def __init__(self, session: requests.Session, base_url: str, chance: random.Random) -> None:
        self._session = session
        self._base = base_url
        self._chance = chance

    def arrive(self, offer: str) -> dict[str, str]:
        """Open the checkout; returns the page's data attributes and its number of steps."""
        page = _answered(self._session.get(f"{self._base}/buy/{offer}", timeout=_TIMEOUT)).text
        found = dict(_ATTRIBUTE.findall(page))
        return found | {"steps": str(page.count("data-step="))}

    def decide(self, page: dict[str, str], behaviour: Behaviour) -> Result:
        """Pay, or leave somewhere on the way."""
        pays = self._chance.random() < behaviour.pays(steps=int(page["steps"]))
        way = ["checkout_viewed", "payment_form_ready", "details_completed"]
        way += ["payment_info_completed", "payment_submitted"]
        reached = len(way) if pays else self._chance.randint(2, 4)
        self._report(page, way[:reached])
        return self._pay(page, behaviour) if pays else Result(paid=False, declined=0)

    def _pay(self, page: dict[str, str], behaviour: Behaviour) -> Result:
        declined = 0
        if self._chance.random() < behaviour.decline:
            declined += self._try(page, DECLINES)["status"] == "requires_payment_method"
        number = AUTHENTICATES if self._chance.random() < behaviour.authentication else PAYS
        answer = self._try(page, number)
        if answer["status"] == "requires_action":
            self._authenticate(page, answer["next_action"]["client_secret"])
            answer = self._post(page["status-url"], {}, page)
        return Result(paid=answer["status"] == "succeeded", declined=declined)

    def _try(self, page: dict[str, str], number: str) -> Any:
        card = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        token = self._post(
            "/sim/v1/confirmation_tokens",
            {
                "key": page["publishable-key"],
                "elements": {
                    "mode": "payment",
                    "amount": int(page["amount"]),
                    "currency": page["currency"],
                },
                "payment_method": {
                    "type": "card",
                    "card": card,
                    "billing_details": {"name": "Ada Demo", "email": "ada@example.com"},
                },
                "return_url": page["return-url"],
            },
            page,
        )
        return self._post(page["confirm-url"], {"confirmation_token": token["id"]}, page)

    def _authenticate(self, page: dict[str, str], secret: str) -> None:
        intent = secret.partition("_secret")[0]
        body = {"key": page["publishable-key"], "client_secret": secret, "outcome": "succeed"}
        self._post(f"/sim/v1/payment_intents/{intent}/authenticate", body, page)

    def _report(self, page: dict[str, str], names: list[str]) -> None:
        now = datetime.now(UTC).isoformat()
        events = [
            {
                "id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
                "name": name,
                "occurred_at": now,
                "checkout_id": page["checkout-id"],
            }
            for name in names
        ]
        self._post(page["events-url"], {"events": events}, page)

    def _post(self, path: str, body: dict[str, Any], page: dict[str, str]) -> Any:
        headers = {TOKEN_HEADER: page["token"]}
        url = self._base + path
        return _answered(
            self._session.post(url, json=body, headers=headers, timeout=_TIMEOUT)
        ).json()


def _answered(response: requests.Response) -> requests.Response:
    if not response.ok:
        raise Unavailable(f"{response.url} answered {response.status_code}: {response.text[:200]}")
    return response
