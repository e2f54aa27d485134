"""The one door to configuration: nothing else reads the environment."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values

from experiments.offers import CURRENCIES
from service.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parents[1]
_STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET")
_SHORTEST_SECRET = 16
# It stands in an address, /api/features/<key>.
_CLIENT_KEY_SHAPE = r"[A-Za-z0-9_-]{16,}"
_KEY_SHAPES = {
    "STRIPE_SECRET_KEY": r"(sk|rk)_(test|live)_\w+",
    "STRIPE_PUBLISHABLE_KEY": r"pk_(test|live)_\w+",
    "STRIPE_WEBHOOK_SECRET": r"whsec_[^,\s]+(,\s*whsec_[^,\s]+)*",
}


class Analytics(StrEnum):
    """Of which visitors the behaviour is recorded; a merchant's `false` holds in every mode."""

    NEVER = "never"
    WITH_CONSENT = "with_consent"
    """Of those the merchant says agreed, unless their browser refuses."""
    UNLESS_REFUSED = "unless_refused"
    """Of all whose browser does not refuse, by Global Privacy Control or Do Not Track."""
    ALWAYS = "always"
    """Of all, whatever their browser says."""


@dataclass(frozen=True)
class StripeKeys:
    """The three Stripe secrets; during a roll there are several webhook secrets."""

    secret_key: str = field(repr=False)
    publishable_key: str
    webhook_secrets: tuple[str, ...] = field(repr=False)

    @property
    def live(self) -> bool:
        """Whether these keys move real money."""
        return "_live_" in self.secret_key


