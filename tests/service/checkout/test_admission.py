"""Who is let into which experiment as a checkout is shown, and who is counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection

from experiments import Switch
from service.web.signing import Signing
from tests.service.conftest import API_KEY, MakeShop, Page, Shop

EXPERIMENT = """\
version: 1
name: One-page checkout
hypothesis: Fewer steps, more sales.
owner: growth@example.com
status: running
variants:
  - {key: two_page, weight: 50, control: true, flow: two_page}
  - {key: one_page, weight: 50, flow: one_page}
metrics: {primary: paid_conversion}
analysis: {planned_units: 40000}
"""
ALL_ONE_PAGE = EXPERIMENT.replace("weight: 50, flow", "weight: 99.99, flow").replace(
    "weight: 50, control", "weight: 0.01, control"
)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a growth team's directory: the experiments by key, and the files above them."""

    def write(experiments: dict[str, str], **above: str) -> Path:
        definitions = tmp_path / "growth" / "definitions"
        definitions.mkdir(parents=True, exist_ok=True)
        for key, text in experiments.items():
            (definitions / f"{key}.yaml").write_text(text, encoding="utf-8")
        for name, text in above.items():
            (definitions.parent / f"{name}.yaml").write_text(text, encoding="utf-8")
        return definitions

    return write


def another_browser(shop: Shop) -> FlaskClient:
    return shop.client.application.test_client()


def look(shop: Shop, client: FlaskClient, **headers: str) -> Page:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return shop.page(client.get("/buy/team-plan", follow_redirects=True, headers=given))


def order(shop: Shop, **fields: Any) -> Any:
    body = {
        "mode": "payment",
        "currency": "usd",
        "success_url": "https://shop.example/thanks",
        "lines": [{"description": "Team plan", "amount": 2400, "quantity": 1}],
    }
    headers = {"Authorization": f"Bearer {API_KEY}"}
    return shop.client.post("/v1/checkouts", json=body | fields, headers=headers)


def meet(shop: Shop, client: FlaskClient, **fields: Any) -> Page:
    """What a browser sees of a checkout that the merchant's server made."""
    made = order(shop, **fields)
    assert made.status_code == 201, made.text
    return shop.page(client.get(f"/c/{made.get_json()['id']}"))


def exposed(shop: Shop) -> list[tuple[Any, ...]]:
    rows = shop.rows("SELECT experiment, unit_id, variant FROM exposures ORDER BY exposed_at")
    return [tuple(row) for row in rows]


def test_only_those_an_experiment_is_for_are_let_in(make_shop: MakeShop, write: Write) -> None:
    targeted = ALL_ONE_PAGE.replace(
        "variants:",
        "targeting:\n  all:\n    - {attribute: country, in: [SE]}\n"
        "    - {attribute: device, in: [phone]}\n"
        "    - {attribute: amount, min: 2000}\n"
        "    - {attribute: offer, in: [team-plan]}\nvariants:",
    )
    shop = make_shop(write({"checkout": targeted}), country_header="CF-IPCountry")
    assert look(shop, another_browser(shop), CF_IPCountry="NO", User_Agent=PHONE).steps == 2
    assert look(shop, another_browser(shop), CF_IPCountry="SE", User_Agent="curl").steps == 2
    assert exposed(shop) == []
    page = look(
        shop, another_browser(shop), CF_IPCountry="se", User_Agent=PHONE, Accept_Language="sv-se"
    )
    assert page.steps == 1
    (row,) = shop.rows("SELECT attributes FROM exposures")
    known = row[0] if isinstance(row[0], dict) else json.loads(row[0])
    assert known == {
        "country": "SE",
        "device": "phone",
        "locale": "sv-SE",
        "amount": 2400,
        "currency": "usd",
        "offer": "team-plan",
    }


def test_a_country_is_believed_only_from_the_proxy_that_is_named(
    make_shop: MakeShop, write: Write
) -> None:
    targeted = ALL_ONE_PAGE.replace(
        "variants:", "targeting: {attribute: country, in: [SE]}\nvariants:"
    )
    shop = make_shop(write({"checkout": targeted}))
    assert look(shop, another_browser(shop), CF_IPCountry="SE", X_Country="SE").steps == 2


