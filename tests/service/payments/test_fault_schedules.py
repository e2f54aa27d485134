"""From the press of the button to the ledger: no payment is lost or doubled, whatever breaks.

Each schedule is one visitor whose way is struck at random lines by the death of the process or the
loss of the database, by Stripe failing before or after it acted, and by webhooks that come late,
twice, in any order or never. Then everything recovers, the visitor looks again, and the books of
Kassa and of Stripe must say the same.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

import pytest

from service.payments import cashier
from tests.service.conftest import PAYS, MakeShop, Shop
from tests.service.payments.lives import LIMITS, TERMS, BilledLife, Life
from tests.service.payments.misfortune import Database, lines_of

# `make schedules` goes through five hundred of each kind on each database.
MANY = int(os.environ.get("KASSA_SCHEDULES", "50"))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before repeats are for the sake of others; here there are none."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.001)))
    monkeypatch.setattr(cashier, "_PATIENCE", 0.05)


@pytest.mark.timeout(3000)
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("schedules", [8, pytest.param(MANY, marks=pytest.mark.slow)])
def test_after_recovery_nothing_is_charged_twice_and_nothing_is_lost(
    shop: Shop, schedules: int, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database()
    database.watch(shop.store.engine)
    page = shop.visit()
    token = shop.token(page)
    lines = lines_of(lambda: shop.confirm(page, token))
    assert len(lines) > 200
    struck: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(schedules):
        life = Life(shop, seed, database, len(lines))
        life.run()
        struck += life.struck
        told[life.told[-1]] += 1
    with capsys.disabled():
        sys.stdout.write(
            f"\n{schedules} schedules over {len(lines)} lines on {shop.store.dialect}: "
            f"struck {dict(struck)}; told at last {dict(told)}\n"
        )


@pytest.mark.timeout(3000)
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("schedules", [5, pytest.param(MANY, marks=pytest.mark.slow)])
def test_after_recovery_nothing_is_billed_twice_and_nothing_is_forgotten(
    make_shop: MakeShop, schedules: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = make_shop(card_limits=LIMITS)
    database = Database()
    database.watch(shop.store.engine)
    lines = {kind: _lines_of_kind(shop, kind) for kind in TERMS}
    struck: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(schedules):
        kind = [*TERMS][seed % len(TERMS)]
        life = BilledLife(shop, seed, database, lines[kind], kind=kind)
        life.run()
        struck += life.struck
        told[f"{kind}: {life.told[-1]}"] += 1
    with capsys.disabled():
        sys.stdout.write(
            f"\n{schedules} billed schedules over {sum(lines.values())} lines on "
            f"{shop.store.dialect}: struck {dict(struck)}; told at last {dict(told)}\n"
        )


def _lines_of_kind(shop: Shop, kind: str) -> int:
    page = shop.open(**TERMS[kind])
    if kind in {"sent", "switched"}:
        return len(lines_of(lambda: shop.ask_for_invoice(page)))
    token = shop.token(page, PAYS)
    return len(lines_of(lambda: shop.confirm(page, token)))
