"""What the growth team sees in its editor: the real YAML language server, over real files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments import Status
from service.settings import PROJECT
from tests.editor.language_server import Finding, LanguageServer

SHIPPED = sorted((PROJECT / "experiments").rglob("*.yaml"))
NAMES = [str(file.relative_to(PROJECT / "experiments")) for file in SHIPPED]
EXPERIMENT = (PROJECT / "experiments" / "definitions" / "one-page-checkout.yaml").read_text("utf-8")
MODELINE = EXPERIMENT.splitlines()[0] + "\n"
TOP_KEYS = {
    "name",
    "hypothesis",
    "owner",
    "status",
    "start",
    "end",
    "unit",
    "seed",
    "traffic",
    "variants",
    "winner",
    "layer",
    "holdout",
    "targeting",
    "overrides",
    "ramp",
    "exposure",
    "metrics",
    "analysis",
    "decision",
}


class Page:
    """A definition file, open in the editor; `|` in its text is where the cursor stands."""

    def __init__(self, editor: LanguageServer, file: Path, text: str) -> None:
        before, _, after = text.partition("|")
        self.line, self.column = before.count("\n") + 1, len(before) - before.rfind("\n")
        self._editor, self._file = editor, file
        file.write_text(before + after, encoding="utf-8")
        self.findings = editor.open(file)

    @property
    def completions(self) -> dict[str, str]:
        return self._editor.completions(self._file, self.line, self.column)

    @property
    def hover(self) -> str:
        return self._editor.hover(self._file, self.line, self.column)


@pytest.fixture
def page(editor: LanguageServer, directory: Path, request: pytest.FixtureRequest) -> Path:
    """A file of its own for each test: an editor remembers what it has seen."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return directory / "definitions" / f"{name}.yaml"


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_is_free_of_findings(
    editor: LanguageServer, directory: Path, name: str
) -> None:
    assert editor.open(directory / name) == []


def test_the_top_keys_are_offered_with_what_they_mean(editor: LanguageServer, page: Path) -> None:
    offered = Page(editor, page, MODELINE + "version: 1\n|").completions
    assert offered.keys() >= TOP_KEYS
    assert all(offered[key] for key in TOP_KEYS)
    assert "version" not in offered
    assert "key" not in offered


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("variants:\n  - key: two_page\n    |", {"weight", "control", "flow", "name"}),
        ("metrics:\n  |", {"primary", "secondary", "guardrails"}),
        (
            "analysis:\n  |",
            {"method", "alpha", "planned_units", "conversion_window", "power", "effect"},
        ),
        ("targeting:\n  |", {"all", "any", "not", "attribute", "in", "not_in", "glob", "semver"}),
        (
            "targeting:\n  all:\n    - attribute: country\n      |",
            {"in", "not_in", "min", "max", "glob", "semver"},
        ),
        ("overrides:\n  - name: qa\n    |", {"variant", "until", "customers"}),
        ("ramp:\n  - after: 0h\n    |", {"traffic", "approval"}),
        ("decision:\n  |", {"minimum_runtime", "ship_if", "margin"}),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_keys_are_offered_further_down(
    editor: LanguageServer, page: Path, text: str, keys: set[str]
) -> None:
    offered = Page(editor, page, f"{MODELINE}version: 1\n{text}\n").completions
    assert offered.keys() >= keys
    assert all(offered[key] for key in keys)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("status: |", {status.value for status in Status}),
        ("unit: |", {"visitor", "customer"}),
        ("variants:\n  - control: |", {"true"}),
        ("decision:\n  ship_if: |", {"better", "not_worse"}),
    ],
)
def test_values_from_a_list_are_offered(
    editor: LanguageServer, page: Path, text: str, values: set[str]
) -> None:
    assert Page(editor, page, f"{MODELINE}version: 1\n{text}\n").completions.keys() >= values


def test_what_is_filled_in_for_a_key_passes_its_own_rule(
    editor: LanguageServer, page: Path
) -> None:
    offered = Page(editor, page, MODELINE + "version: 1\nname: A\n|").completions
    assert "P7D" not in "".join(offered.values())
    assert "Attributes:" not in "".join(offered.values())
    assert "pydantic" not in "".join(offered.values())


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("traff|ic:", "half"),
        ("sta|tus:", "draft, running, paused, stopped or shipped"),
        ("conversion_wind|ow:", "such as 7d, 72h or 30m"),
        ("weig|ht:", "percent"),
    ],
)
def test_a_key_is_explained_under_the_pointer(
    editor: LanguageServer, page: Path, before: str, words: str
) -> None:
    text = EXPERIMENT.replace(before.replace("|", ""), before, 1)
    assert "|" in text
    assert words in Page(editor, page, text).hover


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("hypothesis:", "hypotesis:", (4, 1, "Property hypotesis is not allowed")),
        ("weight: 50, flow", "weigth: 50, flow", (14, 37, "Property weigth is not allowed")),
        ("traffic: 1.0", "traffic: lots", (11, 10, "Incorrect type")),
        ("traffic: 1.0", "traffic: 60", (11, 10, "Value is above the maximum of 1")),
        ("status: running", "status: runing", (8, 9, "Value is not accepted")),
        ("primary: paid_conversion", "primary: Paid", (16, 12, "String does not match")),
        ("conversion_window: 7d", "conversion_window: 7 days", (22, 22, "String does not match")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_underlined_where_it_stands(
    editor: LanguageServer,
    page: Path,
    right: str,
    wrong: str,
    finding: tuple[int, int, str],
) -> None:
    assert right in EXPERIMENT
    line, column, said = finding
    findings = Page(editor, page, EXPERIMENT.replace(right, wrong, 1)).findings
    assert any(
        (found.line, found.column) == (line, column) and found.message.startswith(said)
        for found in findings
    ), findings


def test_a_whole_file_without_a_key_is_told(editor: LanguageServer, page: Path) -> None:
    findings = Page(editor, page, EXPERIMENT.replace("owner: growth@example.com\n", "")).findings
    assert findings == [Finding(2, 1, 'Missing property "owner".')]
