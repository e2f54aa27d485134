"""Each step of each flow as it is read aloud: what comes, under which name, in which order."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.books import eventually
from tests.browser.reading import read_aloud
from tests.browser.visits import AUTHENTICATES, DECLINES, DESKTOP, Come, Visit

pytestmark = pytest.mark.parametrize("screen", [DESKTOP], ids=["desktop"])

SKIP = 'link "Skip to main content"'
ORDER = """
banner
  Kassa Demo Store Secure checkout
complementary "Order summary"
heading "Order summary"
  Total $24.00 What you are buying
columnheader "Item"
columnheader "Price"
rowheader "Team plan"
cell "$24.00"
rowheader "Total due today"
cell "$24.00"
  Simulated payment form: nothing typed here reaches a bank. Questions or a refund? \
Ask Kassa Demo Store and tell the number of your order: co_…
link "Cancel and return to Kassa Demo Store"
main
form "Checkout of Kassa Demo Store"
"""
PROGRESS = """
navigation "Progress"
  Your details Payment
"""
CONTACT = """
region "Contact"
heading "Contact"
  So that Kassa Demo Store can reach you about this order.
textbox "Email" (So that Kassa Demo Store can reach you about this order.) required
"""
CONTACT_WRONG = """
region "Contact"
heading "Contact"
  So that Kassa Demo Store can reach you about this order. Enter your email address
textbox "Email" (So that Kassa Demo Store can reach you about this order. \
Enter your email address) required invalid
"""
ADDRESS = """
region "Billing address"
heading "Billing address"
iframe "Secure billing address input frame (simulated)"
form
textbox "Full name" required
combobox "Country or region" collapsed
textbox "Address line 1" required
button "+ Add apartment, suite, floor" collapsed
textbox "City" required
combobox "State" collapsed
textbox "ZIP code" required
"""
ADDRESS_WRONG = """
region "Billing address"
heading "Billing address"
  Complete your name and billing address
iframe "Secure billing address input frame (simulated)"
form
textbox "Full name" (This field is incomplete.) required invalid
  This field is incomplete.
combobox "Country or region" collapsed
textbox "Address line 1" (This field is incomplete.) required invalid
  This field is incomplete.
button "+ Add apartment, suite, floor" collapsed
textbox "City" (This field is incomplete.) required invalid
  This field is incomplete.
combobox "State" (This field is incomplete.) collapsed invalid
  This field is incomplete.
textbox "ZIP code" (This field is incomplete.) required invalid
  This field is incomplete.
"""
PROBLEMS = """
group "There is a problem" focused
heading "There is a problem"
link "Enter your email address"
link "Complete your name and billing address"
"""
CARD_MISSING = 'link "Complete your payment details"\n'
STEP_1 = 'heading "Step 1 of 2: Your details"'
CONTINUE = """
button "Continue to payment"
status polite
"""
STEP_2 = """
{way} "Back (Your details)"
heading "Step 2 of 2: Payment"{focus}
  Contact ada@example.com
{way} "Change (Contact)"
  Billing address Ada Lovelace, 1 Analytical Way, San Francisco CA 94103, US
{way} "Change (Billing address)"
"""
PAYMENT = """
region "Payment"
heading "Payment"
"""
DECLINED = """
paragraph "Your bank declined this payment. Try another card, or ask your bank why." focused
  Your bank declined this payment. Try another card, or ask your bank why.
"""
CARD = """
iframe "Secure payment input frame (simulated)"
form
  SIMULATED Test card and account numbers only
group "Payment method"
  Payment method
radio "Card" checked
textbox "Card number" required
textbox "Expiration date" required
textbox "Security code" required
radio "US bank account"
radio "Link SIMULATED"
radio "Apple Pay SIMULATED"
radio "Google Pay SIMULATED"
"""
CARD_WRONG = """
  Complete your payment details
iframe "Secure payment input frame (simulated)"
form
  SIMULATED Test card and account numbers only
group "Payment method"
  Payment method
radio "Card" checked
textbox "Card number" (Your card number is incomplete.) required invalid
  Your card number is incomplete.
