"""The environment: whatever is missing or contradictory is told in one sentence that names it."""

import os
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from service.errors import ConfigurationError
from service.settings import PROJECT, Analytics, Settings, environment_with_dotenv

SECRET = "a-secret-of-the-installation"
TEST_KEYS = {
    "STRIPE_SECRET_KEY": "sk_test_51Kassa0Secret",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_51Kassa0Public",
    "STRIPE_WEBHOOK_SECRET": "whsec_Kassa0Webhook",
}
LIVE = {"KASSA_SECRET_KEY": SECRET, "KASSA_PUBLIC_URL": "https://pay.example.com"}
LIVE_KEYS = {name: value.replace("_test_", "_live_") for name, value in TEST_KEYS.items()}


def _settings(directory: Path, **environment: str) -> Settings:
    return Settings.from_environment(environment, directory=directory)


def test_nothing_set_means_sqlite_the_simulator_and_a_secret_of_its_own(tmp_path: Path) -> None:
    found = _settings(tmp_path)
    assert found.database_url == f"sqlite:///{tmp_path}/var/kassa.db"
    assert found.definitions == PROJECT / "experiments" / "definitions"
    assert (found.simulated, found.live, found.stripe) == (True, False, None)
    assert (found.api_keys, found.client_keys) == ((), ())
    assert (found.public_url, found.trusted_proxies) == (None, 0)
    assert found.merchant == "Kassa Demo Store"
    assert found.analytics is Analytics.UNLESS_REFUSED
    assert len(found.secret_keys[0]) >= 32


def test_everything_set_is_taken_as_it_was_said(tmp_path: Path) -> None:
    found = _settings(
        tmp_path,
        KASSA_DATABASE_URL=" postgresql+psycopg://kassa@127.0.0.1/kassa ",
        KASSA_DEFINITIONS=str(tmp_path),
        KASSA_SECRET_KEY=f"{SECRET}, the-secret-before-that",
        KASSA_API_KEYS="first, second,,",
        KASSA_CLIENT_KEYS="sdk-of-the-web-shop, sdk_of_the_phone_app",
        KASSA_PUBLIC_URL="https://pay.example.com/",
        KASSA_TRUSTED_PROXIES="2",
        KASSA_MERCHANT=" Kahvila ",
        KASSA_ANALYTICS=" with_consent ",
        **TEST_KEYS,
    )
    assert found.database_url == "postgresql+psycopg://kassa@127.0.0.1/kassa"
    assert found.definitions == tmp_path
    assert found.secret_keys == (SECRET, "the-secret-before-that")
    assert found.api_keys == ("first", "second")
    assert found.client_keys == ("sdk-of-the-web-shop", "sdk_of_the_phone_app")
    assert (found.public_url, found.trusted_proxies) == ("https://pay.example.com", 2)
    assert found.merchant == "Kahvila"
    assert found.analytics is Analytics.WITH_CONSENT
    assert (found.simulated, found.live) == (False, False)
    assert not (tmp_path / "var").exists(), "no secret is made where one is given"


def test_live_keys_are_known_as_such(tmp_path: Path) -> None:
    assert _settings(tmp_path, **LIVE, **LIVE_KEYS).live
    restricted = LIVE_KEYS | {"STRIPE_SECRET_KEY": "rk_live_51Kassa0Restricted"}
    assert _settings(tmp_path, **LIVE, **restricted).live


@pytest.mark.parametrize("secret_key", ["sk_live_51Kassa0Secret", "rk_live_51Kassa0Restricted"])
def test_real_money_needs_the_address_visitors_return_to(tmp_path: Path, secret_key: str) -> None:
    keys = LIVE_KEYS | {"STRIPE_SECRET_KEY": secret_key}
    with pytest.raises(ConfigurationError, match=r"^KASSA_PUBLIC_URL is missing: [^\n]*$"):
        _settings(tmp_path, KASSA_SECRET_KEY=SECRET, **keys)
    assert _settings(tmp_path, KASSA_SECRET_KEY=SECRET, **TEST_KEYS).public_url is None


def test_whoever_signs_nothing_leaves_no_secret_behind(tmp_path: Path) -> None:
    found = Settings.from_environment({}, directory=tmp_path, make_secret=False)
    assert found.secret_keys == ()
    assert not list(tmp_path.iterdir())
    assert found.described()["KASSA_SECRET_KEY"].startswith("(var/secret-key")


def test_while_a_webhook_secret_is_rolled_both_are_known(tmp_path: Path) -> None:
    keys = TEST_KEYS | {"STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old"}
    found = _settings(tmp_path, KASSA_SECRET_KEY=SECRET, **keys).stripe
    assert found is not None
    assert found.webhook_secrets == ("whsec_new", "whsec_old")


