"""`GET /metrics`: how the definitions stand, in the words that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from typing_extensions import override

from service.web.context import Services, services
from service.web.keys import require_api_key

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def scrape() -> Response:
    """What this process serves now; every worker follows the same files and switches."""
    require_api_key()
    # Of its own for each answer: nothing is counted here, and nothing is kept.
    registry = CollectorRegistry()
    registry.register(_Definitions(services()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Definitions(Collector):
    """Reads what is in force at the moment of the scrape."""

    def __init__(self, kassa: Services) -> None:
        self._kassa = kassa

    @override
    def collect(self) -> Iterator[Metric]:
        standing, catalog = self._kassa.in_force.standing, self._kassa.catalog
        yield GaugeMetricFamily(
            "kassa_definitions_valid",
            "Whether the definitions on disk hold; where not, the last good ones are in force.",
            value=standing.valid,
        )
        yield GaugeMetricFamily(
            "kassa_definitions_problems",
            "Problems of the definitions on disk.",
            value=len(standing.problems),
        )
        yield GaugeMetricFamily(
            "kassa_definitions_taken_timestamp_seconds",
            "When the definitions in force were taken up.",
            value=standing.taken_at.timestamp(),
        )
        yield GaugeMetricFamily(
            "kassa_definitions_looked_timestamp_seconds",
            "When the definitions on disk and the switches were looked at last.",
            value=standing.looked_at.timestamp(),
        )
        info = InfoMetricFamily("kassa_definitions", "Version of the definitions in force.")
        info.add_metric([], {"version": catalog.version})
        yield info
        running = GaugeMetricFamily(
            "kassa_experiment_running", "Whether it assigns now.", labels=["experiment"]
        )
        stopped = GaugeMetricFamily(
            "kassa_experiment_stopped", "Whether an operator stopped it.", labels=["experiment"]
        )
        now = self._kassa.clock()
        for experiment in catalog.experiments.values():
            running.add_metric([experiment.key], experiment.is_open(now))
            stopped.add_metric([experiment.key], experiment.stopped)
        yield from (running, stopped)
