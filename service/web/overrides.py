"""Signed links that show a variant on purpose, to whoever tests it and to nobody else."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug import Response

from experiments import Override
from service.checkout.checkouts import preview_unit
from service.errors import Forbidden
from service.web.context import Services, become_visitor, secure, services
from service.web.signing import new_unit_id

overrides = Blueprint("overrides", __name__, url_prefix="/qa")

OVERRIDE_COOKIE = "kassa_override"
_GONE = "this link is not valid any more: its override has ended, or was removed"


@overrides.get("/<token>")
def begin(token: str) -> Response:
    """Make this browser a tester's: it sees the variant from now on, and is never analysed.

    Its visitor is a new one, made up for the occasion: what it did before stays as it was.
    """
    kassa = services()
    if _in_force(kassa, token) is None:
        raise Forbidden(_GONE)
    become_visitor(preview_unit(new_unit_id()))
    response = redirect(url_for("shop.index"), 303)
    response.set_cookie(OVERRIDE_COOKIE, token, httponly=True, secure=secure(), samesite="Lax")
    return response


@overrides.get("/off")
def end() -> Response:
    """Make this browser a visitor's again: a new one, who has seen nothing."""
    become_visitor(new_unit_id())
    response = redirect(url_for("shop.index"), 303)
    response.delete_cookie(OVERRIDE_COOKIE, httponly=True, secure=secure(), samesite="Lax")
    return response


def override(kassa: Services) -> tuple[str, Override] | None:
    """The experiment's key and the override of this browser, if it has one that is in force."""
    token = request.cookies.get(OVERRIDE_COOKIE)
    return None if token is None else _in_force(kassa, token)


def _in_force(kassa: Services, token: str) -> tuple[str, Override] | None:
    named = kassa.signing.overridden(token)
    experiment = kassa.catalog.experiments.get(named[0]) if named else None
    if named is None or experiment is None:
        return None
    found = next((each for each in experiment.overrides if each.name == named[1]), None)
    holds = found is not None and found.holds(kassa.clock())
    return (experiment.key, found) if found is not None and holds else None
