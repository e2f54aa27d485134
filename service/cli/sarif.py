"""Problems as SARIF 2.1.0, which code hosts show beside the lines of a change.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from experiments import RULES, Problem

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_IDS = list(RULES)


def to_sarif(problems: Iterable[Problem]) -> dict[str, Any]:
    """One run of `kassa lint`: every rule there is, and a result for each problem."""
    driver = {
        "name": "kassa lint",
        "version": version("kassa"),
        "rules": [{"id": rule, "shortDescription": {"text": RULES[rule]}} for rule in _IDS],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in problems],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(problem.file.replace("\\", "/"))},
        "region": {"startLine": problem.line, "startColumn": problem.column},
    }
    return {
        "ruleId": problem.rule,
        "ruleIndex": _IDS.index(problem.rule),
        "level": "error",
        "message": {"text": f"{problem.message}; {problem.mend}"},
        "locations": [{"physicalLocation": place}],
    }
