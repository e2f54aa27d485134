"""A report says when it was made, whom it counts, and by which plan it judges."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.render import to_html, to_json
from analysis.report import PlanStatus, Report
from experiments import AnalysisPlan, Catalog, Cause, assign
from experiments.plan import Spending, digest_of
from service.reporting import make_report, store_report
from service.settings import PROJECT
from service.store.plans import LockedPlan, lock_plans
from service.store.reports import latest_report
from service.web.signing import Signing
from tests.service.conftest import API_KEY, MakeShop, Shop, reply

EXPERIMENT = "one-page-checkout"


def report(shop: Shop, catalog: Catalog | None = None) -> Report:
    now = shop.clock() + timedelta(minutes=5)
    return make_report(shop.store, catalog or shop.catalog, EXPERIMENT, as_of=now, now=now)


def test_a_report_about_an_earlier_time_says_when_it_was_made(shop: Shop) -> None:
    now = shop.clock()
    before = now - timedelta(days=1)
    made = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=before, now=now)
    assert (made.as_of, made.generated_at) == (before, now)


def test_the_report_made_last_is_the_latest_whatever_it_is_about(shop: Shop) -> None:
    shop.visit()
    now = shop.clock()
    newest, back = now, now - timedelta(days=1)
    first = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=newest, now=now)
    later = now + timedelta(hours=1)
    second = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=back, now=later)
    for made in (first, second):
        store_report(shop.store, made)
    with shop.store.read() as connection:
        assert latest_report(connection, EXPERIMENT) == to_html(second)


@pytest.fixture
def changed_shop(make_shop: MakeShop, tmp_path: Path) -> Callable[..., Shop]:
    """A shop whose definitions were changed: text for text, and the whole of layers.yaml."""

    def make(old: str, new: str, *, layers: str) -> Shop:
        shutil.copytree(PROJECT / "experiments", tmp_path / "experiments")
        definitions = tmp_path / "experiments" / "definitions"
        path = definitions / f"{EXPERIMENT}.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        (tmp_path / "experiments" / "layers.yaml").write_text(layers, "utf-8")
        return make_shop(definitions)

    return make


def pays(shop: Shop) -> None:
    """A visitor nobody has seen before, who pays."""
    shop.client.delete_cookie("kassa_visitor")
    page = shop.visit()
    assert shop.pay(page)["status"] == "succeeded"
    shop.deliver_all(page)


HELD_OUT = """version: 1
holdouts:
  - {key: everyone, share: 0.5, global: true}
"""


def test_held_out_visitors_are_in_no_report(changed_shop: Callable[..., Shop]) -> None:
    shop = changed_shop("status: running", "status: running", layers=HELD_OUT)
    for _ in range(12):
        pays(shop)
    units = [row[0] for row in shop.rows("SELECT unit_id FROM checkouts")]
    experiment = shop.catalog.experiment(EXPERIMENT)
    found = [assign(experiment, unit, now=shop.clock()) for unit in units]
    enrolled = sum(each.enrolled for each in found)
    assert {each.cause for each in found} <= {Cause.SPLIT, Cause.HELD_OUT}
    made = report(shop)
    assert sum(made.units.values()) == enrolled
    paid = [variant.sum for variant in made.primary.variants.values()]
    assert sum(map(float, map(str, paid))) == enrolled


def test_visitors_of_a_stopped_experiment_are_in_no_report(
    changed_shop: Callable[..., Shop],
) -> None:
    shop = changed_shop("status: running", "status: stopped", layers=NO_LAYERS)
    pays(shop)
    assert sum(report(shop).units.values()) == 0


def test_previews_are_in_no_report(shop: Shop) -> None:
    token = Signing(shop.settings.secret_keys).preview_token(EXPERIMENT, "one_page")
    page = shop.page(shop.client.get(f"/buy/team-plan?preview={token}", follow_redirects=True))
    shop.pay(page)
    shop.deliver_all(page)
    made = report(shop)
    assert sum(made.units.values()) == 0
    assert not any(any(counts.values()) for counts in made.funnel.values())


TESTERS = "overrides:\n  - {name: qa, variant: one_page}\nmetrics:"
NO_LAYERS = "version: 1\nlayers: []\n"


def test_testers_with_a_signed_link_are_in_no_report(changed_shop: Callable[..., Shop]) -> None:
    shop = changed_shop("metrics:", TESTERS, layers=NO_LAYERS)
    token = Signing(shop.settings.secret_keys).override_token(EXPERIMENT, "qa")
    assert shop.client.get(f"/qa/{token}").status_code == 303
    page = shop.visit()
    assert page.steps == 1
    shop.pay(page)
    shop.deliver_all(page)
    made = report(shop)
    assert sum(made.units.values()) == 0
    assert not any(any(counts.values()) for counts in made.funnel.values())


def ordered(shop: Shop, customer: str | None) -> None:
    """A checkout that the merchant's server made, opened in a new browser and paid there."""
    order: dict[str, Any] = {
        "mode": "payment",
        "currency": "usd",
        "lines": [{"description": "Team plan", "amount": 2400, "quantity": 1}],
        "success_url": "https://shop.example/thanks",
    }
    made = shop.client.post(
        "/v1/checkouts",
        json=order if customer is None else order | {"customer": customer},
        headers={"Authorization": f"Bearer {API_KEY}"},
    )
    shop.client.delete_cookie("kassa_visitor")
    page = shop.page(shop.client.get(reply(made)["url"]))
    shop.pay(page)
    shop.deliver_all(page)


