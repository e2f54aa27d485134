"""A notice as it is sent: subject, plain text and HTML, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, select_autoescape

from service.languages import Language, spoken
from service.notices.kinds import FOOTNOTE, GREETING, KINDS, SIMULATED, Kind
from service.settings import PROJECT

_PAGES = Environment(
    loader=FileSystemLoader(PROJECT / "templates" / "notices"),
    autoescape=select_autoescape(["html"]),
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Matter:
    """What a notice is about; amounts in minor units of ``currency``.

    Attributes:
        number: the invoice's number.
        amount: what the notice speaks of: due, received, or in excess.
        paid: what was received so far, where that is another amount.
        due: when it is to be paid, or when the trial ends.
        next_try: when the payment will be tried again.
        url: where the customer can do something about it.
    """

    currency: str
    amount: int
    number: str = ""
    paid: int | None = None
    due: datetime | None = None
    next_try: datetime | None = None
    url: str | None = None


@dataclass(frozen=True)
class Letter:
    """What is sent."""

    subject: str
    text: str
    html: str
    language: str


def written(
    kind: Kind, matter: Matter, *, locale: str | None, merchant: str, simulated: bool = False
) -> Letter:
    """Write a notice.

    Args:
        kind: why.
        matter: about what.
        locale: the customer's, e.g. ``pt-BR``; English where Kassa does not speak it.
        merchant: who writes.
        simulated: whether the payments are the simulator's, which the letter then says.
    """
    wording, language = KINDS[kind], spoken([locale])
    values = _values(matter, language, merchant)
    subject = language.say(wording.subject, **values)
    context = {
        "language": language,
        "subject": subject,
        "greeting": language.say(GREETING),
        "paragraphs": [language.say(sentence, **values) for sentence in wording.paragraphs],
        "action": wording.action and matter.url and language.say(wording.action),
        "url": matter.url,
        "merchant": merchant,
        "footnote": language.say(FOOTNOTE, merchant=merchant),
        "simulated": language.say(SIMULATED) if simulated else None,
    }
    return Letter(
        # A header holds one line.
        " ".join(subject.split()),
        _PAGES.get_template("notice.txt").render(context),
        _PAGES.get_template("notice.html").render(context),
        language.tag,
    )


def _values(matter: Matter, language: Language, merchant: str) -> Mapping[str, str]:
    def written_money(amount: int | None) -> str:
        return language.money(amount or 0, matter.currency)

    def written_day(moment: datetime | None) -> str:
        return format_date(moment, "long", locale=language.locale) if moment else ""

    return {
        "merchant": merchant,
        "number": matter.number,
        "amount": written_money(matter.amount),
        "paid": written_money(matter.paid),
        "due": written_day(matter.due),
        "next_try": written_day(matter.next_try),
    }
