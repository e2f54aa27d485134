"""Everything Kassa signs and later believes: cookies, page tokens, preview and report links."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, Signer, URLSafeSerializer, URLSafeTimedSerializer

from service.errors import Forbidden, StalePage
from service.languages import sentence

PAGE_LIFETIME = timedelta(hours=48)
LINK_LIFETIME = timedelta(hours=12)

GONE = sentence("This link is not valid any more. Ask for a new one.")


class Signing:
    """Signs with the newest key and accepts all, so that keys can be rotated.

    Each purpose has a salt of its own: a token for one is worthless for another.
    """

    def __init__(self, secret_keys: tuple[str, ...]) -> None:
        keys = list(reversed(secret_keys))
        self._visitor = Signer(
            keys, salt="kassa.visitor", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._page = URLSafeTimedSerializer(keys, salt="kassa.page")
        self._preview = URLSafeTimedSerializer(keys, salt="kassa.preview")
        self._override = URLSafeSerializer(keys, salt="kassa.override")
        self._analyst = URLSafeTimedSerializer(keys, salt="kassa.analyst")
        self._account = URLSafeTimedSerializer(keys, salt="kassa.account")

    def visitor_cookie(self, unit_id: str) -> str:
        """The cookie's value for a visitor."""
        return self._visitor.sign(unit_id).decode("ascii")

    def visitor_of(self, cookie: str | None) -> str | None:
        """The visitor a cookie names, or None for a missing, edited or foreign one."""
        if not cookie:
            return None
        try:
            return self._visitor.unsign(cookie.encode("utf-8", "replace")).decode("ascii")
        except (BadData, UnicodeDecodeError):
            return None

    def page_token(self, checkout_id: str, unit_id: str) -> str:
        """What a rendered checkout must send back with every request that changes something."""
        return str(self._page.dumps([checkout_id, unit_id]))

    def page_unit(self, token: str | None, checkout_id: str) -> str:
        """The visitor a page was rendered for.

        Raises:
            StalePage: the token is missing, edited, too old, or of another checkout.
        """
        match _loaded(self._page, token, PAGE_LIFETIME):
            case [str(checkout), str(unit_id)] if checkout == checkout_id:
                return unit_id
            case _:
                raise StalePage("this page is too old or not ours; reload it and try again")

    def preview_token(self, experiment: str, variant: str) -> str:
        """A link's token that shows a variant without counting anything."""
        return str(self._preview.dumps([experiment, variant]))

    def previewed(self, token: str) -> tuple[str, str]:
        """Experiment and variant of a preview link.

        Raises:
            Forbidden: the token is edited or older than twelve hours.
        """
        match _loaded(self._preview, token, LINK_LIFETIME):
            case [str(experiment), str(variant)]:
                return experiment, variant
            case _:
                raise Forbidden(GONE)

    def override_token(self, experiment: str, name: str) -> str:
        """The token of a tester's link; it is good as long as the definition has the override."""
        return str(self._override.dumps([experiment, name]))

    def overridden(self, token: str) -> tuple[str, str] | None:
        """Experiment and name of the override of a tester's link; None for an edited one."""
        try:
            match self._override.loads(token):
                case [str(experiment), str(name)]:
                    return experiment, name
        except BadData:
            pass
        return None

    def account_token(self, customer: str) -> str:
        """What lets a merchant's customer see and change what is theirs, for twelve hours."""
        return str(self._account.dumps(customer))

    def account_customer(self, token: str) -> str:
        """The customer whose account a link opens.

        Raises:
            Forbidden: the token is edited or older than twelve hours.
        """
        match _loaded(self._account, token, LINK_LIFETIME):
            case str(customer):
                return customer
            case _:
                raise Forbidden(GONE)

    def analyst_token(self) -> str:
        """A sign-in for reports, good for twelve hours."""
        return str(self._analyst.dumps("analyst"))

    def is_analyst(self, token: str | None) -> bool:
        """Whether the token signs an analyst in."""
        return bool(_loaded(self._analyst, token, LINK_LIFETIME) == "analyst")


def new_unit_id() -> str:
    """A visitor's id: 128 random bits, minted by the server alone."""
    return secrets.token_urlsafe(16)


def _loaded(serializer: URLSafeTimedSerializer, token: str | None, age: timedelta) -> Any:
    try:
        return serializer.loads(token or "", max_age=int(age.total_seconds()))
    except BadData:
        return None
