"""Invoice items: what an invoice asks money for."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    Parameters,
    currency,
    filled,
    integer,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import products
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

CREATE = Parameters(
    {
        "amount": integer,
        "currency": currency,
        "customer": filled,
        "description": text,
        "invoice": text,
        "metadata": metadata,
    },
    required=("customer", "amount", "currency"),
)
RETRIEVE = Parameters()
DELETE = Parameters()
LIST = Parameters({**PAGE, "customer": text, "invoice": text})
# Far more than a customer has.
_MOST = 10_000


def create(work: Work, given: Json) -> Json:
    """Something to pay for: on a draft, or on the customer's next invoice."""
    work.require("customer", given["customer"], param="customer", status=400)
    invoice = given.get("invoice")
    if invoice is not None:
        _draft(work, invoice)
    item = work.save(_item(work, given))
    work.emit("invoiceitem.created", item)
    return item


def add_once(
    work: Work, subscription: Json, price: Json, quantity: int, described: dict[str, str]
) -> Json:
    """Something that a subscription's next invoice asks for once.

    Raises:
        InvalidParameterError: its price is for every period.
    """
    if price["recurring"] is not None:
        raise InvalidParameterError(
            "An item of one invoice needs a price that is paid once.", param="add_invoice_items"
        )
    details = {"subscription": subscription["id"], "subscription_item": None}
    once = {
        "amount": price["unit_amount"] * quantity,
        "currency": price["currency"],
        "customer": subscription["customer"],
        "description": work.require("product", price["product"])["name"],
        "metadata": described,
    }
    item = _item(work, once) | {
        "parent": {"subscription_details": details, "type": "subscription_details"},
        "pricing": products.pricing_of(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }
    work.save(item)
    work.emit("invoiceitem.created", item)
    return item


def retrieve(work: Work, _given: Json, item: str) -> Json:
    """The invoice item with this id."""
    return work.require("invoiceitem", item)


def delete(work: Work, _given: Json, item: str) -> Json:
    """Ask for it no longer."""
    found = work.require("invoiceitem", item)
    if found["invoice"] is not None:
        _draft(work, found["invoice"])
    work.connection.execute("DELETE FROM objects WHERE id = ?", (item,))
    work.emit("invoiceitem.deleted", found)
    return {"id": item, "object": "invoiceitem", "deleted": True}


def listing_of(work: Work, given: Json) -> Json:
    """Invoice items, newest first, of one customer or invoice if asked."""
    wanted = {name: [given[name]] for name in ("customer", "invoice") if given.get(name)}
    return listed(work, "invoiceitem", "/v1/invoiceitems", given, wanted)


def items_of(work: Work, column: str, value: str) -> list[Json]:
    """Items, oldest first."""
    found = work.page("invoiceitem", {column: [value]}, {}, before=None, after=None, limit=_MOST)
    return found[::-1]


def line_of(item: Json, invoice: str) -> Json:
    """The item as a line of an invoice."""
    subscription = ((item["parent"] or {}).get("subscription_details") or {}).get("subscription")
    return {
        "id": f"il_{item['id'].removeprefix('ii_')}",
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": item["proration"],
                "proration_details": None,
                "subscription": subscription,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": item["period"],
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subscription": subscription,
        "subtotal": item["amount"],
        "taxes": [],
    }


def _draft(work: Work, invoice: str) -> None:
    if work.require("invoice", invoice, param="invoice", status=400)["status"] != "draft":
        raise ApiError(
            "This invoice is no longer editable.", code="invoice_not_editable", param="invoice"
        )


def _item(work: Work, given: Json) -> Json:
    return {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": given["amount"],
        "currency": given["currency"],
        "customer": given["customer"],
        "customer_account": None,
        "date": work.now,
        "description": given.get("description"),
        "discountable": True,
        "discounts": [],
        "invoice": given.get("invoice"),
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "net_amount": given["amount"],
        "parent": None,
        "period": {"start": work.now, "end": work.now},
        "pricing": None,
        "proration": False,
        "proration_details": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": None,
    }
