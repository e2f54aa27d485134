"""Letters say the same in every language, in text and in HTML, with nothing left unsaid."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from service.languages import languages
from service.notices.kinds import KINDS, Kind
from service.notices.letters import Matter, written

MATTER = Matter(
    currency="usd",
    amount=2400,
    number="ACME-0001",
    paid=100,
    due=datetime(2026, 12, 24, tzinfo=UTC),
    next_try=datetime(2026, 11, 28, tzinfo=UTC),
    url="https://pay.example.com/invoices/1?a=1&b=2",
)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", languages())
def test_every_notice_can_be_written_in_every_language(kind: Kind, language: str) -> None:
    letter = written(kind, MATTER, locale=language.replace("_", "-"), merchant="Växt & Co")
    body = re.sub(r"<style>.*</style>", "", letter.html, flags=re.DOTALL)
    said = [letter.subject, letter.text, body]
    assert all(said)
    assert not [text for text in said if "{" in text or "}" in text]
    assert "Växt &amp; Co" in letter.html
    assert "Växt & Co" in letter.text


def test_a_letter_reads_as_its_customer_does() -> None:
    letter = written(Kind.PAYMENT_FAILED, MATTER, locale="de-AT", merchant="Laden")
    assert letter.language == "de"
    assert letter.subject == "Ihre Zahlung an Laden ist fehlgeschlagen"
    # As Austrians write it.
    assert "$\N{NO-BREAK SPACE}24,00" in letter.text
    assert "28. November 2026" in letter.text
    assert "Jetzt bezahlen: https://pay.example.com/invoices/1?a=1&b=2" in letter.text
    assert 'href="https://pay.example.com/invoices/1?a=1&amp;b=2"' in letter.html
    assert '<html lang="de" dir="ltr">' in letter.html


def test_a_letter_in_arabic_runs_from_right_to_left() -> None:
    assert 'dir="rtl"' in written(Kind.INVOICE_PAID, MATTER, locale="ar", merchant="م").html


def test_a_letter_of_the_simulator_says_that_no_money_moves() -> None:
    letter = written(Kind.INVOICE_SENT, MATTER, locale="en", merchant="Shop", simulated=True)
    assert letter.text.startswith("SIMULATED: no real money moves")
    assert "SIMULATED: no real money moves" in letter.html


def test_what_a_merchant_or_a_customer_wrote_is_never_markup() -> None:
    hostile = Matter("usd", 1, number="<script>alert(1)</script>")
    letter = written(Kind.INVOICE_PAID, hostile, locale="en", merchant="a\r\nBcc: x@example.com")
    assert "<script>" not in letter.html
    assert "\n" not in letter.subject


def test_there_is_no_button_where_there_is_nowhere_to_go() -> None:
    letter = written(Kind.INVOICE_SENT, Matter("usd", 1), locale="en", merchant="Shop")
    assert "<a " not in letter.html
    assert (KINDS[Kind.INVOICE_SENT].action or "") not in letter.text
