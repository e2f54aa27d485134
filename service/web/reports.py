"""Lift reports for analysts, as `kassa report` stored them."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug import Response as AnyResponse

from service.errors import NotFound, Unauthorized
from service.store.reports import latest_report
from service.web.answers import REPORT_POLICY
from service.web.context import secure, services
from service.web.signing import LINK_LIFETIME

reports = Blueprint("reports", __name__, url_prefix="/reports")

_COOKIE = "kassa_analyst"


@reports.get("/<experiment>")
def show(experiment: str) -> AnyResponse:
    """The newest stored report of an experiment."""
    kassa = services()
    link = request.args.get("access")
    if link is not None and kassa.signing.is_analyst(link):
        return _signed_in(experiment, link)
    if not kassa.signing.is_analyst(request.cookies.get(_COOKIE)):
        raise Unauthorized("open the link that `kassa report --link` prints")
    if experiment not in kassa.catalog.experiments:
        raise NotFound(f"there is no experiment {experiment!r}")
    with kassa.store.read() as connection:
        report = latest_report(connection, experiment)
    if report is None:
        raise NotFound(f"there is no report of {experiment!r} yet; `kassa report` makes one")
    return Response(
        report, mimetype="text/html", headers={"Content-Security-Policy": REPORT_POLICY}
    )


def _signed_in(experiment: str, token: str) -> AnyResponse:
    # The token leaves the address at once, so that it is in no history and no referrer.
    response = redirect(url_for(".show", experiment=experiment), 303)
    response.set_cookie(
        _COOKIE,
        token,
        max_age=int(LINK_LIFETIME.total_seconds()),
        httponly=True,
        secure=secure(),
        samesite="Lax",
        path=url_for(".show", experiment=experiment),
    )
    return response