_WRONG: list[tuple[str, Mapping[str, str]]] = [
    *((missing, {**TEST_KEYS, missing: ""}) for missing in TEST_KEYS),
    *((missing, {k: v for k, v in TEST_KEYS.items() if k != missing}) for missing in TEST_KEYS),
    *((missing, {**TEST_KEYS, missing: "  "}) for missing in TEST_KEYS),
    ("STRIPE_SECRET_KEY", TEST_KEYS | {"STRIPE_SECRET_KEY": "pk_test_51Kassa0Public"}),
    ("STRIPE_SECRET_KEY", TEST_KEYS | {"STRIPE_SECRET_KEY": "sk_test_with space"}),
    ("STRIPE_SECRET_KEY", TEST_KEYS | {"STRIPE_SECRET_KEY": "sk_other_51Kassa"}),
    ("STRIPE_PUBLISHABLE_KEY", TEST_KEYS | {"STRIPE_PUBLISHABLE_KEY": "sk_test_51Kassa0Secret"}),
    ("STRIPE_WEBHOOK_SECRET", TEST_KEYS | {"STRIPE_WEBHOOK_SECRET": "we_51Kassa"}),
    ("STRIPE_WEBHOOK_SECRET", TEST_KEYS | {"STRIPE_WEBHOOK_SECRET": "whsec_a,,whsec_b"}),
    (
        "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY must both be test or both be live keys",
        TEST_KEYS | {"STRIPE_SECRET_KEY": LIVE_KEYS["STRIPE_SECRET_KEY"]},
    ),
    (
        "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY must both be test or both be live keys",
        LIVE_KEYS | {"STRIPE_SECRET_KEY": TEST_KEYS["STRIPE_SECRET_KEY"]},
    ),
    ("KASSA_SECRET_KEY is missing", TEST_KEYS | {"KASSA_SECRET_KEY": " , "}),
    ("KASSA_SECRET_KEY", {"KASSA_SECRET_KEY": "too-short"}),
    ("KASSA_SECRET_KEY", {"KASSA_SECRET_KEY": f"{SECRET},too-short"}),
    ("KASSA_DATABASE_URL", {"KASSA_DATABASE_URL": "mysql://127.0.0.1/kassa"}),
    ("KASSA_DATABASE_URL", {"KASSA_DATABASE_URL": "postgresql://127.0.0.1/kassa"}),
    ("KASSA_DATABASE_URL", {"KASSA_DATABASE_URL": "kassa.db"}),
    ("KASSA_DATABASE_URL", {"KASSA_DATABASE_URL": "sqlite://"}),
    ("KASSA_DEFINITIONS", {"KASSA_DEFINITIONS": "/nowhere/definitions"}),
    ("KASSA_DEFINITIONS", {"KASSA_DEFINITIONS": __file__}),
    *(
        ("KASSA_PUBLIC_URL", {"KASSA_PUBLIC_URL": url})
        for url in (
            "pay.example.com",
            "ftp://pay.example.com",
            "https://",
            "https://pay.example.com/checkout",
            "https://pay.example.com?x=1",
            "https://pay.example.com?",
            "https://pay.example.com#top",
            "https://user:word@pay.example.com",
            "https://pay.example.com:port",
            "https://pay.example.com:99999",
            "https://[::1",
            "https://pay example.com",
            "https://pay.exa\nmple.com",
        )
    ),
    *(
        ("KASSA_TRUSTED_PROXIES", {"KASSA_TRUSTED_PROXIES": count})
        for count in ("many", "-1", "1.5", "11", "٣", "1_0", "0x1")
    ),
    ("KASSA_ANALYTICS must be one of never, with_consent, ", {"KASSA_ANALYTICS": "sometimes"}),
]


@pytest.mark.parametrize(("named", "environment"), _WRONG)
def test_a_wrong_variable_is_named_in_one_sentence(
    tmp_path: Path, named: str, environment: Mapping[str, str]
) -> None:
    given = {} if "KASSA" in named else {"KASSA_SECRET_KEY": SECRET}
    with pytest.raises(ConfigurationError) as told:
        Settings.from_environment({**given, **environment}, directory=tmp_path)
    sentence = str(told.value)
    assert sentence.startswith(named)
    assert "\n" not in sentence
    for secret in (*TEST_KEYS.values(), *LIVE_KEYS.values(), SECRET):
        assert secret not in sentence


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "https://[::1]:8443", "https://PAY.example.com", "http://localhost"],
)
def test_a_public_url_is_scheme_host_and_perhaps_a_port(tmp_path: Path, url: str) -> None:
    assert _settings(tmp_path, KASSA_PUBLIC_URL=url + "/").public_url == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://kassa:hidden-word@db.example.com/kassa",
        "postgresql+psycopg://:hidden-word@db.example.com/kassa",
        "postgresql+psycopg://kassa:hidden-word@hidden-word@db.example.com/kassa",
        "postgresql+psycopg://kassa:hidden-word/#?@db.example.com/kassa",
        "postgresql+psycopg://db.example.com/kassa?user=kassa&password=hidden-word",
        "postgresql+psycopg://db.example.com/kassa?sslpassword=hidden-word&sslmode=require",
    ],
)
def test_no_secret_is_ever_shown(tmp_path: Path, url: str) -> None:
    found = _settings(
        tmp_path,
        KASSA_DATABASE_URL=url,
        KASSA_API_KEYS="hidden-api-key",
        **LIVE,
        **LIVE_KEYS,
    )
    shown = f"{found!r} {found} {found.stripe!r} {found.described()}"
    assert "db.example.com" in shown
    hidden = [LIVE_KEYS["STRIPE_SECRET_KEY"], LIVE_KEYS["STRIPE_WEBHOOK_SECRET"]]
    for secret in (SECRET, "hidden-word", "hidden-api-key", *hidden, "51Kassa0Secret"):
        assert secret not in shown


