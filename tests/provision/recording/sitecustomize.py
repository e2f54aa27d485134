"""Python imports this when it starts, where this directory is on PYTHONPATH.

So the processes that the tests start record what their simulators answer, as the tests' own does.
"""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "kassa_tests_recorder", Path(__file__).parents[1] / "recorder.py"
)
if _spec is not None and _spec.loader is not None:
    _recorder = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_recorder)
    _recorder.record_simulators()
