from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from analysis import wording
from analysis.report import Absent, Margin, Tolerance
from experiments.metrics import Kind
from experiments.plan import Scale

GAP = Absent("nothing there")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0512, "5.12%"),
        (0.5, "50.00%"),
        (0.12038, "12.04%"),
        (1.0, "100%"),
        (0.0, "0.00%"),
        (12.5, "1,250%"),
    ],
)
def test_rates_have_the_digits_people_read(value: float, text: str) -> None:
    assert wording.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.033, "+3.30%"), (-0.0131, "-1.31%"), (0.0, "0.00%"), (1.178, "+117.8%"),
        (36.91, "+3,691%"), (math.inf, "no upper limit"), (GAP, "n/a"),
    ],
)  # fmt: skip
def test_lifts_show_their_sign(value: float | Absent, text: str) -> None:
    assert wording.signed_percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.19, "0.19"), (1.0, "1"), (1.2e-7, "1.2e-07"), (2e-308, "<1e-300"), (GAP, "n/a")],
)
def test_no_p_value_is_printed_as_zero(value: float | Absent, text: str) -> None:
    assert wording.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(52.456, "52.46"), (0.75, "0.7500"), (1234567.0, "1,234,567.0"), (-3.5, "-3.500"),
     (0.0, "0.0000"), (GAP, "n/a")],
)  # fmt: skip
def test_means_have_four_digits(value: float | Absent, text: str) -> None:
    assert wording.quantity(value) == text


def test_counts_points_intervals_and_levels() -> None:
    assert wording.count(12_012) == "12,012"
    assert wording.count(13_908.33) == "13,908.33"
    assert wording.points(0.0017) == "+0.170 pp"
    assert wording.points(GAP) == "n/a"
    assert wording.interval(-0.06, 0.094) == "-6.00% to +9.40%"
    assert wording.interval(GAP, GAP) == "n/a"
    assert wording.level(0.05) == "95%"
    assert wording.level(0.001) == "99.9%"


def test_values_and_differences_go_by_their_kind() -> None:
    assert wording.value_text(Kind.PROPORTION, 0.5) == "50.00%"
    assert wording.value_text(Kind.MEAN, 0.5) == "0.5000"
    assert wording.difference_text(Kind.PROPORTION, 0.5) == "+50.000 pp"
    assert wording.difference_text(Kind.RATIO, 0.5) == "0.5000"


def test_plurals_times_and_adjusted_p_values_are_written_one_way() -> None:
    assert wording.plural(1, "row") == "1 row"
    assert wording.plural(0, "row") == "0 rows"
    assert wording.plural(12_012, "unit") == "12,012 units"
    assert wording.instant(datetime(2026, 11, 23, 12, tzinfo=UTC)) == "2026-11-23T12:00:00Z"
    assert wording.p_values(0.03, 0.03) == "0.03"
    assert wording.p_values(0.03, 0.06) == "0.03, adjusted p 0.06"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(days=14), "14 days"),
        (timedelta(days=8, hours=21), "8.9 days"),
        (timedelta(hours=47, minutes=1), "48 hours"),
        (timedelta(hours=1), "60 minutes"),
        (timedelta(seconds=1), "1 minute"),
    ],
)
def test_a_time_that_is_left_is_never_shortened(time: timedelta, text: str) -> None:
    assert wording.duration(time) == text


@pytest.mark.parametrize(
    ("kind", "margin", "text"),
    [
        (Kind.PROPORTION, Margin(0.07, Scale.RELATIVE), "7%"),
        (Kind.PROPORTION, Margin(0.005, Scale.ABSOLUTE), "0.5 pp"),
        (Kind.MEAN, Margin(250, Scale.ABSOLUTE), "250.0"),
    ],
)
def test_a_margin_is_told_in_its_own_scale(kind: Kind, margin: Margin, text: str) -> None:
    assert wording.margin(kind, margin) == text


def test_an_interval_that_is_not_there_says_why_beside_its_margin() -> None:
    found = Tolerance(Margin(0.1, Scale.RELATIVE), GAP, GAP, alpha=0.05, always_valid=True)
    assert wording.held(Kind.MEAN, found) == (
        "margin 10%, no always-valid 95% interval: nothing there"
    )
