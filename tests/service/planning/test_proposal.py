"""Whom a change of definitions moves is counted, for those who come back and for those who come."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from experiments import (
    AnalysisPlan,
    Catalog,
    Experiment,
    FunnelEvent,
    Holdout,
    Kind,
    Metric,
    MetricRoles,
    Status,
    Unit,
    Variant,
    assign,
)
from experiments.metrics import Direction
from experiments.targeting_file import read_targeting
from service.planning import Population, Proposal, propose, seen, to_json, to_markdown, to_text
from service.planning.movement import NOWHERE, Move, Movement, Standing
from service.planning.proposal import Effect, Kept
from service.store.visitors import Visitor

NOON = datetime(2027, 1, 11, 12, tzinfo=UTC)
PAID = Metric(
    key="paid_conversion",
    name="Paid conversion",
    event=FunnelEvent.PAYMENT_SUCCEEDED,
    kind=Kind.PROPORTION,
    direction=Direction.INCREASE,
)
BEFORE = Experiment(
    key="exp",
    seed="exp",
    name="Experiment",
    hypothesis="It is faster.",
    owner="growth@example.com",
    status=Status.RUNNING,
    traffic=0.5,
    variants=(Variant(key="old", weight=50, control=True), Variant(key="new", weight=50)),
    metrics=MetricRoles(primary="paid_conversion"),
    analysis=AnalysisPlan(planned_units=1000),
)
VISITORS = tuple(
    Visitor(f"v{n}", NOON, f"c{n % 100}" if n % 2 else None, {"country": ("SE", "DE")[n % 2]})
    for n in range(1000)
)
POPULATION = seen(VISITORS, days=90)


def catalog(*experiments: Experiment, **metrics: Metric) -> Catalog:
    return Catalog(
        experiments={each.key: each for each in experiments},
        metrics=metrics or {"paid_conversion": PAID},
        offers={},
        layers={},
        attributes={},
        sources={},
        version="0" * 64,
    )


def proposed(
    before: Catalog,
    after: Catalog,
    kept: Kept | None = None,
    population: Population = POPULATION,
) -> Proposal:
    return propose(before, after, population=population, kept=kept or {}, against="HEAD", now=NOON)


def effect_of(after: Experiment, kept: Mapping[str, str] | None = None) -> Effect:
    (effect,) = proposed(catalog(BEFORE), catalog(after), {"exp": kept or {}}).effects
    return effect


def moves(movement: Movement) -> dict[Move, int]:
    return {move: movement.count(move) for move in Move if movement.count(move)}


def one_by_one(before: Experiment, after: Experiment) -> Movement:
    """The law: each visitor alone, as the checkout would assign it."""

    def standing(experiment: Experiment, visitor: Visitor) -> Standing:
        found = assign(experiment, visitor.unit_id, now=NOON, attributes=visitor.attributes)
        return Standing(found.variant.key, counted=found.enrolled)

    return Movement.of(
        [standing(before, visitor) for visitor in VISITORS],
        [standing(after, visitor) for visitor in VISITORS],
    )


def test_nothing_changes_where_nothing_differs() -> None:
    found = proposed(catalog(BEFORE), catalog(BEFORE))
    assert (found.effects, found.others) == ((), ())
    assert to_text(found) == "Nothing changes against HEAD."


def test_new_visitors_move_as_each_would_by_hash_alone() -> None:
    for after in (
        replace(BEFORE, traffic=0.9),
        replace(BEFORE, seed="again"),
        replace(BEFORE, targeting=read_targeting({"attribute": "country", "in": ["SE"]})),
        replace(BEFORE, holdouts=(Holdout(key="g", seed="g", share=0.2),)),
        replace(BEFORE, status=Status.SHIPPED, winner="new"),
    ):
        assert effect_of(after).new == one_by_one(BEFORE, after)


def test_more_traffic_lets_visitors_enter_and_moves_nobody() -> None:
    found = moves(effect_of(replace(BEFORE, traffic=1.0)).new)
    assert found.keys() == {Move.ENTERS, Move.STAYS}
    assert abs(found[Move.ENTERS] - 500) < 70


def test_returning_visitors_keep_what_they_saw() -> None:
    shown = {visitor.unit_id: "old" for visitor in VISITORS[:400]}
    effect = effect_of(replace(BEFORE, seed="again"), shown)
    assert effect.exposed == 400
    # All 400 stay, also those that another seed would put elsewhere or leave out.
    assert (
        effect.returning.pairs[Standing("old", counted=True), Standing("old", counted=True)] >= 400
    )
    assert effect.new.count(Move.SWITCHES) > effect.returning.count(Move.SWITCHES)
    assert effect.new == one_by_one(BEFORE, replace(BEFORE, seed="again"))


def test_a_held_out_visitor_sees_nothing_whatever_it_has_seen() -> None:
    shown = {visitor.unit_id: "new" for visitor in VISITORS}
    everyone = Holdout(key="g", seed="g", share=0.5)
    effect = effect_of(replace(BEFORE, holdouts=(everyone,)), shown)
    left = effect.returning.count(Move.LEAVES)
    assert abs(left - 500) < 70
    assert effect.returning.see_another == left


def test_visitors_of_a_variant_that_is_gone_see_the_control() -> None:
    other = (Variant(key="old", weight=50, control=True), Variant(key="newer", weight=50))
    effect = effect_of(replace(BEFORE, variants=other), {"v1": "new"})
    before, after = Standing("new", counted=True), Standing("old", counted=False)
    assert effect.returning.pairs[before, after] == 1


def test_once_shipped_everybody_leaves_and_sees_the_winner() -> None:
    effect = effect_of(replace(BEFORE, status=Status.SHIPPED, winner="new"))
    assert effect.new.count(Move.LEAVES) > 400
    assert effect.new.see_another == sum(
        count for (before, _), count in effect.new.pairs.items() if before.variant == "old"
    )
    assert "the status goes from running to shipped" in effect.notes


def test_an_experiment_that_starts_later_is_counted_as_of_its_start() -> None:
    start = NOON + timedelta(days=3)
    draft = replace(BEFORE, status=Status.DRAFT)
    after = replace(BEFORE, start=start)
    (effect,) = proposed(catalog(draft), catalog(after)).effects
    assert effect.at == start
    assert effect.new.count(Move.ENTERS) > 400
    assert "counted as of its start, 2027-01-14 12:00 UTC" in effect.notes


def test_an_experiment_that_has_started_is_counted_as_of_now() -> None:
    running = replace(BEFORE, start=NOON - timedelta(days=3))
    (effect,) = proposed(catalog(running), catalog(replace(running, traffic=1.0))).effects
    assert effect.at == NOON


def test_a_draft_moves_nobody_and_names_the_preview() -> None:
    (effect,) = proposed(catalog(), catalog(replace(BEFORE, status=Status.DRAFT))).effects
    assert moves(effect.new) == {Move.OUTSIDE: 1000}
    assert "`kassa preview exp` shows what it would do" in effect.notes


def test_a_running_experiment_that_is_removed_is_warned_about() -> None:
    (effect,) = proposed(catalog(BEFORE), catalog()).effects
    assert [hazard.rule for hazard in effect.hazards] == ["removed-while-running"]
    assert effect.new.count(Move.LEAVES) > 400
    assert all(after == NOWHERE for _, after in effect.new.pairs)
    assert effect.new.see_another == 0


def test_customers_are_counted_by_their_own_id() -> None:
    before = replace(BEFORE, unit=Unit.CUSTOMER)
    after = replace(before, traffic=1.0)
    kept = {"exp": {"c1": "new"}}
    (effect,) = proposed(catalog(before), catalog(after), kept).effects
    # Half of the visitors are customers, and ten of those are customer c1.
    assert effect.exposed == 10
    assert effect.new.units == 1000
    assert effect.new.count(Move.OUTSIDE) >= 500


def test_countries_add_up_to_the_whole() -> None:
    swedes = read_targeting({"attribute": "country", "in": ["SE"]})
    effect = effect_of(replace(BEFORE, targeting=swedes))
    assert set(effect.by_attribute) == {"country"}
    countries = effect.by_attribute["country"]
    assert countries["SE"].count(Move.LEAVES) == 0
    assert countries["DE"].count(Move.LEAVES) == effect.new.count(Move.LEAVES) > 0
    assert sum(each.units for each in countries.values()) == 1000


def test_a_metric_that_counts_otherwise_under_a_running_experiment_is_warned_about() -> None:
    mended = replace(PAID, direction=Direction.DECREASE)
    found = proposed(catalog(BEFORE), catalog(BEFORE, paid_conversion=mended))
    assert [(each.kind, each.key) for each in found.others] == [("metric", "paid_conversion")]
    assert [hazard.rule for hazard in found.hazards["paid_conversion"]] == ["metric-changed"]
    renamed = replace(PAID, name="Paid")
    assert not proposed(catalog(BEFORE), catalog(BEFORE, paid_conversion=renamed)).hazards
    draft = replace(BEFORE, status=Status.DRAFT)
    assert not proposed(catalog(draft), catalog(draft, paid_conversion=mended)).hazards


def test_a_warning_stands_beside_the_number_it_is_about() -> None:
    uneven = (Variant(key="old", weight=40, control=True), Variant(key="new", weight=60))
    whole = replace(BEFORE, traffic=1.0)
    found = proposed(catalog(whole), catalog(replace(whole, variants=uneven)))
    (switch,) = [line for line in to_text(found).splitlines() if line.startswith("    switch")]
    assert "⚠" in switch
    (row,) = [line for line in to_markdown(found).splitlines() if line.startswith("| switch")]
    assert "⚠" in row
    assert "⚠ **weights-changed**" in to_markdown(found)
    (experiment,) = to_json(found)["experiments"]
    assert [warning["rule"] for warning in experiment["warnings"]] == ["weights-changed"]


def test_markdown_says_it_in_one_sentence_first() -> None:
    after = replace(BEFORE, traffic=1.0)
    kept = {"exp": {visitor.unit_id: "old" for visitor in VISITORS[:10]}}
    first, *_ = to_markdown(proposed(catalog(BEFORE), catalog(after), kept)).splitlines()
    assert first.startswith("**1 definition changes against HEAD: of 1,000 visitors seen in the ")
    assert first.endswith("would enter, leave or switch variant in exp.**")


def test_text_of_a_definition_can_not_break_a_table() -> None:
    after = replace(BEFORE, name="One | two `three`\nfour")
    lines = to_markdown(proposed(catalog(BEFORE), catalog(after))).splitlines()
    assert "| `name` | `Experiment` | `One \\| two 'three' four` |" in lines


def test_made_up_visitors_are_said_to_be_in_every_rendering() -> None:
    made_up = replace(POPULATION, simulated=True)
    found = proposed(catalog(BEFORE), catalog(replace(BEFORE, seed="x")), population=made_up)
    assert "SIMULATED" in to_text(found)
    assert "> **SIMULATED" in to_markdown(found)
    assert to_json(found)["population"]["simulated"] is True


def test_json_holds_every_count_and_its_share() -> None:
    document = to_json(proposed(catalog(BEFORE), catalog(replace(BEFORE, traffic=1.0))))
    assert document["schema"] == "kassa.plan/1"
    (experiment,) = document["experiments"]
    new = experiment["new"]
    assert new["visitors"] == 1000
    assert new["enters"]["share"] == new["enters"]["count"] / 1000
    assert sum(pair["count"] for pair in new["by_variant"]) == 1000
    assert experiment["differences"] == [{"path": "traffic", "before": 0.5, "after": 1.0}]
