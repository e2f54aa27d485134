"""DataFrames of anyone's experiment, read into a plan and observations.

Anything that Narwhals reads: pandas, Polars (eager and lazy), PyArrow, relations of DuckDB. The
frame's own engine counts; what comes back is one row of sums for each variant, day and segment. The
rules are those of `kassa analyze`, and so are the numbers.
"""

from analysis.frames.layout import Measure
from analysis.frames.reading import COPY, read_frame

__all__ = ["COPY", "Measure", "read_frame"]
