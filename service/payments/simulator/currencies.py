"""Currencies Stripe presents, and the least amount it charges in each."""

from __future__ import annotations

# Minor units; docs.stripe.com/currencies. Elsewhere Stripe asks for the worth of about USD 0.50
# at the day's rate, which a simulator without rates can't know: there the least is one unit.
_MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500,
    "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50,
    "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
    "sgd": 50, "thb": 1000,
}  # fmt: skip
CURRENCIES = frozenset(_MINIMUM) | {
    "afn", "all", "amd", "ang", "aoa", "ars", "awg", "azn", "bam", "bbd", "bdt", "bhd", "bif",
    "bmd", "bnd", "bob", "bsd", "bwp", "byn", "bzd", "cdf", "clp", "cny", "cop", "crc", "cve",
    "djf", "dop", "dzd", "egp", "etb", "fjd", "fkp", "gel", "gip", "gmd", "gnf", "gtq", "gyd",
    "hnl", "htg", "idr", "ils", "isk", "jmd", "jod", "kes", "kgs", "khr", "kmf", "krw", "kwd",
    "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mga", "mkd", "mmk", "mnt",
    "mop", "mur", "mvr", "mwk", "mzn", "nad", "ngn", "nio", "npr", "omr", "pab", "pen", "pgk",
    "php", "pkr", "pyg", "qar", "rsd", "rub", "rwf", "sar", "sbd", "scr", "shp", "sle", "sos",
    "srd", "std", "szl", "tjs", "tnd", "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu",
    "uzs", "vnd", "vuv", "wst", "xaf", "xcd", "xof", "xpf", "yer", "zar", "zmw",
}  # fmt: skip
LARGEST = 99_999_999


def minimum(currency: str) -> int:
    """The least amount chargeable, in minor units of ``currency`` (lower-case ISO 4217)."""
    return _MINIMUM.get(currency, 1)
