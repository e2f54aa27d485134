"""What others published of real experiments, from the files themselves through the file reader.

Rows stay where they are; a column that a file does not have is made beside it for the test.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analysis.analyze import analyze
from analysis.inference.adjustment import Adjustment
from analysis.report import Absent, Estimate, Label, MetricResult, Number, Report
from experiments.metrics import Kind
from service.files import FileLayout, MetricColumn, read_experiment
from tests.shared_data import SHARED, golden, needs_shared_data

pytestmark = needs_shared_data
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Made = Callable[[str], Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A Parquet file of a query; `{shared}` in it is the directory of the shared data."""

    def make(query: str) -> Path:
        path = tmp_path / "made.parquet"
        with duckdb.connect() as connection:
            connection.sql(query.format(shared=SHARED)).write_parquet(str(path))
        return path

    return make


def report_of(path: Path, control: str, *metrics: MetricColumn, **parts: Any) -> Report:
    layout = FileLayout(
        parts.pop("unit", "unit"), parts.pop("variant", "variant"), control, metrics, **parts
    )
    plan, observations = read_experiment([path], layout)
    return analyze(plan, observations, as_of=NOON, generated_at=NOON)


def number(value: Number) -> float:
    assert not isinstance(value, Absent), value
    return value


def counts(metric: MetricResult) -> dict[str, tuple[int, int]]:
    return {key: (int(number(result.sum)), result.units) for key, result in metric.variants.items()}


def percent(estimate: Estimate, digits: int) -> list[float]:
    """Estimate and ends in points of a hundred, as statistics are printed."""
    ends = (estimate.estimate, estimate.ci_low, estimate.ci_high)
    return [round(100 * number(end), digits) + 0.0 for end in ends]


CONVERTED = MetricColumn("converted", "converted")
# Both the group that a user was in and the page that was shown: who saw two of these contradicts.
SEEN = """
    SELECT *, "group" || '/' || landing_page AS seen
    FROM read_csv('{shared}/ab_data.csv.gz') AS rows
    JOIN read_csv('{shared}/ab_data_countries.csv.gz') AS countries USING (user_id)"""


def test_ab_data_with_every_row_a_unit_is_the_naive_reading(made: Made) -> None:
    path = made(
        'SELECT row_number() OVER () AS unit, "group" AS variant, converted '
        "FROM read_csv('{shared}/ab_data.csv.gz')"
    )
    metric = report_of(path, "control", CONVERTED).primary
    assert counts(metric) == {"control": (17_723, 147_202), "treatment": (17_514, 147_276)}
    (comparison,) = metric.comparisons
    assert number(comparison.p_value) == pytest.approx(0.216, abs=5e-4)
    assert percent(comparison.absolute, 3) == [-0.148, -0.382, 0.086]
    assert percent(comparison.relative, 2) == [-1.23, -3.15, 0.73]


def test_ab_data_without_any_contradictory_user(made: Made) -> None:
    report = report_of(made(SEEN), "control/old_page", CONVERTED, unit="user_id", variant="seen")
    assert counts(report.primary) == {
        "control/old_page": (17_220, 143_293),
        "treatment/new_page": (17_025, 143_398),
    }
    assert report.checks.contradictory_units == 3_893
    (comparison,) = report.primary.comparisons
    assert number(comparison.p_value) == pytest.approx(0.232019670931933, rel=1e-9)
    assert percent(comparison.absolute, 3) == [-0.145, -0.382, 0.093]
    assert percent(comparison.relative, 2) == [-1.20, -3.15, 0.78]


