"""Who refuses analytics is not watched, pays all the same, and counts all the same."""

from __future__ import annotations

from typing import Any

from service.settings import Analytics
from tests.service.conftest import MakeShop, Page, Shop, reply

GPC, DNT = {"Sec-GPC": "1"}, {"DNT": "1"}
NEITHER = {"Sec-GPC": "0", "DNT": "0"}


def _opened(shop: Shop, headers: dict[str, str], **order: Any) -> Page:
    return shop.page(shop.client.get(shop.order(**order)["url"], headers=headers))


def _told(shop: Shop, page: Page, headers: dict[str, str]) -> Any:
    """What becomes of events that the page, or somebody in its name, sends all the same."""
    about = {"checkout_id": page.checkout_id}
    sent = [
        shop.event(**about),
        shop.event("step_shown", **about, properties={"step": "details"}),
        shop.event("payment_succeeded", **about),
    ]
    answer = shop.client.post("/v1/events", json={"events": sent}, headers=headers)
    assert answer.status_code == 202
    return reply(answer)


CASES: dict[Analytics, list[tuple[dict[str, str], bool | None, bool]]] = {
    Analytics.ALWAYS: [(GPC, None, True), (DNT, True, True), ({}, False, False)],
    Analytics.UNLESS_REFUSED: [
        ({}, None, True),
        (NEITHER, None, True),
        (GPC, None, False),
        (DNT, None, False),
        (GPC, True, False),
        ({}, False, False),
    ],
    Analytics.WITH_CONSENT: [
        ({}, None, False),
        ({}, False, False),
        ({}, True, True),
        (DNT, True, False),
    ],
    Analytics.NEVER: [({}, True, False)],
}


def test_behaviour_is_kept_only_where_setting_browser_and_consent_allow_it(
    make_shop: MakeShop,
) -> None:
    assert CASES.keys() == set(Analytics)
    for mode, cases in CASES.items():
        shop = make_shop(analytics=mode)
        for headers, consent, kept in cases:
            case = (mode, headers, consent)
            page = _opened(shop, headers, analytics_consent=consent)
            assert page.attributes["events-url"] == ("/v1/events" if kept else ""), case
            before = len(shop.rows("SELECT * FROM events"))
            answer = _told(shop, page, headers)
            assert (answer["accepted"], answer["not_kept"]) == ((2, 0) if kept else (0, 2)), case
            assert [each["index"] for each in answer["rejected"]] == [2]
            assert len(shop.rows("SELECT * FROM events")) - before == (2 if kept else 0), case


def test_who_is_not_watched_is_exposed_and_converts_by_the_ledger(shop: Shop) -> None:
    page = _opened(shop, GPC)
    shop.pay(page)
    shop.deliver_all(page)
    ((unit_id, variant),) = shop.rows("SELECT unit_id, variant FROM exposures")
    assert shop.rows("SELECT name, unit_id FROM events") == [("payment_succeeded", unit_id)]
    assert page.attributes["checkout-id"] == page.checkout_id
    assert shop.stands(page)["variant"] == variant
    assert shop.stands(page)["status"] == "paid"


def test_consent_is_not_passed_on_with_a_link_and_a_refusal_is(make_shop: MakeShop) -> None:
    shop = make_shop(analytics=Analytics.WITH_CONSENT)
    yes = _opened(shop, {}, analytics_consent=True)
    shop.client.delete_cookie("kassa_visitor")
    again = shop.page(shop.client.get(f"/c/{yes.checkout_id}"))
    assert (yes.attributes["events-url"], again.attributes["events-url"]) == ("/v1/events", "")
    assert _told(shop, again, {})["not_kept"] == 2

    shop = make_shop()
    no = _opened(shop, {}, analytics_consent=False)
    shop.client.delete_cookie("kassa_visitor")
    again = shop.page(shop.client.get(f"/c/{no.checkout_id}"))
    assert (no.attributes["events-url"], again.attributes["events-url"]) == ("", "")


def test_where_consent_is_asked_for_events_of_no_checkout_are_not_kept(make_shop: MakeShop) -> None:
    shop = make_shop(analytics=Analytics.WITH_CONSENT)
    answer = shop.client.post("/v1/events", json={"events": [shop.event()]})
    assert reply(answer)["not_kept"] == 1
    assert shop.rows("SELECT * FROM events") == []


def test_a_link_to_an_offer_says_what_the_visitor_agreed_to(make_shop: MakeShop) -> None:
    shop = make_shop(analytics=Analytics.WITH_CONSENT)
    for query, told in (
        ("?analytics_consent=true", "/v1/events"),
        ("?analytics_consent=false", ""),
        ("", ""),
    ):
        page = shop.page(shop.client.get(f"/buy/team-plan{query}", follow_redirects=True))
        assert page.attributes["events-url"] == told


def test_a_link_that_says_neither_yes_nor_no_is_refused(shop: Shop) -> None:
    for said in ("yes", "", "TRUE", "1"):
        assert shop.client.get(f"/buy/team-plan?analytics_consent={said}").status_code == 422
    assert shop.rows("SELECT * FROM checkouts") == []


def test_the_same_order_with_another_consent_is_another_order(shop: Shop) -> None:
    headers = {"Authorization": "Bearer key-of-the-merchants-server", "Idempotency-Key": "order-1"}
    order = {
        "mode": "payment",
        "currency": "usd",
        "lines": [{"description": "Team plan", "amount": 2400}],
        "success_url": "https://shop.example/thanks",
    }
    statuses = [
        shop.client.post("/v1/checkouts", json=order | changes, headers=headers).status_code
        for changes in ({}, {"analytics_consent": None}, {"analytics_consent": False})
    ]
    assert statuses == [201, 201, 409]
