"""The checkout page, from the first look to the receipt."""

from __future__ import annotations

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from service.payments.declines import GENERIC, REFUSED
from service.settings import PROJECT
from tests.service.conftest import AUTHENTICATES, DECLINES, MakeShop, Page, Shop, reply


def test_a_visitor_pays_with_a_card_and_the_ledger_and_events_agree(shop: Shop) -> None:
    page = shop.visit()
    assert shop.pay(page) == {"status": "succeeded"}
    assert shop.stands(page)["status"] == "open", "only a webhook may call it paid"
    shop.deliver_all(page)
    stands = shop.stands(page)
    assert (stands["status"], stands["amount_received"]) == ("paid", 2400)
    assert len(stands["charges"]) == 1
    assert shop.rows("SELECT name, value, currency FROM events") == [
        ("payment_succeeded", 2400, "usd")
    ]
    receipt = shop.client.get(page.attributes["return-url"])
    assert "Payment received" in receipt.text


def test_metadata_carries_order_experiment_and_variant(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page)
    ((variant, unit_id),) = shop.rows("SELECT variant, unit_id FROM exposures")
    created = shop.simulator.events_of(page.checkout_id)[0]["data"]["object"]
    assert created["metadata"] == {
        "order_id": page.checkout_id,
        "unit_id": unit_id,
        "experiment": "one-page-checkout",
        "variant": variant,
    }


def test_a_declined_card_is_told_plainly_and_another_pays_on_the_same_intent(shop: Shop) -> None:
    page = shop.visit()
    declined = shop.pay(page, DECLINES)
    assert declined["status"] == "requires_payment_method"
    assert declined["error"]["message"] == GENERIC
    assert shop.pay(page) == {"status": "succeeded"}
    shop.deliver_all(page)
    rows = shop.rows("SELECT DISTINCT payment_intent_id FROM confirmations")
    assert len(rows) == 1
    names = shop.rows("SELECT name FROM events ORDER BY name")
    assert names == [("payment_declined",), ("payment_succeeded",)]


@pytest.mark.parametrize("number", ["4000000000009987", "4000000000009979"])
def test_lost_and_stolen_cards_read_like_any_other_decline(shop: Shop, number: str) -> None:
    assert shop.pay(shop.visit(), number)["error"] == {
        "code": "payment_declined",
        "message": GENERIC,
    }


def test_the_bank_may_ask_for_a_confirmation(shop: Shop) -> None:
    page = shop.visit()
    asked = shop.pay(page, AUTHENTICATES)
    assert asked["status"] == "requires_action"
    shop.authenticate(asked["next_action"]["client_secret"])
    assert _status(shop, page.attributes["status-url"], page.attributes["token"]) == {
        "status": "succeeded"
    }
    shop.deliver_all(page)
    assert shop.stands(page)["status"] == "paid"


def test_a_failed_confirmation_is_a_decline_without_a_charge(shop: Shop) -> None:
    page = shop.visit()
    asked = shop.pay(page, AUTHENTICATES)
    shop.authenticate(asked["next_action"]["client_secret"], "fail")
    answer = _status(shop, page.attributes["status-url"], page.attributes["token"])
    assert answer["status"] == "requires_payment_method"
    assert "could not confirm that it was you" in answer["error"]["message"]
    shop.deliver_all(page)
    assert shop.stands(page)["charges"] == []
    assert shop.rows("SELECT name FROM events") == [("payment_declined",)]
    assert shop.pay(page) == {"status": "succeeded"}


def _status(shop: Shop, url: str, token: str) -> dict[str, Any]:
    answer = shop.client.post(url, json={}, headers={"X-Kassa-Token": token})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = reply(answer)
    return found


def test_the_same_token_twice_is_one_attempt(shop: Shop) -> None:
    page = shop.visit()
    token = shop.token(page)
    assert reply(shop.confirm(page, token)) == reply(shop.confirm(page, token))
    assert shop.rows("SELECT count(*) FROM confirmations") == [(1,)]
    assert len(shop.simulator.events_of(page.checkout_id)) == 4, (
        "created, succeeded, a charge, booked"
    )


