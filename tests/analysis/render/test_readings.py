"""What all renderings for people must say, and never do."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.observations import Exclusion, Observations
from analysis.plan import MetricPlan, Plan
from analysis.render import DATA_BLOCK, to_csv, to_html, to_json, to_markdown, to_text
from analysis.render.figures import funnel_steps, interval_plot
from analysis.report import Margin, Report, Role
from experiments.metrics import Direction, Kind
from experiments.plan import Scale

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
Counts = dict[str, tuple[int, int]]
RENDERINGS = [to_text, to_html, to_markdown, to_csv]
EARLY: Counts = {"two_page": (12_012, 615), "one_page": (11_988, 634)}
FUNNEL = {
    "checkout_viewed": {"two_page": 12_000, "one_page": 11_980},
    "payment_succeeded": {"two_page": 615, "one_page": 634},
}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\x1b[31m|*_\n=1+1"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Tags and attributes of a page; complains when tags do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def evil_report(make_report: Callable[..., Report]) -> Report:
    metric = MetricPlan("paid_conversion", Kind.PROPORTION, Direction.INCREASE, Role.PRIMARY, EVIL)
    return make_report(
        {"two_page": (900, 90), EVIL: (905, 99)},
        experiment=EVIL, variants=("two_page", EVIL), shares={"two_page": 0.5, EVIL: 0.5},
        metrics=(metric,), funnel={EVIL: {"two_page": 5, EVIL: 6}},
        exclusions=(Exclusion(EVIL, rows=1, units=1),),
    )  # fmt: skip


@pytest.mark.parametrize("render", RENDERINGS)
def test_every_rendering_labels_a_reading_that_is_too_early(
    make_report: Callable[..., Report], render: Callable[[Report], str]
) -> None:
    assert "too early" in render(make_report(EARLY, planned_units=40_000))
    assert "too early" not in render(make_report(EARLY, planned_units=20_000))


@pytest.mark.parametrize("render", RENDERINGS)
def test_every_rendering_labels_a_mismatch_and_too_few_conversions(
    make_report: Callable[..., Report], render: Callable[[Report], str]
) -> None:
    text = render(make_report({"two_page": (1000, 3), "one_page": (1400, 9)}))
    assert "sample ratio mismatch" in text
    assert "too few conversions" in text
    assert "fix" in text.lower()


@pytest.mark.parametrize("render", [to_text, to_html, to_markdown])
@pytest.mark.parametrize(
    ("refunds", "verdict"),
    [((240, 245), "passed"), ((240, 265), "undecided"), ((240, 400), "failed")],
)
def test_every_reader_sees_a_guardrails_margin_and_verdict(
    guarded: Callable[..., Report],
    render: Callable[[Report], str],
    refunds: tuple[int, int],
    verdict: str,
) -> None:
    text = render(guarded(refunds, Margin(0.005, Scale.ABSOLUTE)))
    plain = re.sub(r"<[^>]*>|[*\\]", "", text)
    assert re.search(
        rf"one_page,? {verdict}:? margin 0\.5 pp,\s+95% interval of the difference", plain
    ), plain
    assert "interval of the difference" not in render(
        guarded(refunds, Margin(0.3, Scale.RELATIVE))
    ).replace("\n", " ")


def test_a_headline_over_a_gain_that_is_not_safe_does_not_say_that_nothing_was_shown(
    guarded: Callable[..., Report],
) -> None:
    text = to_html(guarded((240, 265), Margin(0.005, Scale.ABSOLUTE)))
    assert "<span>Nothing to ship</span></h2>" in text
    assert "no difference shown" not in text.lower()


def test_the_spreadsheet_has_the_margin_and_verdict_of_a_guardrail(
    guarded: Callable[..., Report],
) -> None:
    report = guarded((240, 245), Margin(0.3, Scale.RELATIVE))
    primary, guardrail = csv.DictReader(io.StringIO(to_csv(report)))
    assert (guardrail["margin"], guardrail["margin_scale"]) == ("0.3", "relative")
    assert guardrail["verdict"] == "passed"
    assert float(guardrail["margin_high"]) == float(guardrail["lift_high"])
    assert (primary["margin"], primary["verdict"]) == ("", "")


@pytest.mark.parametrize("render", [to_text, to_html, to_markdown])
def test_a_gap_is_printed_with_its_reason(
    make_report: Callable[..., Report], render: Callable[[Report], str]
) -> None:
    text = render(make_report({"two_page": (12_000, 0), "one_page": (12_000, 12)}))
    assert "the control has no conversions to compare with" in text
    assert "no upper limit" in text


@pytest.mark.parametrize("render", RENDERINGS)
def test_an_experiment_without_visitors_can_be_printed(
    make_report: Callable[..., Report], render: Callable[[Report], str]
) -> None:
    empty = make_report({"two_page": (0, 0), "one_page": (0, 0)}, funnel={k: {} for k in FUNNEL})
    assert "one_page" in render(empty).replace("\\", "")


def test_the_text_opens_with_the_decision_and_fits_a_terminal(
    make_report: Callable[..., Report],
) -> None:
    excluded = (Exclusion("late", rows=4, units=1, affected_units=3),)
    text = to_text(make_report(EARLY, planned_units=40_000, funnel=FUNNEL, exclusions=excluded))
    lines = text.splitlines()
    assert lines[0] == "one-page-checkout   as of 2026-11-23 12:00 UTC"
    assert lines[1] == "Decision: KEEP RUNNING"
    assert max(map(len, lines)) <= 110
    assert "  payment_succeeded     615   5.12%     634   5.29%" in lines
    assert [line.split()[:2] for line in lines if " * " in line or line.startswith("  * ")] == [
        ["checkout_viewed", "*"],
        ["*", "Told"],
    ]
    assert "  4 rows of 3 units, 1 unit lost altogether: late" in lines
    assert "  units in several variants, left out: 3" in lines


def test_columns_of_numbers_stand_under_their_heads(make_report: Callable[..., Report]) -> None:
    lines = to_text(make_report(EARLY)).splitlines()
    start = lines.index("  variant    units  sum  value")
    assert lines[start + 1] == "  two_page  12,012  615  5.12%"


def test_a_hostile_name_cannot_steer_a_terminal(evil_report: Report) -> None:
    text = to_text(evil_report)
    assert "\x1b" not in text
    assert all(c.isprintable() or c == "\n" for c in text)
    assert not any(line.startswith("=1+1") for line in text.splitlines())


def test_a_hostile_name_stays_text_in_html(evil_report: Report) -> None:
    text = to_html(evil_report)
    tags = {tag for tag, _ in Page(text).tags}
    assert not tags & {"img", "iframe", "object", "link", "base", "form"}
    assert text.count("<script") == text.count("</script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text


def test_a_page_carries_its_report_as_data_that_no_browser_runs(evil_report: Report) -> None:
    text = to_html(evil_report)
    (block,) = [attributes for tag, attributes in Page(text).tags if tag == "script"]
    assert block == {"type": "application/json", "id": DATA_BLOCK}
    _, _, rest = text.partition(f'id="{DATA_BLOCK}">')
    data, _, _ = rest.partition("</script>")
    assert not set("<>&'") & set(data)
    assert json.loads(data) == to_json(evil_report)


def test_a_page_that_would_grow_too_large_carries_no_data(
    make_report: Callable[..., Report],
) -> None:
    many = tuple(Exclusion(f"{number:0200}", rows=1, units=0) for number in range(900))
    assert DATA_BLOCK not in to_html(make_report(EARLY, exclusions=many))


def test_a_hostile_name_stays_text_in_markdown(evil_report: Report) -> None:
    text = to_markdown(evil_report)
    assert "<script" not in text.replace("\\<", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(row.endswith(" |") for row in rows)
    heads = {len(re.split(r"(?<!\\)\|", row)) for row in rows}
    assert heads <= {4, 5, 6, 9}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t"])
def test_a_name_that_a_spreadsheet_would_run_is_made_inert(
    make_report: Callable[..., Report], first: str
) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(make_report(EARLY, experiment=f"{first}1+1")))))
    assert rows[0]["experiment"] == f"'{first}1+1"
    assert float(rows[0]["lift_low"]) < 0


def test_the_spreadsheet_holds_every_number_at_full_precision(
    make_report: Callable[..., Report],
) -> None:
    report = make_report(EARLY)
    (row,) = csv.DictReader(io.StringIO(to_csv(report)))
    comparison = report.primary.comparisons[0]
    assert float(row["p_value"]) == comparison.p_value
    assert float(row["lift_high"]) == comparison.relative.ci_high
    assert (row["control_units"], row["units"]) == ("12012", "11988")
    (gap,) = csv.DictReader(
        io.StringIO(to_csv(make_report({"two_page": (900, 0), "one_page": (900, 0)})))
    )
    assert gap["lift"] == ""


def every_page(make_report: Callable[..., Report], evil: Report) -> list[str]:
    three: dict[str, Any] = {
        "control": "a", "variants": ("a", "b", "c"), "shares": dict.fromkeys("abc", 1 / 3),
    }  # fmt: skip
    reports = [
        make_report(EARLY, planned_units=40_000, funnel=FUNNEL),
        make_report({"two_page": (12_000, 0), "one_page": (12_000, 12)}, planned_units=None),
        make_report({"a": (9000, 900), "b": (9000, 1100), "c": (9000, 700)}, **three),
        make_report({"two_page": (1000, 100), "one_page": (1400, 190)}),
        make_report({"two_page": (0, 0), "one_page": (0, 0)}),
        evil,
    ]
    return [to_html(report) for report in reports]


def test_a_page_closes_its_tags_and_fetches_nothing(
    make_report: Callable[..., Report], evil_report: Report
) -> None:
    for text in every_page(make_report, evil_report):
        for tag, attributes in Page(text).tags:
            assert not {"src", "href", "style", "srcset", "action"} & set(attributes), tag
            assert not any(name.startswith("on") for name in attributes), tag
        assert "@import" not in text
        assert not re.findall(r"url\((?!#)", text)
        assert len(text.encode()) < 100_000


def test_every_figure_has_a_title_a_description_and_a_table(
    make_report: Callable[..., Report],
) -> None:
    text = to_html(make_report(EARLY, funnel=FUNNEL))
    figures = [attributes for tag, attributes in Page(text).tags if attributes.get("role") == "img"]
    assert len(figures) == 2
    ids = {attributes.get("id") for _, attributes in Page(text).tags}
    for attributes in figures:
        assert set(str(attributes["aria-labelledby"]).split()) <= ids
    assert text.count("<desc ") == 2
    assert text.count("<table") >= 3


def test_ids_are_there_once_and_headings_name_their_sections(
    make_report: Callable[..., Report], evil_report: Report
) -> None:
    for text in every_page(make_report, evil_report):
        ids = [a["id"] for _, a in Page(text).tags if "id" in a]
        assert len(ids) == len(set(ids))
        named = [str(a["aria-labelledby"]) for _, a in Page(text).tags if "aria-labelledby" in a]
        assert {part for names in named for part in names.split()} <= set(ids)


def test_no_two_landmarks_of_a_page_share_a_name(
    make_report: Callable[..., Report], evil_report: Report
) -> None:
    for text in every_page(make_report, evil_report):
        landmarks = [
            a.get("aria-labelledby") or a.get("aria-label")
            for tag, a in Page(text).tags
            if tag == "section" or a.get("role") == "region"
        ]
        assert len(landmarks) == len(set(landmarks)) >= 4


def test_the_page_says_how_to_make_it_again(make_report: Callable[..., Report]) -> None:
    assert "kassa report one-page-checkout --as-of 2026-11-23T12:00:00Z --format html" in to_html(
        make_report(EARLY)
    )
    text = to_html(make_report(EARLY), rerun="kassa analyze 'my file.csv' & more")
    assert "kassa analyze &#39;my file.csv&#39; &amp; more" in text


def test_no_verdict_is_drawn_over_a_mismatch(make_report: Callable[..., Report]) -> None:
    broken = make_report({"two_page": (10_000, 500), "one_page": (11_000, 900)})
    assert {row.verdict for row in interval_plot(broken).rows} == {"not trusted"}
    assert "not-trusted-mark" in to_html(broken)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"two_page": (12_000, 600), "one_page": (12_000, 800)}, "better"),
        ({"two_page": (12_000, 800), "one_page": (12_000, 600)}, "worse"),
        ({"two_page": (12_000, 600), "one_page": (12_000, 601)}, "undecided"),
        ({"two_page": (0, 0), "one_page": (0, 0)}, "no interval"),
    ],
)
def test_the_plot_says_in_words_what_it_draws(
    make_report: Callable[..., Report], counts: Counts, verdict: str
) -> None:
    plot = interval_plot(make_report(counts))
    assert [row.verdict for row in plot.rows] == [verdict]
    assert verdict in to_html(make_report(counts))


def test_marks_stay_inside_the_figure_and_zero_is_always_on_it(
    make_report: Callable[..., Report],
) -> None:
    for counts in (
        {"two_page": (12_000, 600), "one_page": (12_000, 800)},
        {"two_page": (12_000, 11), "one_page": (12_000, 4000)},
        {"two_page": (12_000, 0), "one_page": (12_000, 40)},
        {"two_page": (12_000, 4000), "one_page": (12_000, 0)},
        {"two_page": (0, 0), "one_page": (0, 0)},
    ):
        plot = interval_plot(make_report(counts))
        places = [row.low for row in plot.rows] + [row.high for row in plot.rows]
        places += [row.estimate for row in plot.rows] + [tick.x for tick in plot.ticks]
        assert all(0 <= place <= 100 for place in [*places, plot.zero] if place is not None)
        assert "0" in {tick.label for tick in plot.ticks}
        ends = [(row.low, row.high) for row in plot.rows]
        assert all(low < high for low, high in ends if low is not None and high is not None)


def test_a_wild_secondary_metric_does_not_flatten_the_primary(
    make_plan: Callable[..., Plan],
) -> None:
    names = {"calm": Role.PRIMARY, "wild": Role.SECONDARY}
    metrics = tuple(
        MetricPlan(name, Kind.PROPORTION, Direction.INCREASE, role, name)
        for name, role in names.items()
    )
    counts = {"calm": (6000, 6100), "wild": (12, 300)}
    arms = {
        name: {
            "two_page": Aggregates.of_conversions(12_000, before),
            "one_page": Aggregates.of_conversions(12_000, after),
        }
        for name, (before, after) in counts.items()
    }
    observations = Observations({"two_page": 12_000, "one_page": 12_000}, arms)
    report = analyze(make_plan(metrics=metrics), observations, as_of=NOON, generated_at=NOON)
    calm, wild = interval_plot(report).rows
    assert (calm.clipped_high, wild.clipped_high) == (False, True)
    assert calm.low is not None
    assert calm.high is not None
    assert calm.high - calm.low > 15
    assert "M9 0-1-6V6Z" in to_html(report)


def test_funnel_bars_are_as_long_as_their_shares(make_report: Callable[..., Report]) -> None:
    steps = funnel_steps(make_report(EARLY, funnel=FUNNEL))
    assert [step.name for step in steps] == ["exposed", "checkout viewed *", "payment succeeded"]
    exposed, _, paid = (step.bars[0] for step in steps)
    assert paid.width / exposed.width == pytest.approx(615 / 12_012)
    assert (paid.units, paid.share) == ("615", "5.12%")
    assert {bar.style for bar in steps[0].bars} == {0, 1}