textbox "Expiration date" (Your card's expiration date is incomplete.) required invalid
  Your card's expiration date is incomplete.
textbox "Security code" (Your card's security code is incomplete.) required invalid
  Your card's security code is incomplete.
radio "US bank account"
radio "Link SIMULATED"
radio "Apple Pay SIMULATED"
radio "Google Pay SIMULATED"
"""
PAY = """
button "Pay $24.00"
  You are charged $24.00 once, when you press the button.
status polite
"""
BANK = """
dialog "Your bank's check (simulated)"
iframe "Simulated bank" focused
main "Simulated bank"
  SIMULATED 3-D Secure
heading "Is this you?"
  Your bank asks you to confirm a payment of $24.00.
button "Complete authentication" focused
button "Fail authentication"
"""
PAID = """
banner
  Kassa Demo Store
main
heading "Payment received"
  Thank you. Your order is paid and nothing more is needed from you. Your order
columnheader "Item"
columnheader "Price"
rowheader "Team plan"
cell "$24.00"
rowheader "Total paid"
cell "$24.00"
  Ordered on … Keep the number of your order for questions or a refund: co_…
link "Back to the shop"
"""


def spoken(visit: Visit) -> list[str]:
    """What is read, without the notice of the simulator and the order's number and day."""
    read = [line.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for line in read_aloud(visit.page)]
    lines = [re.sub(r"co_[\w-]+", "co_…", line) for line in read]
    lines = [re.sub(r"Ordered on \w+ \d+, \d+\.", "Ordered on …", line) for line in lines]
    if lines[1:2] == ['complementary "Simulated payments"']:
        del lines[1:3]
    return lines


def says(visit: Visit, *parts: str) -> None:
    """The page is read so, and with nothing else."""
    expected = [line for part in parts for line in part.splitlines() if line]
    eventually(lambda: spoken(visit), expected)


def stands_in_progress(visit: Visit, step: str) -> None:
    """Which step is the current one is said with its name in the progress."""
    expect(visit.page.locator(".progress [aria-current=step] .progress__title")).to_have_text(step)


def ends(visit: Visit) -> None:
    """Over the bank to the receipt."""
    visit.pay(AUTHENTICATES)
    expect(visit.bank.locator("#complete")).to_be_focused()
    says(visit, BANK)
    visit.press(visit.bank.locator("#complete"))
    visit.arrives()
    says(visit, SKIP, PAID)


def test_one_page_is_read_from_contact_to_payment(come: Come) -> None:
    visit = come("one_page").open_checkout()
    top = (SKIP, ORDER)
    title = 'heading "Checkout"'
    says(visit, *top, title, CONTACT, ADDRESS, PAYMENT, CARD, PAY)
    visit.press(visit.action)
    wrong = (CONTACT_WRONG, ADDRESS_WRONG, PAYMENT, CARD_WRONG)
    says(visit, *top, PROBLEMS, CARD_MISSING, title, *wrong, PAY)
    visit.give_details()
    visit.pay(DECLINES)
    says(visit, *top, title, CONTACT, ADDRESS, PAYMENT, DECLINED, CARD, PAY)
    ends(visit)


@pytest.mark.parametrize(
    ("variant", "way", "focus"),
    # A page that was loaded is told by its title; a step that came into view by its heading.
    [("two_page", "button", " focused"), ("two_page_reload", "link", "")],
    ids=["two_page", "two_page_reload"],
)
def test_two_steps_are_read_one_after_the_other(
    come: Come, variant: str, way: str, focus: str
) -> None:
    visit = come(variant).open_checkout()
    top = (SKIP, ORDER, PROGRESS)
    says(visit, *top, STEP_1, CONTACT, ADDRESS, CONTINUE)
    stands_in_progress(visit, "Your details")
    visit.press(visit.action)
    says(visit, *top, PROBLEMS, STEP_1, CONTACT_WRONG, ADDRESS_WRONG, CONTINUE)
    visit.give_details()
    step_2 = STEP_2.format(way=way, focus=focus)
    says(visit, *top, step_2, PAYMENT, CARD, PAY)
    stands_in_progress(visit, "Payment")
    expect(visit.page).to_have_title(re.compile("^Payment . Kassa Demo Store$"))
    visit.pay(DECLINES)
    step_2 = STEP_2.format(way=way, focus="")
    says(visit, *top, step_2, PAYMENT, DECLINED, CARD, PAY)
    ends(visit)