def test_a_paid_checkout_leads_to_its_receipt_and_never_charges_again(shop: Shop) -> None:
    page = shop.visit()
    token = shop.token(page)
    shop.pay(page)
    shop.deliver_all(page)
    assert reply(shop.confirm(page, token)) == {"status": "succeeded"}
    assert shop.client.get(f"/c/{page.checkout_id}").location.endswith("/return")
    assert len(shop.stands(page)["charges"]) == 1


def test_the_amount_is_the_servers_whatever_the_page_claims(shop: Shop) -> None:
    page = shop.visit()
    answer = reply(shop.confirm(page, shop.token(page, amount=1)))
    assert answer["status"] == "requires_payment_method"
    assert answer["error"] == {"code": "payment_refused", "message": REFUSED}
    assert shop.stands(page)["status"] == "open"
    assert shop.simulator.events_of(page.checkout_id) == []


def test_seeing_the_checkout_is_the_exposure_and_happens_once(shop: Shop) -> None:
    page = shop.visit()
    shop.client.get(f"/c/{page.checkout_id}")
    shop.visit()
    ((experiment, reason, checkout_id),) = shop.rows(
        "SELECT experiment, reason, checkout_id FROM exposures"
    )
    assert (experiment, reason, checkout_id) == ("one-page-checkout", "SPLIT", page.checkout_id)


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}]
)
def test_a_prefetch_is_sent_away_until_somebody_looks(shop: Shop, headers: dict[str, str]) -> None:
    assert shop.client.get("/buy/team-plan", headers=headers).status_code == 503
    made = shop.client.get("/buy/team-plan")
    for path in (made.location, f"{made.location}/return"):
        assert shop.client.get(path, headers=headers).status_code == 503
    assert shop.rows("SELECT * FROM exposures") == []
    shop.client.get(made.location)
    assert len(shop.rows("SELECT * FROM exposures")) == 1


def test_asking_for_the_head_makes_and_exposes_nothing(shop: Shop) -> None:
    assert shop.client.head("/buy/team-plan").status_code == 200
    assert shop.rows("SELECT * FROM checkouts") == []
    made = shop.client.get("/buy/team-plan")
    assert shop.client.head(made.location).status_code == 200
    assert shop.rows("SELECT * FROM exposures") == []


def test_a_visitor_keeps_the_variant_on_every_checkout(shop: Shop) -> None:
    steps = {shop.visit().steps for _ in range(5)}
    assert len(steps) == 1


def test_both_flows_ask_for_the_same_and_load_the_same(shop: Shop) -> None:
    pages = {}
    for number in range(20):
        shop.client.delete_cookie("kassa_visitor")
        page = shop.visit()
        pages[page.steps] = page
        assert number < 19 or set(pages) == {1, 2}
    one, two = pages[1].html, pages[2].html
    for marker in ('data-section="', "<script", "<link", "<input", "<label", "data-mount"):
        assert one.count(marker) == two.count(marker), marker


def test_an_expired_checkout_is_a_plain_page_with_a_way_on(shop: Shop) -> None:
    page = shop.visit()
    shop.clock.pass_by(hours=25)
    gone = shop.client.get(f"/c/{page.checkout_id}")
    assert gone.status_code == 410
    assert "/buy/team-plan" in gone.text
    assert shop.confirm(page, shop.token(page)).status_code == 410
    assert shop.stands(page)["status"] == "expired"


@pytest.mark.parametrize("token", [None, "", "forged", "W10.x.y"])
def test_a_confirmation_without_the_pages_token_is_refused(shop: Shop, token: str | None) -> None:
    page = shop.visit()
    headers = {} if token is None else {"X-Kassa-Token": token}
    body = {"confirmation_token": shop.token(page)}
    answer = shop.client.post(page.attributes["confirm-url"], json=body, headers=headers)
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert shop.rows("SELECT * FROM confirmations") == []


def test_the_token_of_one_checkout_does_not_open_another(shop: Shop) -> None:
    mine, other = shop.visit(), shop.visit()
    answer = shop.client.post(
        other.attributes["confirm-url"],
        json={"confirmation_token": shop.token(other)},
        headers={"X-Kassa-Token": mine.attributes["token"]},
    )
    assert answer.status_code == 403