@dataclass(frozen=True)
class Mail:
    """The server that takes our letters.

    Attributes:
        host: its name.
        port: 25, 465 or 587 as a rule.
        encrypted: TLS from the start; else it is asked for where the server offers it.
        user: whom to sign in as, or None.
        sender: the address letters come from.
    """

    host: str
    port: int
    encrypted: bool
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """What is in force. Secrets stay out of ``repr``.

    Attributes:
        database_url: SQLAlchemy URL of the store.
        definitions: the directory of experiment files.
        secret_keys: signing keys; the first signs, all verify, so that keys can be rotated;
            empty where nothing will be signed.
        api_keys: keys that merchants' servers present as bearer tokens.
        client_keys: public keys that browsers and SDKs present to have flags evaluated; they
            open nothing else, so they hide nothing.
        public_url: scheme, host and port visitors use, without a trailing slash, or None.
        trusted_proxies: how many proxies in front may be believed about the client.
        stripe: Stripe's keys, or None for the simulator.
        merchant: the name visitors see on the checkout.
        brand: the file that says how visitors' pages look, or None for the shipped look.
        country_header: the header in which a proxy in front tells the visitor's country, or None.
        queries: a directory of the merchant's own saved queries, or None.
        mail: where notices to customers go out, or None: then none are sent.
        card_limits: the amount from which cards are not taken, in minor units by currency.
        invoice_days: until an invoice must be paid that is offered in place of a card; 0 where
            none is.
        analytics: of which visitors the behaviour is recorded.
    """

    database_url: str = field(repr=False)
    definitions: Path
    secret_keys: tuple[str, ...] = field(repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    client_keys: tuple[str, ...] = ()
    public_url: str | None = None
    trusted_proxies: int = 0
    stripe: StripeKeys | None = None
    merchant: str = "Kassa Demo Store"
    brand: Path | None = None
    country_header: str | None = None
    queries: Path | None = None
    mail: Mail | None = None
    card_limits: Mapping[str, int] = field(default_factory=dict)
    invoice_days: int = 30
    analytics: Analytics = Analytics.UNLESS_REFUSED

    @property
    def simulated(self) -> bool:
        """Whether payments go to the shipped simulator."""
        return self.stripe is None

    @property
    def live(self) -> bool:
        """Whether real money moves."""
        return self.stripe is not None and self.stripe.live

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, directory: Path, make_secret: bool = True
    ) -> Settings:
        """Read and check every variable.

        Args:
            environment: the variables, as `environment_with_dotenv` gives them.
            directory: where ``var/`` lives.
            make_secret: whether the simulated installation's own secret is read or made, which
                whoever signs needs; without it and without `KASSA_SECRET_KEY` there is no key.

        Raises:
            ConfigurationError: a variable is missing, malformed or contradicts another; the
                message is one sentence that names it.
        """
        stripe = _stripe_keys(environment)
        secret_keys = _given_secrets(environment, needed=stripe is not None)
        if make_secret and not secret_keys:
            secret_keys = (_kept_secret(directory / "var" / "secret-key"),)
        return cls(
            database_url=_database_url(environment, directory),
            definitions=_definitions(environment),
            secret_keys=secret_keys,
            api_keys=_listed(environment.get("KASSA_API_KEYS", "")),
            client_keys=_client_keys(environment),
            public_url=_public_url(environment, needed=stripe is not None and stripe.live),
            trusted_proxies=_trusted_proxies(environment),
            stripe=stripe,
            merchant=environment.get("KASSA_MERCHANT", "").strip() or cls.merchant,
            brand=_brand(environment),
            country_header=_header(environment),
            queries=_queries(environment),
            mail=_mail(environment),
            card_limits=_card_limits(environment),
            invoice_days=_invoice_days(environment),
            analytics=_analytics(environment),
        )

    def described(self) -> dict[str, str]:
        """Variable by variable what is in force, secrets hidden."""
        stripe = self.stripe
        return {
            "KASSA_DATABASE_URL": without_password(self.database_url),
            "KASSA_DEFINITIONS": str(self.definitions),
            "KASSA_SECRET_KEY": f"*** ({len(self.secret_keys)} key(s))"
            if self.secret_keys
            else "(var/secret-key, made at the first start)",
            "KASSA_API_KEYS": f"*** ({len(self.api_keys)} key(s))",
            "KASSA_CLIENT_KEYS": ",".join(self.client_keys) or "(none)",
            "KASSA_PUBLIC_URL": self.public_url or "(the address served)",
            "KASSA_TRUSTED_PROXIES": str(self.trusted_proxies),
            "KASSA_MERCHANT": self.merchant,
            "KASSA_BRAND": str(self.brand or "(the shipped look)"),
            "KASSA_COUNTRY_HEADER": self.country_header or "(none)",
            "KASSA_QUERIES": str(self.queries or "(the shipped ones)"),
            "KASSA_SMTP_URL": _mail_url(self.mail),
            "KASSA_MAIL_FROM": self.mail.sender if self.mail else "(none)",
            "KASSA_CARD_LIMITS": ",".join(f"{k}={v}" for k, v in self.card_limits.items())
            or "(none)",
            "KASSA_INVOICE_DAYS": str(self.invoice_days),
            "KASSA_ANALYTICS": self.analytics.value,
            "STRIPE_SECRET_KEY": _hidden(stripe.secret_key) if stripe else "(simulator)",
            "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key if stripe else "(simulator)",
            "STRIPE_WEBHOOK_SECRET": "***" if stripe else "(simulator)",
        }


def environment_without(*names: str) -> dict[str, str]:
    """The process environment for another program, less what would mislead it."""
    return {name: value for name, value in os.environ.items() if name not in names}


def environment_with_dotenv(directory: Path) -> dict[str, str]:
    """The process environment over what ``directory/.env`` says.

    Raises:
        ConfigurationError: the file can't be read.
    """
    file = directory / ".env"
    try:
        dotenv = dotenv_values(file) if file.is_file() else {}
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{file} can't be read: {exc}") from exc
    return {k: v for k, v in dotenv.items() if v is not None} | dict(os.environ)


def without_password(url: str) -> str:
    """A database's address as it may be shown."""
    # Up to the last "@": a password may hold one that should have been escaped.
    hidden = re.sub(r"://([^:/@]*):.*@", r"://\1:***@", url)
    return re.sub(r"(password=)[^&]*", r"\1***", hidden)