@pytest.mark.parametrize(
    ("country", "control", "treatment"),
    [
        ("CA", (844, 7_094), (810, 7_209)),
        ("UK", (4_295, 35_883), (4_317, 35_630)),
        ("US", (12_081, 100_316), (11_898, 100_559)),
    ],
)
def test_ab_data_by_country(
    made: Made, country: str, control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    report = report_of(
        made(SEEN),
        "control/old_page",
        CONVERTED,
        unit="user_id",
        variant="seen",
        where=(("country", country),),
    )
    found = counts(report.primary)
    assert (found["control/old_page"], found["treatment/new_page"]) == (control, treatment)


def test_cookie_cats_keeps_players_as_published() -> None:
    report = report_of(
        SHARED / "cookie_cats.csv",
        "gate_30",
        MetricColumn("retention_7", "retention_7"),
        MetricColumn("retention_1", "retention_1"),
        MetricColumn("rounds", "sum_gamerounds", Kind.MEAN),
        unit="userid",
        variant="version",
    )
    week, day, rounds = report.metrics
    assert counts(week) == {"gate_30": (8_502, 44_700), "gate_40": (8_279, 45_489)}
    values = [round(100 * number(each.value), 2) for each in week.variants.values()]
    assert values == [19.02, 18.20]
    (comparison,) = week.comparisons
    assert round(number(comparison.p_value), 4) == 0.0016
    assert percent(comparison.absolute, 2) == [-0.82, -1.33, -0.31]
    assert percent(comparison.relative, 2) == [-4.31, -6.89, -1.66]
    (comparison,) = day.comparisons
    assert number(comparison.p_value) == pytest.approx(0.07440965529691913, rel=1e-9)
    assert percent(comparison.absolute, 3) == [-0.591, -1.239, 0.058]
    (comparison,) = rounds.comparisons
    assert round(number(comparison.p_value), 3) == 0.376
    assert percent(comparison.absolute, 1) == [-115.7, -372.0, 140.5]
    assert percent(comparison.relative, 2) == [-2.21, -6.88, 2.70]
    # Uneven, but not beyond the alert: 44,700 against 45,489.
    assert number(report.checks.sample_ratio.p_value) == pytest.approx(0.0086, abs=5e-5)
    assert report.checks.sample_ratio.ok is True


def test_cookie_cats_tuned_at_its_units_is_read_as_published_at_any_look() -> None:
    report = report_of(
        SHARED / "cookie_cats.csv",
        "gate_30",
        MetricColumn("retention_7", "retention_7"),
        unit="userid",
        variant="version",
        planned_units=90_189,
    )
    sequential = report.primary.comparisons[0].sequential
    ends = [round(100 * number(end), 2) for end in (sequential.ci_low, sequential.ci_high)]
    assert ends == [-8.27, -0.18]
    assert round(number(sequential.p_value), 3) == 0.035


# p, difference in points and lift in percent, each with its ends.
HILLSTROM = {
    "visit": {
        "Mens E-Mail": (5.7e-112, [7.659, 6.996, 8.323], [72.1, 64.0, 80.6]),
        "Womens E-Mail": (3.2e-44, [4.523, 3.890, 5.158], [42.6, 35.6, 50.0]),
    },
    "conversion": {
        "Mens E-Mail": (1.5e-13, [0.681, 0.502, 0.865], [118.8, 76.9, 170.8]),
        "Womens E-Mail": (1.6e-4, [0.311, 0.151, 0.475], [54.3, 23.1, 93.5]),
    },
    "spend": {
        "Mens E-Mail": (1.2e-7, [77.0, 48.5, 105.5], [117.9, 62.8, 191.6]),
        "Womens E-Mail": (0.0011, [42.4, 16.9, 68.0], [65.0, 21.8, 123.6]),
    },
}


@pytest.fixture
def customers(made: Made) -> Path:
    """Hillstrom's rows have no name: each is a customer, also those that equal another."""
    return made(
        "SELECT row_number() OVER () AS unit, segment AS variant, visit, conversion, spend "
        "FROM read_csv('{shared}/hillstrom.csv')"
    )


def test_hillstroms_mails_sold_as_published(customers: Path) -> None:
    report = report_of(
        customers,
        "No E-Mail",
        MetricColumn("visit", "visit"),
        MetricColumn("conversion", "conversion"),
        MetricColumn("spend", "spend", Kind.MEAN),
    )
    assert sum(report.units.values()) == 64_000
    assert report.exclusions == ()
    for metric, average in zip(report.metrics, (0.14678, 0.00903, 1.05091), strict=True):
        total = sum(number(result.sum) for result in metric.variants.values())
        assert round(total / 64_000, 5) == average
        for comparison in metric.comparisons:
            p_value, difference, lift = HILLSTROM[metric.key][comparison.variant]
            assert number(comparison.p_value) == pytest.approx(p_value, rel=0.05)
            printed = 0.051 if metric.kind is Kind.MEAN else 0.00051
            assert percent(comparison.absolute, 6) == pytest.approx(difference, abs=printed)
            assert percent(comparison.relative, 6) == pytest.approx(lift, abs=0.051)


def test_spend_per_order_did_not_move_where_spend_per_customer_doubled(customers: Path) -> None:
    """Who buys was chosen by the treatment: an average order says little."""
    report = report_of(
        customers,
        "No E-Mail",
        MetricColumn("per_order", "spend", Kind.RATIO, "conversion"),
        MetricColumn("per_visit", "conversion", Kind.RATIO, "visit"),
    )
    peers = golden("means_and_ratios")["ratios"]
    for metric, name in zip(
        report.metrics, ("spend_per_order", "conversion_per_visit"), strict=True
    ):
        for comparison in metric.comparisons:
            theirs = peers[f"hillstrom/{name}/{comparison.variant}-vs-No E-Mail"]
            theirs = theirs["tea_tasting_ratio_of_means"]
            assert number(comparison.p_value) == pytest.approx(theirs["pvalue"], rel=1e-9)
            assert number(comparison.relative.estimate) == pytest.approx(
                theirs["rel_effect_size"], rel=1e-9
            )


def test_a_cap_that_is_blind_to_the_arm_sharpens_and_changes_the_question(made: Made) -> None:
    path = made(
        "WITH customers AS (FROM read_csv('{shared}/hillstrom.csv')) "
        "SELECT row_number() OVER () AS unit, segment AS variant, "
        "least(spend, (SELECT quantile_cont(spend, 0.999) FROM customers)) AS spend FROM customers"
    )
    metric = report_of(path, "No E-Mail", MetricColumn("spend", "spend", Kind.MEAN)).primary
    found = {each.variant: each for each in metric.comparisons}
    assert percent(found["Mens E-Mail"].relative, 1) == [113.5, 64.3, 177.4]
    assert percent(found["Womens E-Mail"].relative, 1) == [65.9, 26.1, 118.4]


# What happened, of how many: counts of control and experiment; p, points and lift in percent.
UDACITY = {
    ("Clicks", "Pageviews"): (
        (28_378, 345_543), (28_325, 344_660), 0.932, [0.006, -0.124, 0.135], [0.07, -1.50, 1.66]
    ),
    ("Enrollments", "Clicks"): (
        (3_785, 17_293), (3_423, 17_260), 2.6e-6, [-2.055, -2.912, -1.199], [-9.39, -13.04, -5.59]
    ),
    ("Payments", "Clicks"): (
        (2_033, 17_293), (1_945, 17_260), 0.156, [-0.487, -1.161, 0.186], [-4.15, -9.59, 1.63]
    ),
    ("Payments", "Enrollments"): (
        (2_033, 3_785), (1_945, 3_423), 0.0080, [3.109, 0.811, 5.404], [5.79, 1.48, 10.28]
    ),
}  # fmt: skip


def daily(variant: str, done: str, of: str) -> tuple[int, int]:
    """Totals over the days that have both; the last 14 have no enrolments and no payments."""
    with (SHARED / f"udacity_{variant}_data.csv").open(newline="", encoding="utf-8") as file:
        whole = [day for day in csv.DictReader(file) if day[done] and day[of]]
    return sum(int(float(day[done])) for day in whole), sum(int(float(day[of])) for day in whole)


@pytest.mark.parametrize(("done", "of"), UDACITY)
def test_udacitys_screener_lost_enrolments_as_published(tmp_path: Path, done: str, of: str) -> None:
    """The file holds daily totals, so its units are laid out one by one here."""
    path = tmp_path / "laid_out.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("unit,variant,done\n")
        for variant in ("control", "experiment"):
            x, n = daily(variant, done, of)
            file.writelines(f"{variant}{i},{variant},{int(i < x)}\n" for i in range(n))
    metric = report_of(path, "control", MetricColumn("done", "done")).primary
    control, experiment, p_value, difference, lift = UDACITY[done, of]
    assert counts(metric) == {"control": control, "experiment": experiment}
    (comparison,) = metric.comparisons
    assert number(comparison.p_value) == pytest.approx(p_value, rel=0.02)
    assert percent(comparison.absolute, 3) == difference
    assert percent(comparison.relative, 2) == lift


@pytest.mark.parametrize(("rate", "done"), [("gross", "Enrollments"), ("net", "Payments")])
def test_udacitys_pooled_wald_intervals_are_mees_to_the_decimals_printed(
    rate: str, done: str
) -> None:
    name = f"udacity/{rate}_conversion/experiment-vs-control"
    (published,) = (each for each in golden("published")["results"] if each["id"] == name)
    _, _, _, (_, low, high), _ = UDACITY[done, "Clicks"]
    assert [low / 100, high / 100] == pytest.approx(published["published"], abs=5.1e-5)


def test_the_simulated_shop_is_not_significant_without_adjustment() -> None:
    report = report_of(
        SHARED / "tea_tasting_users_rng42_cov.csv",
        "0",
        MetricColumn("orders", "orders", Kind.MEAN),
        MetricColumn("orders_per_session", "orders", Kind.RATIO, "sessions"),
        unit="user",
    )
    assert report.units == {"0": 2_023, "1": 1_977}
    orders = report.primary.comparisons[0]
    assert round(number(orders.p_value), 3) == 0.118
    assert Label.TOO_FEW_UNITS not in orders.labels


@pytest.mark.parametrize("case", ["orders", "revenue", "has_order"])
def test_a_covariate_sharpens_the_simulated_users_as_other_implementations_say(case: str) -> None:
    before = "had_order" if case == "has_order" else f"{case}_covariate"
    expected = golden("cuped")["cases"][f"tea_tasting_users_rng42/{case}"]
    metric = MetricColumn(case, case, Kind.MEAN, covariate=before)
    path = SHARED / "tea_tasting_users_rng42_cov.csv"
    lin, cuped = (
        report_of(path, "0", replace(metric, adjustment=each), unit="user").primary.comparisons[0]
        for each in Adjustment
    )
    welch = expected["manual_cuped_welch"]
    assert number(cuped.absolute.estimate) == pytest.approx(welch["diff"], rel=1e-9)
    assert number(cuped.p_value) == pytest.approx(welch["p"], rel=1e-9)
    # HC2's errors need more than sums: within six in a thousand of them.
    regression = expected["ols_lin_interacted_HC2"]
    assert number(lin.absolute.estimate) == pytest.approx(regression["diff"], rel=1e-9)
    width = number(lin.absolute.ci_high) - number(lin.absolute.ci_low)
    assert width == pytest.approx(regression["ci"][1] - regression["ci"][0], rel=6e-3)