def test_another_site_can_not_confirm_even_with_a_token(shop: Shop) -> None:
    page = shop.visit()
    answer = shop.client.post(
        page.attributes["confirm-url"],
        json={"confirmation_token": shop.token(page)},
        headers={"X-Kassa-Token": page.attributes["token"], "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 411),
        (b"[", 400),
        (b"[" * 60_000, 400),
        (b'"\\ud800"', 400),
        (b'{"confirmation_token": "ctoken_\\u0000"}', 400),
        (b'{"confirmation_token": NaN}', 400),
        (b'{"confirmation_token": 1e400}', 400),
        (b'{"confirmation_token": "a", "confirmation_token": "b"}', 400),
        (b"\xff", 400),
        ("{}".encode("utf-16"), 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"confirmation_token": 18446744073709551616}', 422),
        (b'{"confirmation_token": "pi_not_a_token"}', 422),
        (b'{"confirmation_token": "ctoken_a", "amount": 1}', 422),
        (b'{"confirmation_token": "' + b"a" * 70_000 + b'"}', 413),
    ],
)
def test_a_malformed_confirmation_is_refused(shop: Shop, body: bytes, status: int) -> None:
    page = shop.visit()
    answer = shop.client.post(
        page.attributes["confirm-url"],
        data=body,
        content_type="application/json",
        headers={"X-Kassa-Token": page.attributes["token"]},
    )
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_a_token_that_stripe_does_not_know_is_refused_and_another_pays(shop: Shop) -> None:
    page = shop.visit()
    assert reply(shop.confirm(page, "ctoken_unknown"))["status"] == "requires_payment_method"
    assert shop.pay(page) == {"status": "succeeded"}


def test_stripes_answer_in_the_return_address_is_not_kept(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page)
    secret = "?payment_intent=pi_1&payment_intent_client_secret=s&redirect_status=succeeded"
    answer = shop.client.get(f"/c/{page.checkout_id}/return{secret}")
    assert answer.status_code == 303
    assert answer.location == f"/c/{page.checkout_id}/return"


def test_a_return_without_an_attempt_leads_back_to_the_checkout(shop: Shop) -> None:
    page = shop.visit()
    answer = shop.client.get(f"/c/{page.checkout_id}/return?redirect_status=succeeded")
    assert shop.client.get(answer.location).location == f"/c/{page.checkout_id}"


@pytest.mark.parametrize("path", ["/c/nobody", "/c/nobody/return", "/c/%00", "/nowhere"])
def test_an_unknown_address_is_a_plain_page_with_a_way_on(shop: Shop, path: str) -> None:
    answer = shop.client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert 'href="/"' in answer.text