def _hidden(key: str) -> str:
    return "_".join([*key.split("_")[:2], "***"])


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _stripe_keys(environment: Mapping[str, str]) -> StripeKeys | None:
    given = {name: environment.get(name, "").strip() for name in _STRIPE}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            raise ConfigurationError(
                f"{name} is missing: set all three of {', '.join(_STRIPE)}, "
                "or none of them for the simulator"
            )
        if not re.fullmatch(_KEY_SHAPES[name], value):
            raise ConfigurationError(f"{name} does not look like one of Stripe's keys")
    keys = StripeKeys(
        secret_key=given["STRIPE_SECRET_KEY"],
        publishable_key=given["STRIPE_PUBLISHABLE_KEY"],
        webhook_secrets=_listed(given["STRIPE_WEBHOOK_SECRET"]),
    )
    if keys.live != ("_live_" in keys.publishable_key):
        raise ConfigurationError(
            "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY must both be test or both be live keys"
        )
    return keys


def _database_url(environment: Mapping[str, str], directory: Path) -> str:
    url = environment.get("KASSA_DATABASE_URL", "").strip()
    if not url:
        return f"sqlite:///{directory / 'var' / 'kassa.db'}"
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigurationError(
            "KASSA_DATABASE_URL must start with sqlite:/// or postgresql+psycopg://"
        )
    return url


def _definitions(environment: Mapping[str, str]) -> Path:
    given = environment.get("KASSA_DEFINITIONS", "").strip()
    path = Path(given) if given else PROJECT / "experiments" / "definitions"
    if not path.is_dir():
        raise ConfigurationError(f"KASSA_DEFINITIONS is not a directory: {path}")
    return path


def _given_secrets(environment: Mapping[str, str], *, needed: bool) -> tuple[str, ...]:
    keys = _listed(environment.get("KASSA_SECRET_KEY", ""))
    for key in keys:
        if len(key) < _SHORTEST_SECRET:
            raise ConfigurationError(
                f"KASSA_SECRET_KEY needs at least {_SHORTEST_SECRET} characters"
            )
    if needed and not keys:
        raise ConfigurationError("KASSA_SECRET_KEY is missing: it signs the visitors' cookies")
    return keys


def _kept_secret(path: Path) -> str:
    """The secret a simulated installation made for itself at its first start."""
    try:
        if not path.exists():
            _make_secret(path)
        kept = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(
            f"KASSA_SECRET_KEY is missing and {path} can't be made or read: {exc}"
        ) from exc
    if len(kept) < _SHORTEST_SECRET:
        raise ConfigurationError(
            f"KASSA_SECRET_KEY is missing and {path} holds no key: remove that file"
        )
    return kept


def _make_secret(path: Path) -> None:
    """Write a new secret; of two starts at once, one secret stands for both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
        # The name appears with the whole secret behind it, so nobody reads half of one.
        with suppress(FileExistsError):
            Path(path).hardlink_to(draft)
    finally:
        Path(draft).unlink()


def _client_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    keys = _listed(environment.get("KASSA_CLIENT_KEYS", ""))
    for key in keys:
        if not re.fullmatch(_CLIENT_KEY_SHAPE, key):
            raise ConfigurationError(
                "KASSA_CLIENT_KEYS: each key needs at least 16 characters, of A-Z a-z 0-9 _ and -"
            )
        if key in _listed(environment.get("KASSA_API_KEYS", "")):
            raise ConfigurationError(
                "KASSA_CLIENT_KEYS holds one of KASSA_API_KEYS: the first are public, the others "
                "make checkouts"
            )
    return keys


def _public_url(environment: Mapping[str, str], *, needed: bool) -> str | None:
    given = environment.get("KASSA_PUBLIC_URL", "").strip().rstrip("/")
    if not given and needed:
        raise ConfigurationError(
            "KASSA_PUBLIC_URL is missing: with live Stripe keys it says where visitors return to"
        )
    if not given:
        return None
    if not _is_origin(given):
        raise ConfigurationError(
            "KASSA_PUBLIC_URL must be scheme and host alone, like https://pay.example.com"
        )
    return given


def _is_origin(url: str) -> bool:
    """Whether the URL is a scheme, a host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")
    known = parts.scheme in {"http", "https"} and re.fullmatch(r"[\w.:-]+", host)
    return bool(known) and url.lower() == origin


