"""Which parameters an endpoint takes, and how each is read from the form.

A `Reader` turns one value of the form into Python, or refuses it the way Stripe does. Only what
the simulator acts on is listed by the resources; everything else is an unknown parameter, because
to accept a parameter and ignore it would teach a caller something false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.payments.simulator.currencies import CURRENCIES
from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.forms import Wire
from service.payments.simulator.wire import Json

Reader = Callable[[str, Wire], Any]
_REMOVED = {
    "payment_method_types": InvalidParameterError(
        "The payment_method_types parameter is no longer supported. Use dynamic payment methods, "
        "excluded_payment_method_types or allowed_payment_method_types.",
        code="payment_method_types_no_longer_supported",
        param="payment_method_types",
    )
}


@dataclass(frozen=True)
class Parameters:
    """The parameters of one endpoint.

    Attributes:
        readers: how each known parameter is read; ``expand`` is always known.
        required: the names that must be there.
    """

    readers: Mapping[str, Reader] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def read(self, form: Mapping[str, Wire]) -> Json:
        """Every given parameter, read; absent ones stay absent.

        Raises:
            InvalidParameterError: unknown, missing or malformed.
        """
        given = read_members("", {**self.readers, "expand": listing(filled)}, form)
        for name in self.required:
            if name not in given:
                raise InvalidParameterError(
                    f"Missing required param: {name}.", code="parameter_missing", param=name
                )
        return given


def read_members(path: str, readers: Mapping[str, Reader], form: Mapping[str, Wire]) -> Json:
    """Read a mapping whose keys are all known."""
    unknown = [name for name in form if name not in readers]
    removed = [name for name in unknown if not path and name in _REMOVED]
    if removed:
        # Whatever else is wrong: a form has no order.
        raise _REMOVED[removed[0]]
    for name in sorted(unknown):
        full = _nested(path, name)
        raise InvalidParameterError(
            f"Received unknown parameter: {full}", code="parameter_unknown", param=full
        )
    return {name: readers[name](_nested(path, name), value) for name, value in form.items()}


def _nested(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _invalid(kind: str, path: str, value: Wire, code: str | None = None) -> ApiError:
    shown = value[:40] if isinstance(value, str) else "a hash"
    return InvalidParameterError(f"Invalid {kind}: {shown}", code=code, param=path)


def text(path: str, value: Wire) -> str | None:
    """Up to 5,000 characters; the empty string unsets."""
    if not isinstance(value, str):
        raise _invalid("string", path, value)
    if len(value) > 5000:
        raise InvalidParameterError(f"Invalid string: {path} is too long.", param=path)
    return value or None


def filled(path: str, value: Wire) -> str:
    """Text that says something."""
    said = text(path, value)
    if said is None:
        message = f"You passed an empty string for '{path}'."
        raise InvalidParameterError(message, code="parameter_invalid_empty", param=path)
    return said


def integer(path: str, value: Wire) -> int:
    """A whole number."""
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise _invalid("integer", path, value, "parameter_invalid_integer")
    return int(value)


def boolean(path: str, value: Wire) -> bool:
    """``true`` or ``false``."""
    if value not in {"true", "false"} or not isinstance(value, str):
        raise _invalid("boolean", path, value)
    return value == "true"


def currency(path: str, value: Wire) -> str:
    """A currency Stripe presents, in lower case."""
    code = value.lower() if isinstance(value, str) else ""
    if code not in CURRENCIES:
        raise _invalid("currency", path, value)
    return code


def choice(*allowed: str) -> Reader:
    """One of a closed set; the empty string unsets."""

    def read(path: str, value: Wire) -> str | None:
        if value == "":
            return None
        if not isinstance(value, str) or value not in allowed:
            message = f"Invalid {path}: must be one of {', '.join(allowed)}"
            raise InvalidParameterError(message, param=path)
        return value

    return read


def mapping(**readers: Reader) -> Reader:
    """A hash with known members; the empty string unsets."""

    def read(path: str, value: Wire) -> Json | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise _invalid("object", path, value)
        return read_members(path, readers, value)

    return read


def listing(reader: Reader) -> Reader:
    """A list whose members are all read alike; the empty string is the empty list."""

    def read(path: str, value: Wire) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(re.fullmatch("[0-9]{1,4}", k) for k in value):
            raise _invalid("array", path, value)
        ordered = sorted(value.items(), key=lambda item: int(item[0]))
        return [reader(f"{path}[{index}]", member) for index, member in ordered]

    return read


def metadata(path: str, value: Wire) -> dict[str, str]:
    """Up to 50 texts; an empty value unsets its key, an empty hash all of them (key ``""``)."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise _invalid("object", path, value)
    if len(value) > 50:
        raise InvalidParameterError("Metadata can have up to 50 keys.", param=path)
    for key, member in value.items():
        if not isinstance(member, str) or len(member) > 500 or len(key) > 40:
            raise InvalidParameterError(
                "Metadata keys have up to 40 and values up to 500 characters.",
                param=_nested(path, key),
            )
    return {key: member for key, member in value.items() if isinstance(member, str)}


def merged(current: Mapping[str, str], change: Mapping[str, str]) -> dict[str, str]:
    """Metadata after an update, by Stripe's rules for unsetting."""
    kept = {} if "" in change else current
    return {key: value for key, value in {**kept, **change}.items() if value}


def moment_range(path: str, value: Wire) -> Json:
    """Unix seconds, exact or as bounds ``gt``, ``gte``, ``lt``, ``lte``."""
    if isinstance(value, str):
        return {"gte": (exact := integer(path, value)), "lte": exact}
    bounds = dict.fromkeys(("gt", "gte", "lt", "lte"), integer)
    return read_members(path, bounds, value)


ADDRESS = mapping(
    **dict.fromkeys(("line1", "line2", "city", "state", "postal_code", "country"), text)
)
# What the payment settings of an invoice or a subscription may name.
METHOD_TYPES = listing(
    choice(
        "ach_credit_transfer", "ach_debit", "acss_debit", "affirm", "alipay", "amazon_pay",
        "au_becs_debit", "bacs_debit", "bancontact", "billie", "blik", "boleto", "card",
        "cashapp", "crypto", "custom", "customer_balance", "eps", "fpx", "giropay", "grabpay",
        "ideal", "jp_credit_transfer", "kakao_pay", "klarna", "konbini", "kr_card", "link",
        "mb_way", "multibanco", "naver_pay", "nz_bank_account", "p24", "pay_by_bank", "payco",
        "paynow", "paypal", "payto", "pix", "promptpay", "revolut_pay", "satispay",
        "sepa_credit_transfer", "sepa_debit", "sequra", "sofort", "swish", "twint", "upi",
        "us_bank_account", "wechat_pay",
    )
)  # fmt: skip
SHIPPING = mapping(address=ADDRESS, name=text, phone=text, carrier=text, tracking_number=text)
PAGE: Mapping[str, Reader] = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "created": moment_range,
}
