"""What is tested, who sees what, what counts."""

from experiments.assignment import (
    Assignment,
    Cause,
    Reason,
    assign,
    entered,
    forced,
    kept,
    standing,
    unidentified,
)
from experiments.attributes import Attribute, Attributes, AttributeType
from experiments.bucketing import bucket
from experiments.catalog import Catalog, Linted, examine, lint
from experiments.definition import Experiment, Status, Unit
from experiments.entry import Override, RampStep
from experiments.errors import (
    RULES,
    ExperimentError,
    InvalidDefinition,
    Problem,
    UnknownExperiment,
)
from experiments.events import (
    BROWSER_EVENTS,
    LEDGER_EVENTS,
    FrictionEvent,
    FunnelEvent,
    LedgerColumn,
)
from experiments.layers import Holdout, Layer, Slot
from experiments.metrics import Direction, Kind, Metric
from experiments.offers import InvoiceTerms, Offer, Subscription
from experiments.operation import Switch
from experiments.plan import (
    AnalysisPlan,
    DecisionRule,
    Exposure,
    Guardrail,
    Method,
    MetricRoles,
    Scale,
    ShipIf,
    Spending,
)
from experiments.readings import Readings
from experiments.schema import KINDS, json_schema
from experiments.variants import Variant

__all__ = [
    "BROWSER_EVENTS",
    "KINDS",
    "LEDGER_EVENTS",
    "RULES",
    "AnalysisPlan",
    "Assignment",
    "Attribute",
    "AttributeType",
    "Attributes",
    "Catalog",
    "Cause",
    "DecisionRule",
    "Direction",
    "Experiment",
    "ExperimentError",
    "Exposure",
    "FrictionEvent",
    "FunnelEvent",
    "Guardrail",
    "Holdout",
    "InvalidDefinition",
    "InvoiceTerms",
    "Kind",
    "Layer",
    "LedgerColumn",
    "Linted",
    "Method",
    "Metric",
    "MetricRoles",
    "Offer",
    "Override",
    "Problem",
    "RampStep",
    "Readings",
    "Reason",
    "Scale",
    "ShipIf",
    "Slot",
    "Spending",
    "Status",
    "Subscription",
    "Switch",
    "Unit",
    "UnknownExperiment",
    "Variant",
    "assign",
    "bucket",
    "entered",
    "examine",
    "forced",
    "json_schema",
    "kept",
    "lint",
    "standing",
    "unidentified",
]