def test_the_merchants_attributes_are_typed(make_shop: MakeShop, write: Write) -> None:
    targeted = ALL_ONE_PAGE.replace(
        "variants:",
        "targeting:\n  all:\n    - {attribute: seats, min: 10}\n"
        '    - {attribute: app, semver: ">=2.0.0"}\n    - {attribute: new, in: [true]}\nvariants:',
    )
    attributes = (
        "attributes:\n  - {key: seats, type: number, description: Seats.}\n"
        "  - {key: app, type: version, description: The app.}\n"
        "  - {key: new, type: boolean, description: New here.}\n"
    )
    shop = make_shop(write({"checkout": targeted}, attributes=attributes))
    fits = {"seats": 12, "app": "2.1.0", "new": True, "unheard-of": "kept"}
    assert meet(shop, another_browser(shop), attributes=fits).steps == 1
    assert meet(shop, another_browser(shop), attributes=fits | {"seats": 9}).steps == 2
    for wrong, message in (
        ({"seats": "12"}, "attributes.seats: seats is a number"),
        ({"new": 1}, "attributes.new: new is a boolean"),
        ({"country": "se"}, "attributes.country: country is an ISO 3166 code"),
        ({"amount": 1}, "attributes.amount: is told by the order itself"),
    ):
        answer = order(shop, attributes=wrong)
        assert answer.status_code == 422
        assert message in answer.get_json()["detail"]


