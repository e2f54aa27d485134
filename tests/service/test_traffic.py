"""Simulated visitors: their seed decides them, and they see what a browser would."""

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.traffic import Behaviour, Crowd, Result
from service.web.signing import Signing
from tests.service.processes import KassaProcess, free_port, serving

EVERYBODY_PAYS = Behaviour(baseline=1.0, lift=0.0, decline=0.0, authentication=0.0)
PAID, LEFT = Result(paid=True, declined=0), Result(paid=False, declined=0)


def _unseen() -> None:
    """Nobody counts the visitors."""


@pytest.fixture(scope="module")
def kassa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KassaProcess]:
    with serving(tmp_path_factory.mktemp("kassa")) as running:
        yield running


def _crowd(kassa: KassaProcess, seed: int, behaviour: Behaviour = EVERYBODY_PAYS) -> Crowd:
    cookie = Signing(kassa.settings.secret_keys).visitor_cookie
    return Crowd(kassa.url, "team-plan", seed, cookie, behaviour)


def _rows(kassa: KassaProcess, seed: int, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(Path(kassa.directory) / "kassa.db")
    found = connection.execute(sql, {"mine": f"demo-{seed}-%"}).fetchall()
    connection.close()
    return found


def test_the_same_seed_is_the_same_crowd_whatever_order_it_comes_in(kassa: KassaProcess) -> None:
    mixed = Behaviour(baseline=0.5, lift=0.5, decline=0.4, authentication=0.4)
    crowd = _crowd(kassa, 1, mixed)
    seen: list[None] = []
    forwards = crowd.visit_all(20, threads=4, seen=lambda: seen.append(None))
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(crowd.visit, reversed(range(20))))
    assert forwards == backwards[::-1]
    assert len(seen) == 20
    assert len({(result.paid, result.declined) for result in forwards}) > 1
    assert forwards != _crowd(kassa, 2, mixed).visit_all(20, threads=4, seen=_unseen)


def test_every_visitor_is_a_unit_with_one_exposure_and_a_way_through_the_page(
    kassa: KassaProcess,
) -> None:
    assert set(_crowd(kassa, 3).visit_all(8, threads=4, seen=_unseen)) == {PAID}
    exposed = _rows(kassa, 3, "SELECT unit_id FROM exposures WHERE unit_id LIKE :mine")
    assert sorted(exposed) == [(f"demo-3-{number}",) for number in range(8)]
    steps = _rows(
        kassa,
        3,
        "SELECT unit_id, count(DISTINCT name) FROM events WHERE unit_id LIKE :mine AND name IN "
        "('checkout_viewed', 'payment_form_ready', 'details_completed', 'payment_info_completed', "
        "'payment_submitted') GROUP BY unit_id",
    )
    assert {count for _, count in steps} == {5}
    assert len(steps) == 8


def test_visitors_who_leave_pay_nothing_and_end_somewhere_on_the_way(kassa: KassaProcess) -> None:
    nobody = replace(EVERYBODY_PAYS, baseline=0.0)
    assert set(_crowd(kassa, 4, nobody).visit_all(8, threads=4, seen=_unseen)) == {LEFT}
    reached = _rows(
        kassa, 4, "SELECT count(*) FROM events WHERE unit_id LIKE :mine GROUP BY unit_id"
    )
    assert len(reached) == 8
    assert {count for (count,) in reached} <= {2, 3, 4}
    tried = "SELECT count(*) FROM confirmations JOIN checkouts USING (checkout_id)"
    assert _rows(kassa, 4, f"{tried} WHERE unit_id LIKE :mine") == [(0,)]


def test_a_declined_card_is_followed_by_one_that_pays(kassa: KassaProcess) -> None:
    declined = replace(EVERYBODY_PAYS, decline=1.0)
    assert set(_crowd(kassa, 5, declined).visit_all(4, threads=4, seen=_unseen)) == {
        replace(PAID, declined=1)
    }


def test_whoever_the_bank_asks_confirms_and_pays(kassa: KassaProcess) -> None:
    asked = replace(EVERYBODY_PAYS, authentication=1.0)
    assert set(_crowd(kassa, 6, asked).visit_all(4, threads=4, seen=_unseen)) == {PAID}


def test_the_lift_moves_those_alone_who_see_one_step() -> None:
    behaviour = Behaviour(baseline=0.5, lift=0.1)
    assert behaviour.pays(steps=1) == pytest.approx(0.55)
    assert behaviour.pays(steps=2) == behaviour.pays(steps=3) == 0.5


def test_an_answer_that_is_an_error_is_told_with_its_address(kassa: KassaProcess) -> None:
    lost = replace(_crowd(kassa, 7), offer="no-such-offer")
    with pytest.raises(Unavailable, match=r"/buy/no-such-offer answered 404"):
        lost.visit(0)


def test_a_service_that_is_away_is_told_with_its_address() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    crowd = Crowd(away, "team-plan", 8, lambda unit: unit, EVERYBODY_PAYS)
    with pytest.raises(Unavailable, match=f"^{re.escape(away)} does not answer: "):
        crowd.visit(0)
