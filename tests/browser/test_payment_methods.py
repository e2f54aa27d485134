"""The Payment Element of the stand-in: more methods than cards, saved ones, and saving."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe
from playwright.sync_api import Browser, Error, expect

from tests.browser import accessibility
from tests.browser.shop import Shop, opened
from tests.browser.visits import PHONE, Screen

EVERYTHING: Any = {
    "payment_method_redisplay": "enabled",
    "payment_method_remove": "enabled",
    "payment_method_save": "enabled",
    "payment_method_save_usage": "off_session",
}
RETURN_URL = "https://shop.example/return"
CARD, BANK = "Card", "US bank account"
LINK, APPLE, GOOGLE = (f"{name} SIMULATED" for name in ("Link", "Apple Pay", "Google Pay"))
# The name of each row, as it is read, and Stripe's.
TYPES = {
    CARD: "card",
    BANK: "us_bank_account",
    LINK: "link",
    APPLE: "apple_pay",
    GOOGLE: "google_pay",
}


@pytest.fixture
def screen() -> Screen:
    """The narrow one: the wide one has room for all of it."""
    return PHONE


@pytest.fixture
def shop(chromium: Browser, tmp_path: Path, screen: Screen) -> Iterator[Shop]:
    context = chromium.new_context(viewport={"width": screen.width, "height": screen.height})
    context.set_default_timeout(10_000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    with opened(tmp_path / "simulator.db", context.new_page()) as running:
        yield running
        context.close()
    assert errors == []


@pytest.fixture
def mara(shop: Shop) -> str:
    """A customer with a saved card and a saved bank account."""
    customer = shop.stripe.v1.customers.create({"name": "Mara"}).id
    for method in ("pm_usBankAccount_success", "pm_card_visa"):
        keep(shop, customer, method)
    return customer


def keep(shop: Shop, customer: str, method: str) -> None:
    """Save a method as a page does: asked for, and to be shown again."""
    secret = session(shop, customer)
    shop.mount(customerSessionClientSecret=secret)
    if method == "pm_card_visa":
        shop.frame.get_by_label("Card", exact=True).check()
        shop.give_card()
    else:
        shop.give_account()
    shop.frame.get_by_label("Save my payment details for next time").check()
    pay(shop, shop.token()["id"], customer=customer)


def session(shop: Shop, customer: str, **features: str) -> str:
    made = shop.stripe.v1.customer_sessions.create(
        {
            "customer": customer,
            "components": {"payment_element": {"enabled": True, "features": EVERYTHING | features}},
        }
    )
    return made.client_secret


def pay(shop: Shop, token: str, **extra: Any) -> stripe.PaymentIntent:
    params: Any = {
        "amount": 2400,
        "currency": "usd",
        "confirm": True,
        "confirmation_token": token,
        "return_url": RETURN_URL,
    }
    return shop.stripe.v1.payment_intents.create(params | extra)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [CARD, BANK, LINK, APPLE, GOOGLE]),
        ({"currency": "eur"}, [CARD, LINK, APPLE, GOOGLE]),
        ({"allowedPaymentMethodTypes": ["card"]}, [CARD, APPLE, GOOGLE]),
        ({"allowedPaymentMethodTypes": ["us_bank_account"]}, []),
        ({"excludedPaymentMethodTypes": ["us_bank_account"]}, [CARD, LINK, APPLE, GOOGLE]),
        ({"mode": "subscription", "amount": 0}, [CARD, BANK, LINK, APPLE, GOOGLE]),
        ({"mode": "setup", "amount": None}, [CARD, BANK, LINK, APPLE, GOOGLE]),
    ],
)
def test_there_is_a_choice_only_where_more_than_one_method_is_possible(
    shop: Shop, options: dict[str, Any], rows: list[str]
) -> None:
    shop.mount(**options)
    assert shop.rows() == rows
    expect(shop.frame.locator("#number" if rows else "#routing")).to_be_visible()
    [told] = shop.heard("availablepaymentmethodschange")
    assert told["paymentMethods"] == {
        kind: {"available": name in (rows or [BANK])} for name, kind in TYPES.items()
    }


def test_the_methods_change_with_the_options(shop: Shop) -> None:
    shop.mount()
    shop.give_account()
    shop.page.evaluate("() => group.update({ currency: 'eur', amount: 500 })")
    expect(shop.frame.locator("#routing")).to_be_hidden()
    assert shop.rows() == [CARD, LINK, APPLE, GOOGLE]
    shop.give_card()
    token = shop.token()["id"]
    assert pay(shop, token, amount=500, currency="eur").status == "succeeded"
    assert len(shop.heard("availablepaymentmethodschange")) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "payment"},
        {"mode": "payment", "amount": 0, "currency": "usd"},
        {"mode": "setup", "amount": 100, "currency": "usd"},
        {"amount": 100, "currency": "usd"},
    ],
)
def test_options_that_do_not_go_together_are_refused(shop: Shop, options: dict[str, Any]) -> None:
    shop.page.goto(shop.url)
    with pytest.raises(Error, match=r"elements\(\)"):
        shop.page.evaluate("options => { Stripe('pk_test_x').elements(options); }", options)


def test_a_bank_account_is_chosen_and_paid_with_by_keyboard(shop: Shop) -> None:
    shop.mount()
    keyboard = shop.page.keyboard
    shop.frame.get_by_label("Card", exact=True).focus()
    keyboard.press("ArrowDown")
    expect(shop.frame.get_by_label("US bank account")).to_be_focused()
    expect(shop.frame.locator("#number")).to_be_hidden()
    for typed in ("Company", "110000000", "000123456789"):
        keyboard.press("Tab")
        keyboard.type(typed)
    expect(shop.frame.locator("#mandate")).to_contain_text("you authorize Rocket Rides to debit")
    assert shop.heard("change")[-1] | {"elementType": "payment"} == {
        "elementType": "payment",
        "complete": True,
        "empty": False,
        "collapsed": False,
        "value": {"type": "us_bank_account"},
    }
    answer = shop.submit()
    assert answer["selectedPaymentMethod"] == "us_bank_account"
    token = answer["confirmationToken"]
    shown = token["payment_method_preview"]["us_bank_account"]
    assert (shown["last4"], shown["account_holder_type"]) == ("6789", "company")
    assert pay(shop, token["id"]).status == "processing"


def test_google_pay_is_chosen_and_paid_with_by_keyboard(shop: Shop) -> None:
    shop.mount()
    keyboard = shop.page.keyboard
    shop.frame.get_by_label(CARD, exact=True).focus()
    for _ in range(4):
        keyboard.press("ArrowDown")
    expect(shop.frame.get_by_label(GOOGLE, exact=True)).to_be_focused()
    keyboard.press("Tab")
    expect(shop.frame.get_by_label("Test card in Google Pay")).to_be_focused()
    keyboard.type("Mastercard")
    told = shop.heard("change")[-1]
    assert (told["complete"], told["empty"]) == (True, False)
    assert told["value"] == {"type": "google_pay"}
    answer = shop.submit()
    assert answer["selectedPaymentMethod"] == "google_pay"
    token = answer["confirmationToken"]
    card = token["payment_method_preview"]["card"]
    assert (card["brand"], card["wallet"]["type"]) == ("mastercard", "google_pay")
    assert pay(shop, token["id"]).status == "succeeded"


def test_link_pays_and_may_be_declined(shop: Shop) -> None:
    shop.mount()
    shop.frame.get_by_label(LINK, exact=True).check()
    token = shop.token()
    assert token["payment_method_preview"]["type"] == "link"
    assert pay(shop, token["id"]).status == "succeeded"
    held = shop.frame.get_by_label("Test card in Link")
    held.select_option("Visa •••• 0002: generic decline")
    with pytest.raises(stripe.CardError):
        pay(shop, shop.token()["id"])


def test_a_page_hides_the_wallets_it_does_not_want(shop: Shop) -> None:
    shop.mount()
    shop.frame.get_by_label(APPLE, exact=True).check()
    shop.page.evaluate(
        """async () => {
          const payment = group.getElement("payment");
          const changed = new Promise(resolve => payment.once("change", resolve));
          payment.update({ wallets: { applePay: "never", link: "never", googlePay: "auto" } });
          await changed;
        }"""
    )
    assert shop.rows() == [CARD, BANK, GOOGLE]
    expect(shop.frame.get_by_label(CARD, exact=True)).to_be_checked()
    assert len(shop.heard("availablepaymentmethodschange")) == 2


def test_the_mandate_is_hidden_where_the_page_shows_its_own(shop: Shop) -> None:
    shop.mount()
    shop.give_account()
    expect(shop.frame.locator("#mandate")).to_be_visible()
    shop.page.evaluate(
        "() => { group.getElement('payment').update({ terms: { usBankAccount: 'never' } }); }"
    )
    expect(shop.frame.locator("#mandate")).to_be_hidden()


def test_an_unlisted_account_never_leaves_its_frame(shop: Shop) -> None:
    sent: list[str] = []
    shop.page.on("request", lambda request: sent.append(request.post_data or ""))
    shop.mount()
    shop.give_account("998877665544")
    answer = shop.submit()
    assert answer["error"]["code"] == "invalid_account_number"
    expect(shop.frame.locator("#account-error")).to_contain_text("was not sent")
    assert not [body for body in sent if "998877665544" in body]


def test_small_deposits_are_told_in_a_window_or_later(shop: Shop) -> None:
    shop.mount()
    shop.give_account()
    shop.frame.get_by_label("Verify with microdeposits").check()
    intent = pay(shop, shop.token()["id"])
    assert intent.status == "requires_action"
    secret = intent.client_secret or ""

    shop.begin_action(secret)
    shop.window.get_by_role("button", name="Later").click()
    assert shop.acted()["paymentIntent"]["status"] == "requires_action"

    for place in (shop.window.locator("#first"), shop.page.locator("dialog")):
        shop.begin_action(secret)
        expect(shop.window.locator("#first")).to_be_focused()
        place.press("Escape")
        assert shop.acted()["paymentIntent"]["status"] == "requires_action"

    shop.begin_action(secret)
    shop.window.locator("#first").fill("1")
    shop.window.locator("#second").fill("2")
    shop.window.get_by_role("button", name="Verify").click()
    expect(shop.window.get_by_role("alert")).to_contain_text("do not match")
    shop.window.locator("#first").fill("32")
    shop.window.locator("#second").fill("45")
    shop.window.get_by_role("button", name="Verify").click()
    assert shop.acted()["paymentIntent"]["status"] == "processing"


def test_small_deposits_are_told_on_a_page_of_their_own(shop: Shop) -> None:
    shop.mount(mode="setup", amount=None)
    shop.give_account()
    shop.frame.get_by_label("Verify with microdeposits").check()
    setup = shop.stripe.v1.setup_intents.create(
        {"confirm": True, "confirmation_token": shop.token()["id"], "return_url": RETURN_URL}
    )
    assert setup.next_action is not None
    asked = setup.next_action.verify_with_microdeposits
    assert asked is not None
    shop.page.goto(shop.url + asked.hosted_verification_url)
    shop.page.get_by_label("Code").fill("sm11aa")
    shop.page.get_by_role("button", name="Verify").click()
    expect(shop.page.get_by_role("status")).to_contain_text("is verified")
    assert shop.stripe.v1.setup_intents.retrieve(setup.id).status == "succeeded"


@pytest.mark.parametrize(("press", "ends"), [("#complete", "succeeded"), ("#fail", None)])
def test_a_card_is_set_up_after_the_bank_was_asked(
    shop: Shop, press: str, ends: str | None
) -> None:
    shop.mount(mode="setup", amount=None)
    shop.give_card("4000002760003184")
    setup = shop.stripe.v1.setup_intents.create(
        {"confirm": True, "confirmation_token": shop.token()["id"], "return_url": RETURN_URL}
    )
    shop.begin_action(setup.client_secret or "")
    shop.window.locator(press).click()
    answer = shop.acted()
    assert answer.get("setupIntent", {}).get("status") == ends
    if ends is None:
        assert answer["error"]["code"] == "setup_intent_authentication_failure"


def test_a_saved_method_is_first_and_pays(shop: Shop, mara: str) -> None:
    shop.mount(customerSessionClientSecret=session(shop, mara))
    assert shop.rows() == ["Visa •••• 4242", "Bank •••• 6789", *TYPES]
    expect(shop.frame.get_by_label("Visa •••• 4242", exact=True)).to_be_checked()
    expect(shop.frame.locator("#number")).to_be_hidden()
    expect(shop.frame.locator("#save")).to_be_hidden()
    told = shop.heard("change")[-1]
    assert (told["complete"], told["value"]["type"]) == (True, "card")
    paid = pay(shop, shop.token()["id"], customer=mara)
    assert (paid.status, paid.payment_method) == (
        "succeeded",
        told["value"]["payment_method"]["id"],
    )
    shop.frame.get_by_label("Bank •••• 6789", exact=True).check()
    assert pay(shop, shop.token()["id"], customer=mara).status == "processing"


def test_a_saved_method_is_removed_where_the_session_allows_it(shop: Shop, mara: str) -> None:
    shop.mount(customerSessionClientSecret=session(shop, mara, payment_method_remove="disabled"))
    expect(shop.frame.get_by_role("button", name="Remove")).to_have_count(0)
    shop.mount(customerSessionClientSecret=session(shop, mara))
    shop.frame.get_by_role("button", name="Remove Visa •••• 4242").click()
    expect(shop.frame.get_by_label("Bank •••• 6789", exact=True)).to_be_focused()
    assert shop.rows() == ["Bank •••• 6789", *TYPES]
    assert shop.heard("savedpaymentmethodremove")[0]["success"] is True
    left = shop.stripe.v1.payment_methods.list({"customer": mara}).data
    assert [method.type for method in left] == ["us_bank_account"]


def test_a_card_is_saved_only_by_a_ticked_box(shop: Shop) -> None:
    customer = shop.stripe.v1.customers.create({"name": "Mara"}).id
    shop.mount(customerSessionClientSecret=session(shop, customer))
    shop.give_card()
    box = shop.frame.get_by_label("Save my payment details for next time")
    expect(box).not_to_be_checked()
    token = shop.token()
    assert token["setup_future_usage"] is None
    pay(shop, token["id"], customer=customer)
    assert shop.stripe.v1.payment_methods.list({"customer": customer}).data == []
    box.check()
    token = shop.token()
    assert token["setup_future_usage"] == "off_session"
    pay(shop, token["id"], customer=customer)
    [saved] = shop.stripe.v1.payment_methods.list({"customer": customer}).data
    assert saved.allow_redisplay == "always"


def test_nobody_is_shut_out_of_the_accordion(
    shop: Shop, mara: str, screen: Screen, screenshots: Path | None
) -> None:
    accessibility.bring(shop.page.context, accessibility.axe_core())

    def look(name: str) -> None:
        if screenshots is not None:
            shop.page.screenshot(path=screenshots / f"{name}-{screen.name}.png", full_page=True)
        assert accessibility.violations(shop.page) == []

    shop.mount()
    look("40-many-methods")
    for theme in ("stripe", "night"):
        shop.mount(appearance={"theme": theme})
        shop.frame.get_by_label(GOOGLE, exact=True).check()
        look(f"45-wallet-{theme}")
    shop.mount(customerSessionClientSecret=session(shop, mara))
    look("41-saved")
    shop.frame.get_by_label("US bank account").check()
    shop.submit()
    look("42-bank-problems")
    shop.give_account()
    shop.frame.get_by_label("Verify with microdeposits").check()
    intent = pay(shop, shop.token()["id"])
    shop.begin_action(intent.client_secret or "")
    expect(shop.window.locator("#first")).to_be_focused()
    look("43-deposits")
    shop.page.goto(f"{shop.url}/sim/microdeposits/{intent.id}?client_secret={intent.client_secret}")
    look("44-deposits-page")
