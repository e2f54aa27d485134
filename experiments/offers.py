"""What is for sale, at a price that only the server decides."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic.dataclasses import dataclass

from experiments.notation import STRICT, Key, Line, Paragraph, refusal, shown

_CODES = """
    aed afn all amd aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn
    bzd cad cdf chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel
    ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf
    kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn
    myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd
    scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah
    ugx usd uyu uzs ves vnd vuv wst xaf xcd xof xpf yer zar zmw
"""

CURRENCIES: Final = frozenset(_CODES.split())
"""The currencies in circulation, as ISO 4217 codes in the lower case Stripe writes."""


def _circulating(code: str) -> str:
    if code not in CURRENCIES:
        lower = code.lower()
        raise refusal(
            "unknown-currency",
            f"{shown(code)} is not a currency code",
            f"write `{lower}`"
            if lower in CURRENCIES
            else "write an ISO 4217 code in lower case such as usd",
        )
    return code


Currency = Annotated[
    str,
    AfterValidator(_circulating),
    WithJsonSchema({"type": "string", "enum": sorted(CURRENCIES)}),
]


# Stripe bills no period longer than three years.
_LONGEST: Final = {"day": 1095, "week": 156, "month": 36, "year": 3}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Subscription:
    """A price is paid for each period until somebody ends it; the quantity is the seats.

    Attributes:
        interval: day, week, month or year.
        interval_count: how many of them make a period, of three years at most.
        trial_days: days before the first payment, 0 to 730.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    interval: Annotated[
        Literal["day", "week", "month", "year"], Field(description="day, week, month or year")
    ]
    interval_count: Annotated[
        int, Field(ge=1, le=1095, description="how many intervals make a period, such as 1")
    ] = 1
    trial_days: Annotated[
        int, Field(ge=0, le=730, description="days before the first payment, 0 to 730")
    ] = 0

    @field_validator("interval_count")
    @classmethod
    def _short_enough(cls, count: int, info: ValidationInfo) -> int:
        interval = info.data.get("interval", "day")
        if count > _LONGEST[interval]:
            raise refusal(
                "period-too-long",
                f"{count} {interval}s are longer than three years",
                f"write at most {_LONGEST[interval]}",
            )
        return count


@dataclass(frozen=True, kw_only=True, config=STRICT)
class InvoiceTerms:
    """An order is paid by invoice.

    Attributes:
        collection_method: ``send_invoice`` sends it to be paid later, ``charge_automatically``
            has the buyer pay it in the checkout.
        days_until_due: until a sent invoice must be paid, 1 to 365.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    collection_method: Annotated[
        Literal["send_invoice", "charge_automatically"],
        Field(description="send_invoice or charge_automatically"),
    ] = "send_invoice"
    days_until_due: Annotated[
        int, Field(ge=1, le=365, description="days until a sent invoice is due, 1 to 365")
    ] = 30

    @property
    def sent(self) -> bool:
        """Whether it is sent to be paid later."""
        return self.collection_method == "send_invoice"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Offer:
    """One thing that `/buy/{offer}` sells.

    Attributes:
        key: the name in the address.
        name: what the order's line says.
        description: what the buyer gets.
        amount: price of one, in minor units of the currency, 1 to 99,999,999.
        currency: ISO 4217 code in lower case.
        subscription: None where it is paid once.
        invoice: None where it is paid at once.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as team-plan")]
    name: Annotated[Line, Field(description="what the order's line says, such as Team plan")]
    description: Annotated[Paragraph, Field(description="what the buyer gets, in a sentence")]
    # Stripe takes at most eight digits.
    amount: Annotated[
        int,
        Field(
            gt=0,
            le=99_999_999,
            description="the price in minor units, a whole number such as 2400 for 24.00",
        ),
    ]
    currency: Annotated[Currency, Field(description="an ISO 4217 code in lower case such as usd")]
    subscription: Annotated[
        Subscription | None,
        Field(description="how often it is paid; leave out what is paid once"),
    ] = None
    invoice: Annotated[
        InvoiceTerms | None,
        Field(description="how an invoice is paid; leave out what is paid at once"),
    ] = None

    @field_validator("invoice")
    @classmethod
    def _one_way(cls, invoice: InvoiceTerms | None, info: ValidationInfo) -> InvoiceTerms | None:
        if invoice is not None and info.data.get("subscription") is not None:
            raise refusal(
                "one-way-to-pay",
                "the offer is a subscription already",
                "remove `invoice:` or `subscription:`",
            )
        return invoice
