"""Files of other people's experiments, read into a plan and observations."""

from service.files.layout import Agreement, FileLayout, InvalidFile, MetricColumn
from service.files.reading import read_experiment

__all__ = ["Agreement", "FileLayout", "InvalidFile", "MetricColumn", "read_experiment"]
