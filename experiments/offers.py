"""What is for sale, at a price that only the server decides."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema
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


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Offer:
    """One thing that `/buy/{offer}` sells.

    Attributes:
        key: the name in the address.
        name: what the order's line says.
        description: what the buyer gets.
        amount: price of one, in minor units of the currency, 1 to 99,999,999.
        currency: ISO 4217 code in lower case.

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
