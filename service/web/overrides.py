"""Signed links that show a variant on purpose, to whoever tests it and to nobody else."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug import Response

from service.checkout.checkouts import is_preview, preview_unit
from service.errors import Forbidden
from service.web.context import (
    OVERRIDE_COOKIE,
    Services,
    become_visitor,
    refuse_prefetch,
    secure,
    services,
    visitor,
)
from service.web.signing import GONE, new_unit_id

overrides = Blueprint("overrides", __name__, url_prefix="/qa")


@overrides.get("/<token>")
def begin(token: str) -> Response:
    """Make this browser a tester's: it sees the variant from now on, and is never analysed.

    Its visitor is a new one, made up for the occasion: what it did before stays as it was.
    """
    refuse_prefetch()
    kassa = services()
    if not _in_force(kassa, token):
        raise Forbidden(GONE)
    if request.method == "HEAD":
        return _shop()
    become_visitor(preview_unit(new_unit_id()))
    response = _shop()
    response.set_cookie(OVERRIDE_COOKIE, token, httponly=True, secure=secure(), samesite="Lax")
    return response


@overrides.get("/off")
def end() -> Response:
    """Make this browser a visitor's again: a new one, who has seen nothing."""
    refuse_prefetch()
    response = _shop()
    if request.method == "HEAD" or OVERRIDE_COOKIE not in request.cookies:
        return response
    become_visitor(new_unit_id())
    response.delete_cookie(OVERRIDE_COOKIE, httponly=True, secure=secure(), samesite="Lax")
    return response


def override(kassa: Services) -> tuple[str, str] | None:
    """The experiment and the name of this browser's override, if it has one.

    It is for made-up visitors alone: a cookie that was copied to another browser changes nothing of
    what that visitor sees and is counted for.
    """
    token = request.cookies.get(OVERRIDE_COOKIE)
    if token is None or not is_preview(visitor()):
        return None
    return kassa.signing.overridden(token)


def _shop() -> Response:
    return redirect(url_for("shop.index"), 303)


def _in_force(kassa: Services, token: str) -> bool:
    named = kassa.signing.overridden(token)
    experiment = kassa.catalog.experiments.get(named[0]) if named else None
    if named is None or experiment is None:
        return False
    found = (each for each in experiment.overrides if each.name == named[1])
    return any(each.holds(kassa.clock()) for each in found)