def _header(environment: Mapping[str, str]) -> str | None:
    given = environment.get("KASSA_COUNTRY_HEADER", "").strip()
    if given and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", given):
        raise ConfigurationError(
            "KASSA_COUNTRY_HEADER must be the name of a header such as CF-IPCountry"
        )
    return given or None


def _brand(environment: Mapping[str, str]) -> Path | None:
    given = environment.get("KASSA_BRAND", "").strip()
    if given and not Path(given).is_file():
        raise ConfigurationError(f"KASSA_BRAND is not a file: {given}")
    return Path(given) if given else None


def _queries(environment: Mapping[str, str]) -> Path | None:
    given = environment.get("KASSA_QUERIES", "").strip()
    if given and not Path(given).is_dir():
        raise ConfigurationError(f"KASSA_QUERIES is not a directory: {given}")
    return Path(given) if given else None


_MAIL_SCHEMES = {"smtp": 587, "smtps": 465}
_ADDRESS_SHAPE = r"[^\s@<>]+@[^\s@<>]+"


def _mail(environment: Mapping[str, str]) -> Mail | None:
    url = environment.get("KASSA_SMTP_URL", "").strip()
    sender = environment.get("KASSA_MAIL_FROM", "").strip()
    if not url:
        return None
    if not re.fullmatch(_ADDRESS_SHAPE, sender):
        raise ConfigurationError(
            "KASSA_MAIL_FROM must be the address that letters come from, like billing@example.com"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in _MAIL_SCHEMES or parts.path.strip("/") or parts.query:
        raise ConfigurationError(
            "KASSA_SMTP_URL must look like smtp://user:password@mail.example.com:587 (or smtps://)"
        )
    return Mail(
        host=host,
        port=port or _MAIL_SCHEMES[parts.scheme],
        encrypted=parts.scheme == "smtps",
        sender=sender,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _mail_url(mail: Mail | None) -> str:
    if mail is None:
        return "(none: no notices are sent)"
    user = f"{mail.user}:***@" if mail.user else ""
    return f"{'smtps' if mail.encrypted else 'smtp'}://{user}{mail.host}:{mail.port}"


def _card_limits(environment: Mapping[str, str]) -> dict[str, int]:
    limits = {}
    for each in _listed(environment.get("KASSA_CARD_LIMITS", "")):
        currency, _, amount = each.partition("=")
        if currency not in CURRENCIES or not re.fullmatch(r"[1-9][0-9]{0,7}", amount, re.ASCII):
            raise ConfigurationError(
                "KASSA_CARD_LIMITS must list amounts in minor units by currency, like "
                "usd=1000000,eur=900000"
            )
        limits[currency] = int(amount)
    return limits


def _invoice_days(environment: Mapping[str, str]) -> int:
    given = environment.get("KASSA_INVOICE_DAYS", "").strip() or "30"
    if not given.isascii() or not given.isdigit() or int(given) > 365:
        raise ConfigurationError(
            "KASSA_INVOICE_DAYS must be a whole number from 0, which offers none, to 365"
        )
    return int(given)


def _analytics(environment: Mapping[str, str]) -> Analytics:
    given = environment.get("KASSA_ANALYTICS", "").strip() or Settings.analytics.value
    if given not in set(Analytics):
        raise ConfigurationError(f"KASSA_ANALYTICS must be one of {', '.join(Analytics)}")
    return Analytics(given)


def _trusted_proxies(environment: Mapping[str, str]) -> int:
    given = environment.get("KASSA_TRUSTED_PROXIES", "").strip() or "0"
    if not given.isascii() or not given.isdigit() or int(given) > 10:
        raise ConfigurationError("KASSA_TRUSTED_PROXIES must be a whole number from 0 to 10")
    return int(given)
