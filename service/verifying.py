"""What browsers are served, against the inventory: PCI DSS 4.0.1, 6.4.3 and 11.6.1."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from service.settings import PROJECT
from service.web.scripts import SCRIPTS, SIMULATED_STRIPE_JS, STRIPE_JS, policy

STATIC = PROJECT / "service" / "static" / "js"
# The version in it is not looked at: it is the content that is compared.
_PATH = re.compile(r"/static/[0-9a-f]+/js/")
_POLICY = "Content-Security-Policy"
# What would run, or show, something that no inventory has.
_FOREIGN = frozenset({"iframe", "frame", "object", "embed", "applet", "base", "style"})


@dataclass(frozen=True)
class Received:
    """An answer, as a browser receives it.

    Attributes:
        url: where it came from in the end, after redirects.
        headers: their names compared without case.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


Fetch = Callable[[str], Received]
"""Asks for an address."""


@dataclass(frozen=True)
class Script:
    """A script of a page.

    Attributes:
        address: where it comes from.
        reason: why it is there; empty for one that is not in the inventory.
        sha256: of what was received; empty for Stripe's own, which is not ours to pin.
    """

    address: str
    reason: str
    sha256: str = ""


@dataclass
class Verified:
    """What was found on a page; nothing is wrong where there are no faults."""

    url: str
    scripts: list[Script] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def verify(url: str, fetch: Fetch, *, simulated: bool, directory: Path = STATIC) -> Verified:
    """Compare a served page with the inventory and with this installation's files.

    Args:
        url: of a page that visitors see.
        fetch: asks for it and for its scripts.
        simulated: whether the simulator stands in for Stripe.
        directory: the scripts as they were installed.
    """
    found = Verified(url)
    page = fetch(url)
    if page.status != 200:
        found.faults.append(f"the page answers {page.status}")
        return found
    if _origin(page.url) != _origin(url):
        found.faults.append(f"the page leads to {page.url}")
        return found
    found.faults += _policy_faults(page, simulated=simulated)
    document = _Document()
    document.feed(page.body.decode("utf-8", "replace"))
    found.faults += document.faults
    stripe = SIMULATED_STRIPE_JS if simulated else STRIPE_JS
    addresses = [urljoin(page.url, address) for address in document.scripts]
    # What they import in turn stands in no page: it is beside them.
    beside = {place[0] for each in addresses if (place := _PATH.match(urlsplit(each).path))}
    addresses += [urljoin(page.url, path + name) for path in sorted(beside) for name in SCRIPTS]
    for address in dict.fromkeys(addresses):
        script, faults = _script(address, page.url, fetch, stripe, directory)
        found.scripts.append(script)
        found.faults += faults
    return found


def _policy_faults(page: Received, *, simulated: bool) -> Iterator[str]:
    headers = {name.lower(): value for name, value in page.headers.items()}
    wanted = _directives(policy(simulated=simulated))
    given = _directives(headers.get(_POLICY.lower(), ""))
    for name in sorted(wanted.keys() | given.keys()):
        if wanted.get(name) != given.get(name):
            said, meant = given.get(name, "nothing"), wanted.get(name, "nothing")
            yield f"{_POLICY}: {name} allows {said}, and should allow {meant}"


def _directives(text: str) -> dict[str, str]:
    """As browsers read them: of two with one name the first holds."""
    parts = [part.strip().partition(" ") for part in text.split(";") if part.strip()]
    return {name.lower(): allowed for name, _, allowed in reversed(parts)}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _script(
    address: str, page: str, fetch: Fetch, stripe: str, directory: Path
) -> tuple[Script, list[str]]:
    if address == urljoin(page, stripe):
        return Script(
            address, "Stripe's own, from Stripe alone: its forms and its fraud signals"
        ), []
    path = urlsplit(address).path
    ours = _PATH.match(path) if _origin(page) == _origin(address) else None
    name = path[ours.end() :] if ours else ""
    if name not in SCRIPTS:
        return Script(address, ""), [f"{address}: is not in the inventory"]
    received = fetch(address)
    script = Script(address, SCRIPTS[name], hashlib.sha256(received.body).hexdigest())
    same = received.status == 200 and received.body == (directory / name).read_bytes()
    return script, [] if same else [f"{address}: is not what was installed"]


class _Document(HTMLParser):
    """Every script that a page asks for, and whatever else could run in it."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.faults: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._script(given)
        elif tag == "link":
            self._link(given)
        elif tag in _FOREIGN or (
            tag == "meta" and given.get("http-equiv", "").lower() == "refresh"
        ):
            self.faults.append(f"line {self.getpos()[0]}: <{tag}>, which no page of ours has")
        self.faults += [f"line {self.getpos()[0]}: {each}" for each in _running(given)]

    def _script(self, given: dict[str, str]) -> None:
        if given.get("src"):
            self.scripts.append(given["src"])
        else:
            self.faults.append(f"line {self.getpos()[0]}: a script in the page itself")

    def _link(self, given: dict[str, str]) -> None:
        kinds = given.get("rel", "").split()
        if "modulepreload" in kinds or ("preload" in kinds and given.get("as") == "script"):
            self.scripts.append(given.get("href", ""))


def _running(given: dict[str, str]) -> Iterator[str]:
    for name, value in given.items():
        if name.startswith("on"):
            yield f"a script in the attribute {name}"
        if name == "style":
            yield "a style in the page itself"
        if value.strip().lower().startswith("javascript:"):
            yield f"a script in the address of {name}"
