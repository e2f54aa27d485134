"""`GET /metrics`: how the definitions stand, for whoever has a key."""

import re
from pathlib import Path

import pytest

from service.definitions import InForce
from service.operation import Order, stop
from tests.service.conftest import API_KEY, MakeShop, Shop, reply
from tests.service.definition_files import CHECKOUT, DefinitionFiles, beside

_LINE = re.compile(r"^(\w+)(?:\{(?:experiment|version)=\"([^\"]+)\"\})? (\S+)$")


@pytest.fixture
def files(tmp_path: Path) -> DefinitionFiles:
    made = DefinitionFiles.made(tmp_path / "growth")
    made.write("draft", beside(status="draft"))
    return made


def _look(shop: Shop) -> InForce:
    in_force: InForce = shop.client.application.extensions["kassa"].in_force
    for _ in range(2):
        shop.clock.pass_by(seconds=1)
        in_force.refresh()
    return in_force


def _scraped(shop: Shop) -> dict[tuple[str, str], float]:
    answer = shop.client.get("/metrics", headers={"Authorization": f"Bearer {API_KEY}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    found = [_LINE.match(line) for line in lines]
    return {(one[1], one[2] or ""): float(one[3]) for one in found if one}


def test_definitions_that_hold_are_told_with_their_version(
    make_shop: MakeShop, files: DefinitionFiles
) -> None:
    shop = make_shop(files.directory)
    in_force = _look(shop)
    assert _scraped(shop) == {
        ("kassa_definitions_valid", ""): 1,
        ("kassa_definitions_problems", ""): 0,
        ("kassa_definitions_taken_timestamp_seconds", ""): in_force.standing.taken_at.timestamp(),
        ("kassa_definitions_looked_timestamp_seconds", ""): shop.clock.now.timestamp(),
        ("kassa_definitions_info", in_force.catalog.version): 1,
        ("kassa_experiment_running", CHECKOUT): 1,
        ("kassa_experiment_running", "draft"): 0,
        ("kassa_experiment_stopped", CHECKOUT): 0,
        ("kassa_experiment_stopped", "draft"): 0,
    }


def test_definitions_that_do_not_hold_and_a_stop_are_seen(
    make_shop: MakeShop, files: DefinitionFiles
) -> None:
    shop = make_shop(files.directory)
    files.spoil()
    with shop.store.write() as connection:
        stop(connection, CHECKOUT, Order("ada", "because", shop.clock()))
    version = _look(shop).catalog.version
    found = _scraped(shop)
    assert found["kassa_definitions_valid", ""] == 0
    assert found["kassa_definitions_problems", ""] == 1
    assert found["kassa_definitions_info", version] == 1
    assert found["kassa_experiment_running", CHECKOUT] == 0
    assert found["kassa_experiment_stopped", CHECKOUT] == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_key_there_is_a_problem_and_no_number(
    shop: Shop, headers: dict[str, str]
) -> None:
    answer = shop.client.get("/metrics", headers=headers | {"Accept": "text/html"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert reply(answer)["type"] == "urn:kassa:unauthorized"
    assert "kassa_" not in answer.text
