"""A card number stays where it was typed, unless it is one of Stripe's own for tests."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.books import Books
from tests.browser.visits import Come, Visit
from tests.service.processes import KassaProcess

# Valid by its check digit, and not one of the listed test cards.
UNLISTED = "4539148803436467"
# Of a beacon's body DevTools show nothing, so the page notes what it puts into one.
_NOTE_BEACONS = """
window.Blob = class extends Blob {
  constructor(parts, options) {
    super(parts, options);
    sessionStorage.setItem("beacons", (sessionStorage.getItem("beacons") ?? "") + parts.join(""));
  }
};
"""


def sent(visit: Visit) -> list[str]:
    """Everything that left the browser: addresses and bodies."""
    bodies = [request.post_data_buffer or b"" for request in visit.watch.requests]
    urls = [request.url for request in visit.watch.requests]
    beacons: str = visit.page.evaluate("() => sessionStorage.getItem('beacons')")
    return [*urls, beacons, *(body.decode("utf-8", "replace") for body in bodies)]


def written(directory: Path) -> list[bytes]:
    """Every file that the service and its simulator have written."""
    return [file.read_bytes() for file in directory.rglob("*") if file.is_file()]


def test_an_unlisted_card_number_never_leaves_its_frame(
    come: Come, books: Books, kassa: KassaProcess, variant: str
) -> None:
    visit = come(variant)
    visit.context.add_init_script(_NOTE_BEACONS)
    visit.open_checkout()
    checkout_id = visit.checkout_id
    visit.give_details()
    visit.card.locator("#number").press_sequentially(UNLISTED)
    told = visit.card.locator("#number-error")
    expect(told).to_contain_text("test card numbers work")
    visit.card.locator("#expiry").fill("1234")
    visit.card.locator("#cvc").fill("123")
    visit.press(visit.action)
    expect(visit.problems).to_be_focused()
    expect(told).to_contain_text("The number you typed was not sent.")
    expect(visit.error("payment")).to_be_visible()
    assert visit.watch.posts("/confirm") == visit.watch.posts("/confirmation_tokens") == 0
    assert books.intents_at_stripe(checkout_id) == []

    visit.pay()
    visit.arrives()
    books.settled()
    grouped = " ".join(UNLISTED[at : at + 4] for at in range(0, 16, 4))
    everything = sent(visit)
    # The bodies are really there to look into: the one card that may be sent is found.
    assert any("4242424242424242" in each for each in everything)
    assert any("payment_info_completed" in each for each in everything)
    assert not [each for each in everything if UNLISTED in each or grouped in each]
    assert not [each for each in written(kassa.directory) if UNLISTED.encode() in each]
