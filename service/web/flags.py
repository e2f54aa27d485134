"""Which variant a unit gets, for OpenFeature's remote protocol (OFREP 0.3.0) and GrowthBook's SDKs.

To evaluate is not to expose: nothing is recorded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, request

from experiments import Assignment, Catalog, Experiment, Reason, standing
from experiments.attributes import Attributes
from experiments.flags import attributes_of, evaluate, metadata
from experiments.growthbook import feature
from service import funnel
from service.errors import Malformed, Refused
from service.web.bodies import read_json
from service.web.context import Services, services
from service.web.cross_origin import is_preflight, open_to_any_origin
from service.web.keys import require_client_key, require_public_key

flags = Blueprint("flags", __name__, url_prefix="/ofrep/v1/evaluate/flags")
features = Blueprint("features", __name__, url_prefix="/api/features")
open_to_any_origin(flags, "", "/<key>", method="POST")
open_to_any_origin(features, "/<client_key>", method="GET")

_TARGETING_KEY: Final = "targetingKey"
# OFREP knows five of OpenFeature's reasons; the metadata has the one that is meant.
_OFREP_REASONS: Final = {Reason.CACHED: Reason.SPLIT.value, Reason.DEFAULT: "UNKNOWN"}
# An operator's stop shall not wait for a cache in between.
_FEATURES_SECONDS: Final = 5


class NotEvaluated(Refused):
    """The evaluation cannot be made as it was asked for; with OpenFeature's error code."""

    status = HTTPStatus.BAD_REQUEST
    title = "Not evaluated"

    def __init__(self, error_code: str, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code


class FlagNotFound(NotEvaluated):
    """No experiment has the flag's key."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, key: str) -> None:
        super().__init__("FLAG_NOT_FOUND", f"no experiment has the key {key!r}")


class Asked(NamedTuple):
    """Whom an evaluation is about, and what is known of it."""

    targeting_key: str
    attributes: Attributes


@flags.before_request
def _authenticate() -> None:
    if not is_preflight():
        require_client_key()


@flags.errorhandler(NotEvaluated)
def _not_evaluated(error: NotEvaluated) -> Response:
    said = {"errorCode": error.error_code, "errorDetails": str(error)}
    return _json((request.view_args or {}) | said, error.status)


@flags.post("/<key>")
def evaluate_flag(key: str) -> Response:
    """The variant that one experiment gives the context's unit."""
    kassa, asked = services(), _asked()
    catalog = kassa.catalog
    if key not in catalog.experiments:
        raise FlagNotFound(key)
    layer = catalog.experiment(key).layer
    # What was shown of one experiment of a layer decides on the others too.
    together = [
        each
        for each in catalog.experiments.values()
        if each.key == key or (layer is not None and each.layer == layer)
    ]
    found = _evaluated(kassa, catalog, together, asked)
    return _json(next(flag for flag in found if flag["key"] == key))


@flags.post("")
def evaluate_flags() -> Response:
    """The variant that each experiment gives the context's unit; 304 while they stay the same."""
    kassa, asked = services(), _asked()
    catalog = kassa.catalog
    found = _evaluated(kassa, catalog, catalog.experiments.values(), asked)
    response = _json({"flags": found, "metadata": {"version": catalog.version}})
    return _unless_known(response, sha256(response.get_data()).hexdigest())


@features.get("/<client_key>")
def growthbook_features(client_key: str) -> Response:
    """Every experiment as a GrowthBook feature, for SDKs that find the variant themselves."""
    require_public_key(client_key)
    kassa = services()
    now = kassa.clock()
    defined = {key: feature(found, now=now) for key, found in kassa.catalog.experiments.items()}
    digest = sha256(json.dumps(defined).encode()).hexdigest()
    # SDKs take no notice of features that are dated as those they have: the date is the answer's.
    dated = now.isoformat().replace("+00:00", "Z")
    response = _json({"status": 200, "features": defined, "dateUpdated": dated})
    response.cache_control.public = True
    response.cache_control.max_age = _FEATURES_SECONDS
    return _unless_known(response, digest, weak=True)


def _asked() -> Asked:
    """Whom the request is about.

    Raises:
        NotEvaluated: its body is not JSON, has no context, or the context names no unit.
    """
    try:
        body = read_json()
    except Malformed as exc:
        raise NotEvaluated("PARSE_ERROR", str(exc)) from exc
    context = body.get("context") if isinstance(body, dict) else None
    if not isinstance(context, dict):
        raise NotEvaluated("INVALID_CONTEXT", "context: must be a JSON object")
    targeting_key = context.pop(_TARGETING_KEY, None)
    if targeting_key is None or targeting_key == "":
        message = f"context.{_TARGETING_KEY}: is required, the id of the visitor"
        raise NotEvaluated("TARGETING_KEY_MISSING", message)
    if not isinstance(targeting_key, str):
        raise NotEvaluated("INVALID_CONTEXT", f"context.{_TARGETING_KEY}: must be a string")
    return Asked(targeting_key, attributes_of(context))


def _evaluated(
    kassa: Services, catalog: Catalog, experiments: Iterable[Experiment], asked: Asked
) -> list[dict[str, Any]]:
    now = kassa.clock()
    found = [(each, evaluate(each, *asked, now=now)) for each in experiments]
    with kassa.store.read() as connection:
        shown = funnel.shown(connection, [assignment for _, assignment in found])
    return [_flag(catalog, each) for each in standing(found, shown)]


def _flag(catalog: Catalog, assignment: Assignment) -> dict[str, Any]:
    return {
        "key": assignment.experiment,
        "value": assignment.variant.key,
        "variant": assignment.variant.key,
        "reason": _OFREP_REASONS.get(assignment.reason, assignment.reason.value),
        "metadata": metadata(catalog, assignment),
    }


def _json(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(value), status, mimetype="application/json")


def _unless_known(response: Response, digest: str, *, weak: bool = False) -> Response:
    """The response, or 304 without a body where the client has the same already."""
    response.set_etag(digest, weak=weak)
    if request.if_none_match.contains_weak(digest):
        response.set_data(b"")
        response.status_code = HTTPStatus.NOT_MODIFIED
        del response.headers["Content-Type"]
    return response
