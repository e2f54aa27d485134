"""Each notice arrives once, in time or not at all, and never with somebody else's address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from service.notices.kinds import Kind
from service.notices.letters import Matter
from service.notices.outbox import LEASE, LIFETIME, Notice, claim, post, put_away
from service.notices.postman import Postman, Round
from service.settings import Mail
from service.store.session import Store
from service.store.tables import invoices
from tests.service.notices.mailbox import Mailbox, running_mailbox

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOTICE = Notice(
    "invoice_sent:in_1",
    Kind.INVOICE_SENT,
    "ada@example.com",
    Matter("usd", 2400, "A-1", due=NOON + timedelta(days=30), url="https://pay.example/in_1"),
    "sv",
    "in_1",
)


@dataclass
class Office:
    """A store, a mail server, and a postman between them."""

    store: Store
    mailbox: Mailbox
    now: datetime = NOON

    def post(self, notice: Notice = NOTICE) -> bool:
        with self.store.write() as connection:
            return post(connection, notice, now=self.now)

    def deliver(self, **changes: Any) -> Round:
        mail = Mail("127.0.0.1", self.mailbox.port, encrypted=False, sender="till@shop.example")
        mail = replace(mail, **changes)
        return Postman(self.store, mail, "Växt & Co", lambda: self.now).deliver()

    def rows(self) -> list[Any]:
        query = "SELECT state, tries, address, error FROM notices ORDER BY notice_id"
        with self.store.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def office(migrated_store_url: str) -> Iterator[Office]:
    store = Store(migrated_store_url)
    with running_mailbox() as mailbox:
        yield Office(store, mailbox)
    store.close()


def test_a_notice_arrives_once_in_text_and_html(office: Office) -> None:
    assert office.post()
    assert not office.post()
    assert office.deliver() == Round(sent=1)
    assert office.deliver() == Round()
    (letter,) = office.mailbox.letters
    assert letter["Subject"] == "Faktura A-1 från Växt & Co"
    assert (letter["To"], letter["From"]) == ("ada@example.com", "Växt & Co <till@shop.example>")
    assert letter["Content-Language"] == "sv"
    plain, html = letter.iter_parts()
    assert "Visa och betala fakturan: https://pay.example/in_1" in plain.get_content()
    assert 'href="https://pay.example/in_1"' in html.get_content()
    # Whom it was for is forgotten with that.
    assert office.rows() == [("sent", 1, "", None)]


def test_a_server_that_is_away_is_asked_again_later(office: Office) -> None:
    office.post()
    assert office.deliver(port=9) == Round(postponed=1)
    assert office.deliver() == Round()
    office.now += timedelta(minutes=1)
    assert office.deliver() == Round(sent=1)


@pytest.mark.parametrize(
    ("answer", "expected", "state"),
    [
        ("550 no such mailbox", Round(failed=1), ("failed", 1, "", "550")),
        ("451 later please", Round(postponed=1), ("pending", 1, "ada@example.com", "451")),
    ],
)
def test_a_refusal_is_final_or_for_now_and_holds_nobody_up(
    office: Office, answer: str, expected: Round, state: tuple[Any, ...]
) -> None:
    office.mailbox.answers["ada@example.com"] = answer
    office.post()
    office.post(replace(NOTICE, notice_id="z", address="bo@example.com"))
    assert office.deliver() == replace(expected, sent=1)
    assert office.rows()[0] == state
    assert office.mailbox.letters[0]["To"] == "bo@example.com"


@pytest.mark.parametrize("address", ["", "no address", "a@b\r\nBcc: x@example.com", "a@b,c@d"])
def test_an_address_that_no_message_can_carry_is_refused(office: Office, address: str) -> None:
    office.post(replace(NOTICE, address=address))
    done = office.deliver()
    assert done == Round(failed=1)
    assert office.mailbox.letters == []


def test_a_notice_whose_sender_died_is_sent_after_its_lease(office: Office) -> None:
    office.post()
    with office.store.write() as connection:
        assert claim(connection, now=office.now, limit=9) == [NOTICE]
    assert office.deliver() == Round()
    office.now += LEASE
    assert office.deliver() == Round(sent=1)
    assert office.rows() == [("sent", 2, "", None)]


@pytest.mark.parametrize("status", ["paid", "void"])
def test_nobody_is_asked_for_what_was_done_meanwhile(office: Office, status: str) -> None:
    office.post()
    with office.store.write() as connection:
        connection.execute(
            invoices.insert().values(
                invoice_id="in_1", status=status, currency="usd", total=1, tax=0, amount_due=1,
                amount_paid=1, amount_remaining=0, amount_overpaid=0, attempt_count=0,
                created_at=NOON, observed_at=NOON, version="",
            )
        )  # fmt: skip
    assert office.deliver() == Round()
    assert office.rows() == [("obsolete", 0, "", None)]


def test_what_is_long_past_is_told_nobody_and_forgotten(office: Office) -> None:
    office.post()
    office.now += LIFETIME + timedelta(seconds=1)
    with office.store.write() as connection:
        assert put_away(connection, now=office.now) == 1
    assert office.deliver() == Round()
    assert office.rows() == [("obsolete", 0, "", None)]


def test_a_password_is_never_sent_in_the_clear_over_a_network(office: Office) -> None:
    office.post()
    # An address that Kassa does not know to be this machine.
    with running_mailbox("127.0.0.2") as elsewhere:
        where = {"host": "127.0.0.2", "port": elsewhere.port}
        assert office.deliver(**where, user="till", password="secret") == Round(postponed=1)
        assert elsewhere.letters == []
        office.now += timedelta(minutes=1)
        assert office.deliver(**where) == Round(sent=1)
