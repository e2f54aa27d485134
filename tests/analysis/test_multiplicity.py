from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.multiplicity import adjusted, benjamini_hochberg, holm
from analysis.report import Absent

families = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=12)


@given(families)
def test_statsmodels_agrees_on_both_adjustments(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(
        multipletests(p_values, method="fdr_bh")[1]
    )


def test_gaps_stay_where_they_are_and_do_not_count() -> None:
    gap = Absent("nothing to test")
    assert adjusted(holm, [0.01, gap, 0.04]) == [0.02, gap, 0.04]
    assert adjusted(holm, [gap]) == [gap]
    assert adjusted(benjamini_hochberg, []) == []
