"""How long after the first exposure a unit's facts count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from experiments import Experiment, Metric

# Stripe tells times in whole seconds: a payment in the second of the exposure came after it.
RESOLUTION = timedelta(seconds=1)


def window_of(experiment: Experiment, metric: Metric) -> timedelta:
    """The metric's own, or the experiment's."""
    return experiment.analysis.conversion_window if metric.window is None else metric.window


def longest_window(experiment: Experiment, metrics: Mapping[str, Metric]) -> timedelta:
    """Until nothing that may decide can change any more."""
    roles = experiment.metrics
    deciding = (roles.primary, *(guardrail.metric for guardrail in roles.guardrails))
    return max(window_of(experiment, metrics[key]) for key in deciding)