def test_a_customer_who_pays_in_two_browsers_counts_once(
    changed_shop: Callable[..., Shop],
) -> None:
    shop = changed_shop("unit: visitor", "unit: customer", layers=NO_LAYERS)
    for customer in ("cus_1", "cus_1", None):
        ordered(shop, customer)
    made = report(shop)
    assert sum(made.units.values()) == 1
    sums = {metric.key: [v.sum for v in metric.variants.values()] for metric in made.metrics}
    assert sorted(map(str, sums["paid_conversion"])) == ["0.0", "1.0"]
    assert sorted(map(str, sums["revenue_per_visitor"])) == ["0.0", "4800.0"]
    assert sum(made.funnel["payment_succeeded"].values()) == 1


def lock(shop: Shop) -> None:
    document = shop.catalog.plan_document(EXPERIMENT)
    plan = LockedPlan(EXPERIMENT, shop.clock(), digest_of(document), document, "0" * 64)
    with shop.store.write() as connection:
        lock_plans(connection, [plan])


def test_a_report_says_that_no_plan_was_locked(shop: Shop) -> None:
    document: Any = to_json(report(shop))
    assert document["plan"]["status"] == "not_locked"
    assert document["plan"]["locked_at_reason"].startswith("no plan was locked")


def test_a_report_says_that_its_plan_is_the_locked_one(shop: Shop) -> None:
    lock(shop)
    found = report(shop).plan
    assert found.status is PlanStatus.PLANNED
    assert found.locked_at == shop.clock()
    assert found.digest == digest_of(shop.catalog.plan_document(EXPERIMENT))


def test_a_report_tells_what_was_amended_since(shop: Shop) -> None:
    lock(shop)
    planned = shop.catalog.experiment(EXPERIMENT)
    amended = replace(planned, analysis=AnalysisPlan(alpha=0.1, planned_units=500))
    catalog = replace(shop.catalog, experiments={EXPERIMENT: amended})
    document: Any = to_json(report(shop, catalog))
    assert document["plan"]["status"] == "amended"
    assert document["plan"]["digest"] == digest_of(shop.catalog.plan_document(EXPERIMENT))
    assert document["plan"]["changes"] == [
        {"path": "analysis.planned_units", "planned": 40_000, "now": 500},
        {"path": "analysis.alpha", "planned": 0.05, "now": 0.1},
    ]
    assert document["decision"]["reasons"][-1] == (
        "The plan was amended: analysis.alpha was 0.05 and is now 0.1."
    )


def test_a_metric_that_is_counted_otherwise_is_an_amendment(shop: Shop) -> None:
    lock(shop)
    capped = replace(shop.catalog.metrics["revenue_per_visitor"], cap=10_000)
    catalog = replace(shop.catalog, metrics={**shop.catalog.metrics, capped.key: capped})
    document: Any = to_json(report(shop, catalog))
    assert document["plan"]["changes"] == [
        {
            "path": "definitions.revenue_per_visitor.cap",
            "planned": None,
            "planned_reason": "not set",
            "now": 10_000,
        }
    ]


PLANNED_LOOKS = """method: group_sequential
  looks: 2
  alpha: 0.05
  planned_units: 4"""


def test_planned_looks_are_read_when_their_windows_have_closed(
    changed_shop: Callable[..., Shop],
) -> None:
    old = "method: fixed\n  alpha: 0.05\n  planned_units: 40000"
    shop = changed_shop(old, PLANNED_LOOKS, layers="version: 1\n")
    for _ in range(5):
        pays(shop)
        shop.clock.pass_by(seconds=20)
    open_windows = report(shop).primary.comparisons[0].planned
    assert open_windows is not None
    assert (open_windows.looks, open_windows.next_units) == ((), 2)
    later = shop.clock() + timedelta(days=8)
    found = make_report(shop.store, shop.catalog, EXPERIMENT, as_of=later, now=later)
    planned = found.primary.comparisons[0].planned
    assert planned is not None
    assert planned.next_units is None
    # A look of units that all met one variant has nothing to compare.
    assert {look.units for look in planned.looks} <= {2, 4}
    assert found.progress.spending is Spending.OBRIEN_FLEMING