def test_a_paused_experiment_shows_the_control_and_exposes_nobody(
    make_shop: MakeShop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = make_shop()
    text = (shop.settings.definitions / "one-page-checkout.yaml").read_text()
    directory = tmp_path_factory.mktemp("growth") / "definitions"
    directory.mkdir()
    (directory / "one-page-checkout.yaml").write_text(
        text.replace("status: running", "status: paused")
    )
    paused = make_shop(directory)
    for _ in range(8):
        paused.client.delete_cookie("kassa_visitor")
        assert paused.visit().steps == 2
    assert paused.rows("SELECT * FROM exposures") == []


def test_a_visitor_keeps_the_variant_when_the_weights_change(
    make_shop: MakeShop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = make_shop()
    while shop.visit().steps != 1:
        shop.client.delete_cookie("kassa_visitor")
    cookie = shop.client.get_cookie("kassa_visitor")
    assert cookie is not None
    text = (shop.settings.definitions / "one-page-checkout.yaml").read_text()
    directory = tmp_path_factory.mktemp("growth") / "definitions"
    directory.mkdir()
    changed = text.replace("weight: 50, control", "weight: 99.99, control").replace(
        "weight: 50", "weight: 0.01"
    )
    (directory / "one-page-checkout.yaml").write_text(changed)
    reweighted = make_shop(directory)
    reweighted.client.set_cookie("kassa_visitor", cookie.value)
    assert reweighted.visit().steps == 1


def _changed(make_shop: MakeShop, shop: Shop, directory: Path, old: str, new: str) -> Shop:
    """The same store and visitor, under changed definitions."""
    definitions = directory / "definitions"
    definitions.mkdir()
    name = "one-page-checkout.yaml"
    text = (shop.settings.definitions / name).read_text()
    assert old in text
    (definitions / name).write_text(text.replace(old, new))
    changed = make_shop(definitions)
    cookie = shop.client.get_cookie("kassa_visitor")
    assert cookie is not None
    changed.client.set_cookie("kassa_visitor", cookie.value)
    return changed


def _visitor_with(shop: Shop, *, steps: int) -> None:
    while shop.visit().steps != steps:
        shop.client.delete_cookie("kassa_visitor")


def test_a_visitor_keeps_the_variant_when_the_traffic_is_cut(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop()
    _visitor_with(shop, steps=1)
    cut = _changed(make_shop, shop, tmp_path, "traffic: 1.0", "traffic: 0.0001")
    assert cut.visit().steps == 1
    cut.client.delete_cookie("kassa_visitor")
    assert cut.visit().steps == 2


def test_a_variant_that_is_gone_gives_its_visitors_the_control(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop()
    _visitor_with(shop, steps=1)
    gone = _changed(make_shop, shop, tmp_path, "key: one_page", "key: single_page")
    page = gone.visit()
    assert page.steps == 2
    ((experiment,),) = gone.rows(
        "SELECT experiment FROM checkouts WHERE checkout_id = :id", id=page.checkout_id
    )
    assert experiment is None


def test_two_first_visitors_of_one_checkout_are_one_exposure_of_what_is_shown(shop: Shop) -> None:
    app = shop.client.application
    for _ in range(6):
        location = shop.client.get("/buy/team-plan").location

        def look(_: int, path: str = location) -> int:
            return Shop.page(app.test_client().get(path)).steps

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(look, range(4)))) == 1
    exposed = shop.rows(
        "SELECT e.variant, c.variant, e.unit_id, c.unit_id FROM exposures e "
        "JOIN checkouts c ON c.checkout_id = e.checkout_id"
    )
    assert len(exposed) == 6
    for exposure, shown, unit, visitor in exposed:
        assert (exposure, unit) == (shown, visitor)


def test_the_return_page_asks_about_the_payment_and_not_about_the_last_try(shop: Shop) -> None:
    page = shop.visit()
    asked = shop.pay(page, AUTHENTICATES)
    shop.confirm(page, "ctoken_unusable")
    shop.authenticate(asked["next_action"]["client_secret"])
    assert "Payment received" in shop.client.get(page.attributes["return-url"]).text
    shop.deliver_all(page)
    assert "Payment received" in shop.client.get(page.attributes["return-url"]).text


def test_an_attempt_learns_from_the_ledger_that_it_paid(shop: Shop) -> None:
    page = shop.visit()
    asked = shop.pay(page, AUTHENTICATES)
    shop.authenticate(asked["next_action"]["client_secret"])
    shop.deliver_all(page)
    shop.client.get(page.attributes["return-url"])
    assert shop.rows("SELECT status FROM confirmations") == [("succeeded",)]


def test_a_paid_checkout_whose_day_is_over_before_the_webhook_is_not_called_unpaid(
    shop: Shop,
) -> None:
    page = shop.visit()
    shop.pay(page)
    shop.clock.pass_by(hours=25)
    assert shop.client.get(f"/c/{page.checkout_id}").location.endswith("/return")
    assert "Payment received" in shop.client.get(page.attributes["return-url"]).text
    assert reply(shop.confirm(page, "ctoken_other")) == {"status": "succeeded"}


def test_a_failed_checkout_whose_day_is_over_starts_again(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page, DECLINES)
    shop.clock.pass_by(hours=25)
    for path in (f"/c/{page.checkout_id}", page.attributes["return-url"]):
        gone = shop.client.get(path)
        assert gone.status_code == 410
        assert "/buy/team-plan" in gone.text
    assert shop.confirm(page, shop.token(page)).status_code == 410


def test_too_many_cards_on_one_checkout_are_refused(shop: Shop) -> None:
    page = shop.visit()
    for _ in range(10):
        assert shop.pay(page, DECLINES)["status"] == "requires_payment_method"
    answer = shop.confirm(page, shop.token(page))
    assert (answer.status_code, reply(answer)["type"]) == (429, "urn:kassa:too-many-attempts")


# -- what is typed ---------------------------------------------------------------------------------

TYPED = {
    "email": "ada@example.com",
    "name": "Ada O'Hara <img>",
    "address": {"line1": '1 "Quote" Way', "line2": None, "city": "", "country": "GB"},
}
NOTHING: dict[str, object] = {
    "email": None,
    "name": None,
    "address": {},
    "fields": {},
    "complete": False,
}


def _type(shop: Shop, page: Page, body: object = TYPED, **headers: str) -> TestResponse:
    own = {"X-Kassa-Token": page.attributes["token"]}
    return shop.client.post(page.attributes["details-url"], json=body, headers=own | headers)


def _typed(page: Page) -> Any:
    found = re.search(r"data-details='([^']*)'", page.html)
    assert found is not None
    return json.loads(html.unescape(found[1]))


def test_what_is_typed_is_there_again(shop: Shop) -> None:
    page = shop.visit()
    assert _typed(page) == NOTHING
    assert _type(shop, page).status_code == 204
    again = shop.page(shop.client.get(f"/c/{page.checkout_id}"))
    assert _typed(again) == TYPED | {
        "address": {"line1": '1 "Quote" Way', "country": "GB"},
        "fields": {},
        "complete": False,
    }
    assert 'value="ada@example.com"' in again.html
    assert "<img>" not in again.html


def test_somebody_elses_browser_sees_nothing_of_it_and_changes_nothing(shop: Shop) -> None:
    page = shop.visit()
    _type(shop, page)
    shop.client.delete_cookie("kassa_visitor")
    other = shop.page(shop.client.get(f"/c/{page.checkout_id}"))
    assert "ada@example.com" not in other.html
    assert _typed(other) == NOTHING
    assert _type(shop, other, {"email": "eve@example.com"}).status_code == 204
    again = shop.page(shop.client.get(f"/c/{page.checkout_id}"))
    assert _typed(again) == NOTHING | {"email": "eve@example.com"}


def test_the_address_of_somebody_elses_try_is_not_the_first_visitors(shop: Shop) -> None:
    page = shop.open(email="boss@example.com")
    assert _typed(page)["email"] == "boss@example.com"
    own = shop.client.get_cookie("kassa_visitor")
    assert own is not None
    shop.client.delete_cookie("kassa_visitor")
    other = shop.page(shop.client.get(f"/c/{page.checkout_id}"))
    assert _typed(other)["email"] is None
    shop.pay(other, DECLINES)
    shop.client.set_cookie("kassa_visitor", own.value)
    assert _typed(shop.page(shop.client.get(f"/c/{page.checkout_id}"))) == NOTHING


def test_nothing_is_kept_for_a_checkout_that_is_over(shop: Shop) -> None:
    page = shop.visit()
    shop.clock.pass_by(hours=25)
    assert _type(shop, page).status_code == 410
    assert shop.rows("SELECT * FROM details") == []


def test_whoever_keeps_no_cookie_meets_all_steps_on_one_page(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop(_reloading(tmp_path))
    page = shop.visit()
    assert page.html.count("data-step=") == 1
    own = shop.page(shop.client.get(f"/c/{page.checkout_id}?step=payment"))
    assert 'data-step="details"' in own.html
    assert own.html.count("data-step=") == 1
    shop.client.delete_cookie("kassa_visitor")
    bare = shop.page(shop.client.get(f"/c/{page.checkout_id}?step=payment"))
    assert bare.html.count("data-step=") == 2


def _reloading(directory: Path) -> Path:
    """The shipped experiment, both arms of which have pages of their own."""
    shipped = PROJECT / "experiments" / "definitions" / "one-page-checkout.yaml"
    text = re.sub(r"flow: \w+", "flow: two_page_reload", shipped.read_text())
    definitions = directory / "definitions"
    definitions.mkdir()
    (definitions / shipped.name).write_text(text)
    return definitions


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (TYPED, {"X-Kassa-Token": "forged"}, 403),
        (TYPED, {"Sec-Fetch-Site": "cross-site"}, 403),
        (TYPED | {"card": "4242"}, {}, 422),
        (TYPED | {"email": "x" * 255}, {}, 422),
        (TYPED | {"typed_at": 2**53}, {}, 422),
        (TYPED | {"address": {"country": "Sweden"}}, {}, 422),
        ([], {}, 422),
    ],
)
def test_only_the_page_keeps_details_and_only_such(
    shop: Shop, body: object, headers: dict[str, str], status: int
) -> None:
    page = shop.visit()
    assert _type(shop, page, body, **headers).status_code == status
    assert shop.rows("SELECT * FROM details") == []
