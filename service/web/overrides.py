"""Signed links that show a variant on purpose, to whoever tests it and to nobody else."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug import Response

from experiments import Catalog, Override
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
    if _in_force(kassa, kassa.catalog, token) is None:
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


def override(kassa: Services, catalog: Catalog) -> tuple[str, Override] | None:
    """The experiment's key and this browser's override, if the catalog has it and it holds.

    It holds for made-up visitors alone: a cookie that was copied to another browser changes
    nothing of what that visitor sees and is counted for.
    """
    token = request.cookies.get(OVERRIDE_COOKIE)
    if token is None or not is_preview(visitor()):
        return None
    return _in_force(kassa, catalog, token)


def _shop() -> Response:
    return redirect(url_for("shop.index"), 303)


def _in_force(kassa: Services, catalog: Catalog, token: str) -> tuple[str, Override] | None:
    named = kassa.signing.overridden(token)
    experiment = catalog.experiments.get(named[0]) if named else None
    if named is None or experiment is None:
        return None
    found = next((each for each in experiment.overrides if each.name == named[1]), None)
    holds = found is not None and found.holds(kassa.clock())
    return (experiment.key, found) if found is not None and holds else None
