"""`kassa pages verify` finds whatever a page has that it should not have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import PROJECT
from service.verifying import STATIC, Received, verify
from service.web.scripts import SCRIPTS, policy
from service.web.signing import Signing
from tests.service.processes import KassaProcess, serving

URL = "https://pay.example.com/c/co_1"
PAGE = """<!doctype html><html><head>
<link rel="preload" as="script" href="https://js.stripe.com/endive/stripe.js">
<link rel="modulepreload" href="/static/0a1b2c3d4e5f/js/server.js">
<link rel="stylesheet" href="/static/0a1b2c3d4e5f/x.css">
<script type="module" src="/static/0a1b2c3d4e5f/js/checkout.js"></script></head>
<body>%s</body></html>"""


def found(
    page: str, *, headers: str | None = None, changed: str = "", status: int = 200
) -> list[str]:
    """What is wrong with a page whose scripts are those installed, but for one."""

    def fetch(url: str) -> Received:
        if url == URL:
            given = headers if headers is not None else policy(simulated=False)
            return Received(url, status, {"content-security-policy": given}, page.encode())
        name = url.rpartition("/")[2]
        body = (STATIC / name).read_bytes()
        return Received(url, 200, {}, body + b"//" if name == changed else body)

    return verify(URL, fetch, simulated=False).faults


def test_a_page_of_ours_is_found_as_it_should_be() -> None:
    assert found(PAGE % "") == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>alert(1)</script>", "line 6: a script in the page itself"),
        ("<script src='//evil.example/x.js'></script>", "https://evil.example/x.js: is not in"),
        (
            "<script src='/static/0a1b2c3d4e5f/js/new.js'></script>",
            "js/new.js: is not in the inventory",
        ),
        (
            "<script src='https://js.stripe.com/v3/'></script>",
            "https://js.stripe.com/v3/: is not in",
        ),
        ("<link rel=modulepreload href=/x.js>", "https://pay.example.com/x.js: is not in"),
        ("<img src=x onerror=alert(1)>", "line 6: a script in the attribute onerror"),
        ("<a href=' JavaScript:alert(1)'>", "line 6: a script in the address of href"),
        ("<p style='color:red'>", "line 6: a style in the page itself"),
        ("<iframe src=/sim/x></iframe>", "line 6: <iframe>"),
        ("<base href=//evil.example>", "line 6: <base>"),
        ("<meta http-equiv=Refresh content=0>", "line 6: <meta>"),
    ],
)
def test_what_does_not_belong_is_named_with_its_place(body: str, fault: str) -> None:
    [said] = found(PAGE % body)
    assert fault in said


def test_a_script_that_was_changed_on_its_way_is_found() -> None:
    [said] = found(PAGE % "", changed="server.js")
    assert (
        said
        == "https://pay.example.com/static/0a1b2c3d4e5f/js/server.js: is not what was installed"
    )


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("", "default-src allows nothing, and should allow 'none'"),
        ("script-src *; %s", "script-src allows *, and should allow 'self'"),
        ("%s; worker-src *", "worker-src allows *, and should allow nothing"),
        (
            "script-src 'unsafe-inline'",
            "script-src allows 'unsafe-inline', and should allow 'self'",
        ),
    ],
)
def test_a_policy_that_allows_more_or_less_is_found(given: str, fault: str) -> None:
    headers = given.replace("%s", policy(simulated=False))
    assert [said for said in found(PAGE % "", headers=headers) if fault in said]


def test_a_page_that_leads_elsewhere_is_found() -> None:
    away = Received("https://evil.example/c/co_1", 200, {}, b"")
    faults = verify(URL, lambda _: away, simulated=False).faults
    assert faults == ["the page leads to https://evil.example/c/co_1"]


def test_a_page_that_is_not_there_is_no_page() -> None:
    assert found("", status=404) == ["the page answers 404"]


def test_the_inventory_is_every_script_there_is_and_documented() -> None:
    assert {file.name for file in STATIC.glob("*.js")} == set(SCRIPTS)
    documented = (PROJECT / "docs" / "checkout.md").read_text()
    for name, reason in SCRIPTS.items():
        assert f"| `{name}` | {reason} |" in documented


@pytest.mark.parametrize("simulated", [False, True])
def test_no_policy_lets_a_page_run_what_is_written_in_it(simulated: bool) -> None:  # noqa: FBT001
    said = policy(simulated=simulated)
    assert "unsafe" not in said
    assert "default-src 'none'" in said
    assert not re.search(r"(?:script|default)-src[^;]*(?:\*(?!\.)|data:|http:)", said)


# -- against the real service ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def kassa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KassaProcess]:
    with serving(tmp_path_factory.mktemp("kassa"), workers=1) as running:
        yield running
        assert running.stop() == 0


def run(kassa: KassaProcess, directory: Path, *urls: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "pages", "verify", "--format", "json", *urls]
    return subprocess.run(
        command, cwd=directory, env=kassa.environment, capture_output=True, text=True, check=False
    )


def test_every_page_that_is_served_is_as_it_should_be(kassa: KassaProcess, tmp_path: Path) -> None:
    signing = Signing(kassa.settings.secret_keys)
    links = [
        f"{kassa.url}/buy/team-plan?preview={signing.preview_token('one-page-checkout', variant)}"
        for variant in ("one_page", "two_page")
    ]
    made = run(kassa, tmp_path, f"{kassa.url}/", *links)
    assert made.returncode == 0, made.stderr + made.stdout
    index, *checkouts = json.loads(made.stdout)
    assert index["scripts"] == []
    for checkout in checkouts:
        names = {each["address"].rpartition("/")[2] for each in checkout["scripts"]}
        assert names == {*SCRIPTS, "stripe.js"}


def test_the_command_says_what_is_wrong_and_ends_with_one(
    kassa: KassaProcess, tmp_path: Path
) -> None:
    made = run(kassa, tmp_path, f"{kassa.url}/livez")
    assert made.returncode == 0, "a page without scripts has none that is wrong"
    gone = run(kassa, tmp_path, f"{kassa.url}/nothing")
    assert (gone.returncode, json.loads(gone.stdout)[0]["faults"]) == (1, ["the page answers 404"])
    away = run(kassa, tmp_path, "http://127.0.0.1:9/")
    assert away.returncode == 3
    assert "http://127.0.0.1:9/: does not answer" in away.stderr
