"""Files of other people's experiments, read into a plan and observations."""

from service.files.layout import (
    MOST_SEGMENTS,
    Agreement,
    FileLayout,
    InvalidFile,
    MetricColumn,
)
from service.files.reading import COPY, read_experiment

__all__ = [
    "COPY",
    "MOST_SEGMENTS",
    "Agreement",
    "FileLayout",
    "InvalidFile",
    "MetricColumn",
    "read_experiment",
]
