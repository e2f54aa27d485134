"""What every answer carries: the right headers, and errors in the reader's form."""

from __future__ import annotations

import pytest

from service.settings import StripeKeys
from tests.service.conftest import API_KEY, MakeShop, Shop, reply

REAL_KEYS = StripeKeys("sk_test_1", "pk_test_1", ("whsec_1",))


def _policy(shop: Shop, path: str = "/") -> dict[str, str]:
    header = shop.client.get(path).headers["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


def test_a_simulated_page_loads_nothing_from_elsewhere(shop: Shop) -> None:
    policy = _policy(shop)
    assert policy["default-src"] == "'none'"
    for source in ("script-src", "frame-src", "connect-src", "style-src"):
        assert policy[source] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


def test_with_keys_the_page_loads_stripe_js_from_stripe_alone(make_shop: MakeShop) -> None:
    shop = make_shop(stripe=REAL_KEYS)
    page = shop.visit()
    assert page.attributes["stripe-js"] == "https://js.stripe.com/endive/stripe.js"
    assert "SIMULATED" not in page.html.upper()
    policy = _policy(shop)
    assert policy["script-src"] == "'self' https://js.stripe.com https://*.js.stripe.com"
    assert "https://api.stripe.com" in policy["connect-src"]
    assert "https://hooks.stripe.com" in policy["frame-src"]


def test_without_keys_the_page_says_that_it_is_simulated(shop: Shop) -> None:
    page = shop.visit()
    assert page.attributes["stripe-js"] == "/sim/stripe.js"
    assert "SIMULATED" in page.html.upper()


def test_every_page_has_the_hygiene_headers(shop: Shop) -> None:
    headers = shop.client.get("/buy/team-plan", follow_redirects=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_over_tls_the_cookie_is_secure_and_tls_is_insisted_on(shop: Shop) -> None:
    made = shop.client.get("/buy/team-plan", base_url="https://localhost")
    answer = shop.client.get(made.location, base_url="https://localhost")
    assert "Strict-Transport-Security" in answer.headers
    for flag in ("Secure", "HttpOnly", "SameSite=Lax"):
        assert flag in answer.headers["Set-Cookie"]


def test_a_visitor_gets_the_cookie_once(shop: Shop) -> None:
    made = shop.client.get("/buy/team-plan")
    assert "Set-Cookie" in shop.client.get(made.location).headers
    assert "Set-Cookie" not in shop.client.get(made.location).headers


@pytest.mark.parametrize("host", ["evil.example", "pay.example.com.evil.example"])
def test_a_foreign_host_is_refused(make_shop: MakeShop, host: str) -> None:
    shop = make_shop(public_url="https://pay.example.com")
    for accepted in ("text/html", "application/json"):
        answer = shop.client.get("/buy/team-plan", headers={"Host": host, "Accept": accepted})
        assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
        assert host not in answer.text
    assert shop.rows("SELECT * FROM checkouts") == []


@pytest.mark.parametrize(
    "host",
    ["pay.example.com", "PAY.example.com:443", "pay.example.com.", "LOCALHOST:8431", "[::1]:80"],
)
def test_our_own_name_may_be_written_in_any_way(make_shop: MakeShop, host: str) -> None:
    shop = make_shop(public_url="https://pay.example.com")
    assert shop.client.get("/", headers={"Host": host}).status_code == 200


def test_a_probe_may_come_by_any_name(make_shop: MakeShop) -> None:
    shop = make_shop(public_url="https://pay.example.com")
    for path in ("/livez", "/readyz"):
        assert shop.client.get(path, headers={"Host": "10.1.2.3:8431"}).status_code == 200


def test_behind_a_tls_proxy_the_cookie_is_secure(make_shop: MakeShop) -> None:
    shop = make_shop(public_url="https://pay.example.com")
    answer = shop.client.get(shop.client.get("/buy/team-plan").location)
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in answer.headers


def test_the_public_address_is_used_in_links(make_shop: MakeShop) -> None:
    shop = make_shop(public_url="https://pay.example.com")
    assert shop.visit().attributes["return-url"].startswith("https://pay.example.com/c/co_")


def test_without_trusted_proxies_forwarded_headers_mean_nothing(shop: Shop) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    answer = shop.client.get("/buy/team-plan", headers=forwarded, follow_redirects=True)
    assert "Strict-Transport-Security" not in answer.headers
    assert "evil.example" not in answer.text


def test_with_a_trusted_proxy_its_word_counts(make_shop: MakeShop) -> None:
    shop = make_shop(trusted_proxies=1)
    answer = shop.client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in answer.headers


def test_a_wrong_method_says_which_are_right(shop: Shop) -> None:
    answer = shop.client.put("/v1/events")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]


def test_a_program_gets_a_problem_and_a_person_a_page(shop: Shop) -> None:
    program = shop.client.get("/nowhere", headers={"Accept": "application/json"})
    assert reply(program)["status"] == 404
    person = shop.client.get("/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
    assert person.mimetype == "text/html"


def test_a_person_reads_our_words_and_not_the_protocols(shop: Shop) -> None:
    person = {"Accept": "text/html"}
    assert (
        '<h1 class="step__title">Page not found</h1>'
        in shop.client.get("/nowhere", headers=person).text
    )
    report = shop.client.get("/reports/one-page-checkout", headers=person)
    assert report.status_code == 401
    assert "kassa report" not in report.text
    assert "by a link that signs you in" in report.text


def test_a_receipt_without_an_address_of_the_merchant_leads_back_to_the_shop(shop: Shop) -> None:
    page = shop.visit()
    shop.pay(page)
    receipt = shop.client.get(f"/c/{page.checkout_id}/return").text
    assert '<a class="button" href="/">Back to the shop</a>' in receipt


def test_a_page_says_the_language_its_texts_are_in(shop: Shop) -> None:
    order = {
        "mode": "payment",
        "currency": "eur",
        "lines": [{"description": "Plan", "amount": 900}],
        "success_url": "https://shop.example/thanks",
        "locale": "ar",
    }
    made = shop.client.post(
        "/v1/checkouts", json=order, headers={"Authorization": f"Bearer {API_KEY}"}
    )
    page = shop.page(shop.client.get(f"/c/{reply(made)['id']}"))
    assert '<html lang="ar" dir="rtl">' in page.html
    assert page.attributes["locale"] == "ar"


def test_liveness_and_readiness_answer(shop: Shop) -> None:
    assert reply(shop.client.get("/livez")) == {"status": "ok"}
    assert reply(shop.client.get("/readyz")) == {"status": "ok"}


def test_a_store_of_another_version_is_not_ready(shop: Shop) -> None:
    from sqlalchemy import text  # noqa: PLC0415 - only here

    with shop.store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = shop.client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "kassa db upgrade" in reply(answer)["detail"]
    assert shop.client.get("/livez").status_code == 200


def test_a_store_that_is_gone_is_a_503_and_never_a_500(shop: Shop) -> None:
    from sqlalchemy import event  # noqa: PLC0415 - only here

    made = shop.client.get("/buy/team-plan")

    def gone(*_: object) -> None:
        raise shop.store.engine.dialect.loaded_dbapi.OperationalError("kassa@db.internal closed")

    event.listen(shop.store.engine, "before_cursor_execute", gone)
    for answer in (
        shop.client.get(made.location, headers={"Accept": "text/html"}),
        shop.client.post("/v1/events", json={"events": [shop.event()]}),
        shop.deliver(
            b'{"id":"evt_1","type":"x","created":1,"livemode":false,"data":{"object":{}}}'
        ),
        shop.client.get("/readyz"),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "db.internal" not in answer.text


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_pages_are_compressed_as_the_browser_asks(shop: Shop, coding: str) -> None:
    plain = shop.client.get("/")
    small = shop.client.get("/", headers={"Accept-Encoding": coding})
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert small.headers["Content-Encoding"] == coding
    assert len(small.data) < len(plain.data) / 2
