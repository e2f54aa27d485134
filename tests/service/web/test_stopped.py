"""A stopped experiment: the control for everybody, no exposure, and open pages that stay."""

from service.definitions import InForce
from service.operation import Order, resume, stop
from tests.service.conftest import Shop

KEY = "one-page-checkout"


def _switch(shop: Shop, *, stopped: bool) -> None:
    with shop.store.write() as connection:
        change = stop if stopped else resume
        assert change(connection, KEY, Order("ada", "because", shop.clock()))
    in_force: InForce = shop.client.application.extensions["kassa"].in_force
    in_force.refresh()


def _steps(shop: Shop, visits: int) -> set[int]:
    seen = set()
    for _ in range(visits):
        shop.client.delete_cookie("kassa_visitor")
        seen.add(shop.visit().steps)
    return seen


def _exposures(shop: Shop) -> int:
    (row,) = shop.rows("SELECT count(*) FROM exposures")
    return int(row[0])


def test_new_visitors_of_a_stopped_experiment_see_the_control_and_are_not_exposed(
    shop: Shop,
) -> None:
    assert _steps(shop, 20) == {1, 2}
    before = _exposures(shop)
    _switch(shop, stopped=True)
    assert _steps(shop, 20) == {2}
    assert _exposures(shop) == before
    _switch(shop, stopped=False)
    assert _steps(shop, 20) == {1, 2}


def test_who_has_the_variant_open_keeps_the_page_and_gets_the_control_anew(shop: Shop) -> None:
    while (page := shop.visit()).steps != 1:
        shop.client.delete_cookie("kassa_visitor")
    before = _exposures(shop)
    _switch(shop, stopped=True)
    again = shop.page(shop.client.get(f"/c/{page.checkout_id}"))
    assert (again.checkout_id, again.steps) == (page.checkout_id, 1)
    assert shop.visit().steps == 2
    assert shop.pay(page)["status"] == "succeeded"
    _switch(shop, stopped=False)
    assert shop.visit().steps == 1, "the same assignment as before"
    assert _exposures(shop) == before
