"""What is tested, who sees what, what counts."""

from experiments.assignment import Assignment, Reason, assign
from experiments.bucketing import bucket
from experiments.catalog import Catalog, Linted, examine, lint
from experiments.definition import AnalysisPlan, Experiment, MetricRoles, Status, Variant
from experiments.errors import (
    RULES,
    ExperimentError,
    InvalidDefinition,
    Problem,
    UnknownExperiment,
)
from experiments.events import BROWSER_EVENTS, LEDGER_EVENTS, FunnelEvent
from experiments.metrics import Direction, Kind, Metric
from experiments.offers import Offer
from experiments.schema import json_schema

__all__ = [
    "BROWSER_EVENTS",
    "LEDGER_EVENTS",
    "RULES",
    "AnalysisPlan",
    "Assignment",
    "Catalog",
    "Direction",
    "Experiment",
    "ExperimentError",
    "FunnelEvent",
    "InvalidDefinition",
    "Kind",
    "Linted",
    "Metric",
    "MetricRoles",
    "Offer",
    "Problem",
    "Reason",
    "Status",
    "UnknownExperiment",
    "Variant",
    "assign",
    "bucket",
    "examine",
    "json_schema",
    "lint",
]