def test_a_customer_sees_one_variant_in_every_browser_and_counts_once(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(
        write({"checkout": EXPERIMENT.replace("variants:", "unit: customer\nvariants:")})
    )
    for number in range(8):
        customer = f"cus_{number}"
        seen = {meet(shop, another_browser(shop), customer=customer).steps for _ in range(2)}
        assert len(seen) == 1
    rows = exposed(shop)
    assert sorted(row[1] for row in rows) == [f"cus_{number}" for number in range(8)]
    assert {row[2] for row in rows} == {"one_page", "two_page"}
    assert look(shop, another_browser(shop)).steps == 2
    assert len(exposed(shop)) == 8


LAYERS = """\
layers:
  - key: checkout
    slots:
      - {experiment: first, from: 0, to: 50}
      - {experiment: second, from: 50, to: 100}
"""


def test_experiments_of_a_layer_share_the_checkout_and_nobody_is_in_two(
    make_shop: MakeShop, write: Write
) -> None:
    layered = ALL_ONE_PAGE.replace("variants:", "layer: checkout\nvariants:")
    shop = make_shop(write({"first": layered, "second": layered}, layers=LAYERS))
    for _ in range(24):
        assert look(shop, another_browser(shop)).steps == 1
    rows = exposed(shop)
    assert len({row[1] for row in rows}) == len(rows) == 24
    assert {row[0] for row in rows} == {"first", "second"}


def test_a_visitor_stays_in_the_experiment_that_was_shown_when_slots_move(
    make_shop: MakeShop, write: Write
) -> None:
    layered = ALL_ONE_PAGE.replace("variants:", "layer: checkout\nvariants:")
    shop = make_shop(write({"first": layered, "second": layered}, layers=LAYERS))
    browsers = [another_browser(shop) for _ in range(12)]
    for browser in browsers:
        look(shop, browser)
    before = sorted(exposed(shop))
    moved = LAYERS.replace("0, to: 50", "0, to: 10").replace("from: 50", "from: 10")
    later = make_shop(write({}, layers=moved))
    for browser in browsers:
        cookie = browser.get_cookie("kassa_visitor")
        assert cookie is not None
        fresh = another_browser(later)
        fresh.set_cookie("kassa_visitor", cookie.value)
        assert look(later, fresh).steps == 1
    assert sorted(exposed(later)) == before


def test_held_out_visitors_see_the_control_and_are_nowhere_counted(
    make_shop: MakeShop, write: Write
) -> None:
    held = "holdouts: [{key: all, share: 0.5, global: true}]\n"
    shop = make_shop(write({"checkout": ALL_ONE_PAGE}, layers=held))
    steps = [look(shop, another_browser(shop)).steps for _ in range(24)]
    assert set(steps) == {1, 2}
    assert len(exposed(shop)) == steps.count(1)


OVERRIDDEN = (
    EXPERIMENT.replace("weight: 50, flow", "weight: 0.01, flow")
    .replace("weight: 50, control", "weight: 99.99, control")
    .replace(
        "variants:",
        "overrides:\n  - {name: qa-team, variant: one_page}\n"
        "  - {name: last-year, variant: one_page, until: 2020-01-01T00:00:00Z}\nvariants:",
    )
)


def test_a_testers_link_shows_the_variant_and_counts_nobody(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    browser = another_browser(shop)
    assert look(shop, browser).steps == 2
    before = exposed(shop)
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    assert browser.get(f"/qa/{token}").status_code == 303
    for _ in range(2):
        assert look(shop, browser).steps == 1
    page = shop.page(browser.get("/buy/espresso-set", follow_redirects=True))
    told = browser.post("/v1/events", json={"events": [shop.event(checkout_id=page.checkout_id)]})
    assert told.get_json()["accepted"] == 1
    assert exposed(shop) == before
    rows = shop.rows("SELECT unit_id, preview, variant FROM checkouts ORDER BY created_at")
    assert [(row[0].startswith("preview-"), bool(row[1]), row[2]) for row in rows] == [
        (False, False, "two_page"),
        *[(True, True, "one_page")] * 3,
    ]
    events = {row[0] for row in shop.rows("SELECT unit_id FROM events")}
    assert all(unit.startswith("preview-") for unit in events)

    assert browser.get("/qa/off").status_code == 303
    assert look(shop, browser).steps == 2
    assert len(exposed(shop)) == len(before) + 1


def test_a_testers_link_must_be_ours_and_of_an_override_in_force(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    signing = Signing(shop.settings.secret_keys)
    good = signing.override_token("checkout", "qa-team")
    for token in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        Signing(("another-secret-key-of-nobody",)).override_token("checkout", "qa-team"),
        signing.override_token("checkout", "last-year"),
        signing.override_token("checkout", "nobody"),
        signing.override_token("no-such", "qa-team"),
        signing.preview_token("checkout", "one_page"),
        "x",
    ):
        answer = shop.client.get(f"/qa/{token}", headers={"Accept": "text/html"})
        assert answer.status_code == 403, token
        assert "kassa_override" not in str(answer.headers)
    # Nor is any of them, or the good one, as a cookie that somebody set by hand.
    for token in (good, signing.override_token("checkout", "last-year"), "x"):
        browser = another_browser(shop)
        look(shop, browser)
        browser.set_cookie("kassa_override", token)
        assert look(shop, browser).steps == 2
    assert shop.rows("SELECT COUNT(*) FROM checkouts WHERE preview") == [(0,)]


def test_a_testers_link_changes_nothing_before_somebody_follows_it(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    for path in (f"/qa/{token}", "/qa/off"):
        ahead = shop.client.get(path, headers={"Sec-Purpose": "prefetch"})
        assert ahead.status_code == 503
        for answer in (ahead, shop.client.head(path)):
            assert "kassa_override" not in str(answer.headers)


def test_a_tester_who_comes_back_another_day_is_a_visitor_again(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    browser = another_browser(shop)
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    browser.get(f"/qa/{token}")
    assert look(shop, browser).steps == 1
    # The browser forgets the cookies of its session.
    browser.delete_cookie("kassa_override")
    assert look(shop, browser).steps == 2
    ((_, unit, _),) = exposed(shop)
    assert not unit.startswith("preview-")


def test_a_removed_override_ends_what_its_links_began(make_shop: MakeShop, write: Write) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    browser = another_browser(shop)
    browser.get(f"/qa/{token}")
    later = make_shop(write({"checkout": OVERRIDDEN.replace("qa-team", "others")}))
    fresh = another_browser(later)
    for name in ("kassa_override", "kassa_visitor"):
        cookie = browser.get_cookie(name)
        assert cookie is not None
        fresh.set_cookie(name, cookie.value)
    assert look(later, fresh).steps == 2
    assert exposed(later) == []


def test_a_listed_customer_is_shown_the_variant_without_a_link_and_not_counted(
    make_shop: MakeShop, write: Write
) -> None:
    listed = OVERRIDDEN.replace("variants:", "unit: customer\nvariants:").replace(
        "variant: one_page}", "variant: one_page, customers: [cus_ours]}", 1
    )
    shop = make_shop(write({"checkout": listed}))
    assert meet(shop, another_browser(shop), customer="cus_ours").steps == 1
    assert exposed(shop) == []
    assert meet(shop, another_browser(shop), customer="cus_theirs").steps == 2
    assert [row[1] for row in exposed(shop)] == ["cus_theirs"]


_WITHOUT_FLOWS = OVERRIDDEN.replace(", flow: two_page", "").replace(", flow: one_page", "")

TRIGGERED = ALL_ONE_PAGE.replace("variants:", "exposure: {trigger: payment_form_ready}\nvariants:")


def told(shop: Shop, client: FlaskClient, page: Page, name: str) -> None:
    event = shop.event(name, checkout_id=page.checkout_id)
    answer = client.post("/v1/events", json={"events": [event]})
    assert answer.get_json()["accepted"] == 1


def test_a_trigger_counts_units_from_the_event_on(make_shop: MakeShop, write: Write) -> None:
    shop = make_shop(write({"checkout": TRIGGERED}))
    browser, other = another_browser(shop), another_browser(shop)
    page = look(shop, browser)
    assert page.steps == 1
    told(shop, browser, page, "checkout_viewed")
    told(shop, other, page, "payment_form_ready")
    assert exposed(shop) == []
    told(shop, browser, page, "payment_form_ready")
    told(shop, browser, page, "payment_form_ready")
    ((experiment, unit, variant),) = exposed(shop)
    assert (experiment, variant) == ("checkout", "one_page")
    assert shop.rows("SELECT unit_id FROM checkouts") == [(unit,)]


@pytest.mark.parametrize(
    "over",
    [
        TRIGGERED.replace("running", "paused"),
        TRIGGERED.replace("key: one_page", "key: another"),
    ],
    ids=["paused", "without the variant"],
)
def test_a_trigger_counts_nobody_once_what_was_shown_is_over(
    make_shop: MakeShop, write: Write, over: str
) -> None:
    shop = make_shop(write({"checkout": TRIGGERED}))
    browser = another_browser(shop)
    page = look(shop, browser)
    later = make_shop(write({"checkout": over}))
    fresh = another_browser(later)
    cookie = browser.get_cookie("kassa_visitor")
    assert cookie is not None
    fresh.set_cookie("kassa_visitor", cookie.value)
    told(later, fresh, page, "payment_form_ready")
    assert exposed(later) == []


def test_a_testers_link_wins_over_the_other_experiments_of_the_layer(
    make_shop: MakeShop, write: Write
) -> None:
    first, second = (
        each.replace("variants:", "layer: ui\nvariants:") for each in (EXPERIMENT, OVERRIDDEN)
    )
    layers = "layers: [{key: ui, slots: [{experiment: a-first, from: 0, to: 50}, "
    layers += "{experiment: checkout, from: 50, to: 100}]}]\n"
    shop = make_shop(write({"a-first": first, "checkout": second}, layers=layers))
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    for _ in range(6):
        browser = another_browser(shop)
        browser.get(f"/qa/{token}")
        assert look(shop, browser).steps == 1
    assert exposed(shop) == []


def test_a_visitor_keeps_the_variant_when_targeting_or_weights_change(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": ALL_ONE_PAGE}))
    browser = another_browser(shop)
    assert look(shop, browser).steps == 1
    cookie = browser.get_cookie("kassa_visitor")
    assert cookie is not None
    for changed in (
        OVERRIDDEN,
        ALL_ONE_PAGE.replace(
            "variants:", "targeting: {attribute: device, in: [tablet]}\nvariants:"
        ),
        ALL_ONE_PAGE.replace("variants:", "traffic: 0.0001\nvariants:"),
    ):
        later = make_shop(write({"checkout": changed}))
        fresh = another_browser(later)
        fresh.set_cookie("kassa_visitor", cookie.value)
        assert look(later, fresh).steps == 1
        assert len(exposed(later)) == 1


def test_a_stop_while_a_visitor_waits_for_the_database_exposes_nobody(
    make_shop: MakeShop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(write({"checkout": ALL_ONE_PAGE}))
    in_force = shop.client.application.extensions["kassa"].in_force
    address = shop.client.get("/buy/team-plan").location
    turn = shop.store.write

    @contextmanager
    def after_a_while() -> Iterator[Connection]:
        with turn() as connection:
            in_force.catalog = shop.catalog.operated({"checkout": Switch(stopped=True)})
            yield connection

    monkeypatch.setattr(shop.store, "write", after_a_while)
    assert shop.page(shop.client.get(address)).steps == 2
    assert exposed(shop) == []


def test_the_merchants_word_comes_before_the_browsers(make_shop: MakeShop, write: Write) -> None:
    targeted = ALL_ONE_PAGE.replace(
        "variants:",
        "targeting:\n  all:\n    - {attribute: country, in: [SE]}\n"
        "    - {attribute: device, in: [tablet]}\nvariants:",
    )
    shop = make_shop(write({"checkout": targeted}), country_header="X-Country")
    made = order(shop, attributes={"country": "SE", "device": "tablet"}).get_json()
    headers = {"X-Country": "NO", "User-Agent": PHONE}
    page = shop.page(another_browser(shop).get(f"/c/{made['id']}", headers=headers))
    assert page.steps == 1


def test_a_tester_is_not_counted_by_a_trigger_either(make_shop: MakeShop, write: Write) -> None:
    overridden = TRIGGERED.replace(
        "variants:", "overrides: [{name: qa, variant: one_page}]\nvariants:"
    )
    shop = make_shop(write({"checkout": overridden}))
    browser = another_browser(shop)
    browser.get(f"/qa/{Signing(shop.settings.secret_keys).override_token('checkout', 'qa')}")
    page = look(shop, browser)
    assert page.steps == 1
    told(shop, browser, page, "payment_form_ready")
    assert exposed(shop) == []


def test_a_trigger_after_the_end_counts_nobody(make_shop: MakeShop, write: Write) -> None:
    shop = make_shop(write({"checkout": EXPERIMENT}))
    begins = shop.clock().replace(microsecond=0) - timedelta(days=6, hours=23, minutes=59)
    ends = begins + timedelta(days=7)
    run = f"start: {begins.isoformat()}\nend: {ends.isoformat()}\nvariants:"
    shop = make_shop(write({"checkout": TRIGGERED.replace("variants:", run)}))
    early, late = another_browser(shop), another_browser(shop)
    pages = {browser: look(shop, browser) for browser in (early, late)}
    assert {page.steps for page in pages.values()} == {1}
    told(shop, early, pages[early], "payment_form_ready")
    shop.clock.pass_by(minutes=2)
    told(shop, late, pages[late], "payment_form_ready")
    assert len(exposed(shop)) == 1


def test_a_testers_link_shows_the_control_while_an_experiment_is_stopped(
    make_shop: MakeShop, write: Write
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    browser = another_browser(shop)
    token = Signing(shop.settings.secret_keys).override_token("checkout", "qa-team")
    browser.get(f"/qa/{token}")
    assert look(shop, browser).steps == 1
    in_force = shop.client.application.extensions["kassa"].in_force
    in_force.catalog = shop.catalog.operated({"checkout": Switch(stopped=True)})
    assert look(shop, browser).steps == 2
    in_force.catalog = shop.catalog
    assert look(shop, browser).steps == 1
    assert exposed(shop) == []


def test_a_testers_other_checkouts_belong_to_no_customer(make_shop: MakeShop, write: Write) -> None:
    other = ALL_ONE_PAGE.replace("variants:", "unit: customer\nvariants:")
    shop = make_shop(write({"checkout": other, "elsewhere": _WITHOUT_FLOWS}))
    token = Signing(shop.settings.secret_keys).override_token("elsewhere", "qa-team")
    browser = another_browser(shop)
    assert meet(shop, another_browser(shop), customer="cus_1").steps == 1
    browser.get(f"/qa/{token}")
    assert meet(shop, browser, customer="cus_1").steps == 2
    rows = shop.rows("SELECT unit_id, preview FROM checkouts WHERE customer = 'cus_1'")
    found = {row[0].startswith("preview-"): bool(row[1]) for row in rows}
    assert found == {False: False, True: True}


def test_a_variant_that_goes_while_its_tester_waits_is_no_error(
    make_shop: MakeShop, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(write({"checkout": OVERRIDDEN}))
    in_force = shop.client.application.extensions["kassa"].in_force
    shop.client.get(
        f"/qa/{Signing(shop.settings.secret_keys).override_token('checkout', 'qa-team')}"
    )
    address = shop.client.get("/buy/team-plan").location
    renamed = OVERRIDDEN.replace("one_page, weight", "single, weight")
    renamed = renamed.replace("variant: one_page", "variant: single")
    later = make_shop(write({"checkout": renamed}))
    turn = shop.store.write

    @contextmanager
    def after_a_while() -> Iterator[Connection]:
        with turn() as connection:
            in_force.catalog = later.catalog
            yield connection

    monkeypatch.setattr(shop.store, "write", after_a_while)
    assert shop.page(shop.client.get(address)).steps == 1
    assert shop.rows("SELECT variant FROM checkouts") == [("single",)]


def test_a_trigger_of_an_older_page_takes_nobody_into_a_second_experiment_of_a_layer(
    make_shop: MakeShop, write: Write
) -> None:
    layered = {
        "first": TRIGGERED.replace("variants:", "layer: checkout\nvariants:"),
        "second": ALL_ONE_PAGE.replace("variants:", "layer: checkout\nvariants:"),
    }
    everybody = "layers: [{key: checkout, slots: [{experiment: first, from: 0, to: 99.99}, "
    everybody += "{experiment: second, from: 99.99, to: 100}]}]\n"
    nobody = everybody.replace("99.99", "0.01")
    shop = make_shop(write(layered, layers=everybody))
    browser = another_browser(shop)
    older = look(shop, browser)
    assert older.steps == 1
    assert exposed(shop) == []
    shop.client.application.extensions["kassa"].in_force.catalog = make_shop(
        write(layered, layers=nobody)
    ).catalog
    assert look(shop, browser).steps == 1
    told(shop, browser, older, "payment_form_ready")
    assert [row[0] for row in exposed(shop)] == ["second"]