def test_the_description_names_every_variable_and_what_it_means(tmp_path: Path) -> None:
    simulated = _settings(tmp_path).described()
    paid = _settings(tmp_path, **LIVE, **LIVE_KEYS).described()
    assert simulated.keys() == paid.keys()
    assert simulated["KASSA_DATABASE_URL"] == f"sqlite:///{tmp_path}/var/kassa.db"
    assert {simulated[name] for name in TEST_KEYS} == {"(simulator)"}
    assert paid["STRIPE_SECRET_KEY"] == "sk_live_***"
    assert paid["STRIPE_PUBLISHABLE_KEY"] == LIVE_KEYS["STRIPE_PUBLISHABLE_KEY"]
    assert paid["STRIPE_WEBHOOK_SECRET"] == "***"


def test_the_secret_is_for_its_owner_alone_and_kept_for_the_next_start(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = _settings(tmp_path)
    finally:
        os.umask(before)
    path = tmp_path / "var" / "secret-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _settings(tmp_path).secret_keys == first.secret_keys
    assert [file.name for file in path.parent.iterdir()] == ["secret-key"]
    assert _settings(tmp_path / "other").secret_keys != first.secret_keys


def test_starts_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    barrier = Barrier(20)

    def start(directory: Path) -> tuple[str, ...]:
        barrier.wait()
        return _settings(directory).secret_keys

    for attempt in range(10):
        with ThreadPoolExecutor(20) as pool:
            found = set(pool.map(start, [tmp_path / str(attempt)] * 20))
        assert len(found) == 1
        assert len(found.pop()[0]) >= 32


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe\xfd" * 20])
def test_a_kept_secret_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret-key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^KASSA_SECRET_KEY [^\n]*secret-key[^\n]*$"):
        _settings(tmp_path)


def test_a_place_where_no_secret_can_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"^KASSA_SECRET_KEY is missing and [^\n]*$"):
        _settings(tmp_path)
    (tmp_path / "there" / "var" / "secret-key").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"^KASSA_SECRET_KEY is missing and [^\n]*$"):
        _settings(tmp_path / "there")


def test_the_environment_stands_above_the_dotenv_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "# comment\nKASSA_MERCHANT='Kahvila & Co'\nexport KASSA_TRUSTED_PROXIES=3\nKASSA_BARE\n"
    )
    monkeypatch.setenv("KASSA_TRUSTED_PROXIES", "1")
    monkeypatch.delenv("KASSA_MERCHANT", raising=False)
    found = environment_with_dotenv(tmp_path)
    assert (found["KASSA_MERCHANT"], found["KASSA_TRUSTED_PROXIES"]) == ("Kahvila & Co", "1")
    assert "KASSA_BARE" not in found
    assert "KASSA_MERCHANT" not in os.environ, "reading it changes nothing"


def test_without_a_dotenv_file_the_environment_is_all(tmp_path: Path) -> None:
    assert environment_with_dotenv(tmp_path) == dict(os.environ)
    (tmp_path / ".env").mkdir()
    assert environment_with_dotenv(tmp_path) == dict(os.environ)


def test_a_dotenv_file_that_is_no_text_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"KASSA_MERCHANT=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"^[^\n]*\.env can't be read: [^\n]*$"):
        environment_with_dotenv(tmp_path)


@pytest.mark.parametrize("key", ["sdk-of-15-chars", "sdk/of/the/web/shop", "sdk-of-the-wëb-shop"])
def test_a_client_key_can_stand_in_an_address(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^KASSA_CLIENT_KEYS: each key needs [^\n]*$"):
        _settings(tmp_path, KASSA_CLIENT_KEYS=f"sdk-of-the-web-shop,{key}")


def test_a_public_key_does_not_make_checkouts(tmp_path: Path) -> None:
    shared = "one-key-for-everything"
    with pytest.raises(ConfigurationError, match=r"^KASSA_CLIENT_KEYS holds one of KASSA_API_KEYS"):
        _settings(tmp_path, KASSA_CLIENT_KEYS=shared, KASSA_API_KEYS=f"other,{shared}")


def test_public_keys_are_shown(tmp_path: Path) -> None:
    described = _settings(tmp_path, KASSA_CLIENT_KEYS="sdk-of-the-web-shop").described()
    assert described["KASSA_CLIENT_KEYS"] == "sdk-of-the-web-shop"
    assert _settings(tmp_path).described()["KASSA_CLIENT_KEYS"] == "(none)"
