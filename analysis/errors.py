"""What analysis refuses, each with the rule that was broken."""


class AnalysisError(Exception):
    """Numbers or a plan that cannot be judged; the message names the field and the rule."""


class InvalidAggregates(AnalysisError):
    """Sums that no set of units can have."""


class InvalidObservations(AnalysisError):
    """Observations that do not fit the plan, or contradict themselves."""


class InvalidPlan(AnalysisError):
    """A plan whose parts do not fit together."""


class UnknownMetric(AnalysisError):
    """An experiment asks for a metric that nobody declared."""


class UnknownInference(AnalysisError):
    """A kind of metric that no statistical test is registered for."""


class InvalidSimulation(AnalysisError):
    """Visitors that cannot be made up: a value out of its range, or an experiment that ended."""


class InvalidFrame(AnalysisError):
    """A DataFrame that cannot be read, or whose content breaks the rule that the message names."""
