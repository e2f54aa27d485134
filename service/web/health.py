"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from service.store import schema
from service.web.context import services

health = Blueprint("health", __name__)


@health.get("/livez")
def livez() -> Response:
    """The process answers; depends on nothing else."""
    return jsonify(status="ok")


@health.get("/readyz")
def readyz() -> Response:
    """The store answers and has this version's tables; 503 otherwise."""
    schema.check(services().store)
    return jsonify(status="ok")
