"""Two reports are compared value by value, and every difference has its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report import Absent
from service.recomputing.comparing import compare

REPORT: dict[str, Any] = {
    "generated_at": "2026-11-23T12:00:00Z",
    "definitions": "a" * 64,
    "units": {"two_page": 12012, "one-page": 11988},
    "checks": {"sample_ratio": {"ok": True, "p_value": 0.87}},
    "metrics": [
        {"metric": "paid", "variants": {"two_page": {"sum": 615, "value": 0.0512}}},
        {"metric": "refunds", "comparisons": [{"p_value": None, "p_value_reason": "no refund"}]},
    ],
    "decision": {"reasons": ["Too early."]},
}
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.dictionaries(
    st.text(),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The report with one value replaced, its place given by keys and indices."""
    document: Any = copy.deepcopy(REPORT)
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    found = document
    for step in way:
        found = found[step]
    found[last] = value
    return dict(document)


@given(DOCUMENTS)
def test_a_document_stands_beside_itself(document: dict[str, Any]) -> None:
    found = compare(document, copy.deepcopy(document))
    assert (found.differences, found.unreported) == ((), ())


@pytest.mark.parametrize(
    ("path", "value", "shown", "metric"),
    [
        ("units/one-page", 11989, '$.units["one-page"]', None),
        ("checks/sample_ratio/ok", 1, "$.checks.sample_ratio.ok", None),
        ("metrics/0/variants/two_page/sum", 616, "$.metrics[0].variants.two_page.sum", "paid"),
        ("metrics/0/variants/two_page/value", 0.0512001, None, "paid"),
        ("metrics/1/comparisons/0/p_value", 0.4, "$.metrics[1].comparisons[0].p_value", "refunds"),
        ("decision/reasons/0", "Too late.", "$.decision.reasons[0]", None),
    ],
)
def test_each_value_that_moved_is_told_with_its_place(
    path: str, value: Any, shown: str | None, metric: str | None
) -> None:
    (found,) = compare(changed(path, value), REPORT).differences
    assert found.reported == value
    assert found.path == (shown or "$.metrics[0].variants.two_page.value")
    assert found.metric == metric


@pytest.mark.parametrize(("factor", "differences"), [(1 + 5e-10, 0), (1 + 5e-9, 1)])
def test_a_number_may_move_by_a_billionth_of_itself(factor: float, differences: int) -> None:
    document = changed("metrics/0/variants/two_page/value", 0.0512 * factor)
    assert len(compare(document, REPORT).differences) == differences


def test_a_count_may_not_move_at_all() -> None:
    large = 10**12
    one, other = changed("units/two_page", large), changed("units/two_page", large + 1)
    assert len(compare(one, other).differences) == 1


def test_a_sum_that_is_whole_by_luck_is_the_same_number() -> None:
    one = changed("metrics/0/variants/two_page/sum", 615.0)
    assert compare(one, REPORT).differences == ()


@pytest.mark.parametrize("name", ["generated_at", "definitions"])
def test_when_and_by_what_it_was_made_is_no_finding(name: str) -> None:
    found = compare(changed(name, "other"), REPORT)
    assert (found.differences, found.unreported) == ((), ())


def test_a_field_that_a_later_version_added_is_told_and_is_no_difference() -> None:
    found = compare(REPORT, changed("checks/gaps", ["2026-11-02"]))
    assert (found.differences, found.unreported) == ((), ("$.checks.gaps",))


def test_a_field_that_is_gone_does_not_stand() -> None:
    (found,) = compare(changed("checks/gaps", 0), REPORT).differences
    assert (found.path, found.reported) == ("$.checks.gaps", 0)
    assert isinstance(found.recomputed, Absent)


@pytest.mark.parametrize(
    ("place", "shown"),
    [(("units", "one-page"), '$.units["one-page"]'), (("metrics", 1), "$.metrics[1]")],
)
def test_what_was_left_out_of_a_table_does_not_stand(place: tuple[Any, Any], shown: str) -> None:
    document: Any = copy.deepcopy(REPORT)
    del document[place[0]][place[1]]
    (found,) = compare(document, REPORT).differences
    assert found.path == shown
    assert isinstance(found.reported, Absent)


def test_a_name_can_not_steer_a_terminal() -> None:
    (found,) = compare(changed("checks/\x1b[31m'\n", 1), REPORT).differences
    assert found.path.isprintable()
