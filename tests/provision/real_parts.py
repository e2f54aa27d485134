"""Which real programs the tests ran against, counted and shown at the end.

A test counts for a part only when the part was really there for it: for a browser or a database it
carries the marker and the fixture had started one, for the simulator stripe-python has logged a
request of its own. So no figure in the summary can come from a marker alone.
"""

import logging
import sys
from collections import Counter

import pytest

from tests.provision.programs import NotInstalledError, find_chromium, find_postgresql

MARKERS = ("browser", "postgresql", "stripe")
FIXTURES = {"chromium": "browser", "postgresql_server": "postgresql", "simulator": "stripe"}
FINDERS = {"browser": find_chromium, "postgresql": find_postgresql}
PHRASES = {
    "browser": "in real {}",
    "postgresql": "on real {}",
    "stripe": "with the Stripe simulator driven by {}",
}
_PROPERTY = "real part"
_RUNNING = pytest.StashKey[dict[str, str]]()
_LEFT_OUT = pytest.StashKey[Counter[str]]()
_STRIPE = pytest.StashKey["StripeRequests"]()


class StripeRequests(logging.Handler):
    """Counts the requests that stripe-python says it sends."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.sent = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One request more, if that is what is logged."""
        self.sent += "Request to Stripe api" in record.getMessage()


def add_option(parser: pytest.Parser) -> None:
    """`--without`: what this machine cannot have, said by whoever starts the tests."""
    parser.addoption(
        "--without",
        default="",
        metavar="MARKERS",
        help=f"leave out the tests that need these parts, of: {' '.join(MARKERS)}",
    )


def begin(config: pytest.Config) -> None:
    """Nothing runs yet, nothing is left out.

    Raises:
        pytest.UsageError: `--without` names an unknown part.
    """
    config.stash[_RUNNING] = {}
    config.stash[_LEFT_OUT] = Counter()
    config.stash[_STRIPE] = StripeRequests()
    logging.getLogger("stripe").addHandler(config.stash[_STRIPE])
    logging.getLogger("stripe").setLevel(logging.INFO)
    unknown = set(_without(config)) - set(MARKERS)
    if unknown:
        raise pytest.UsageError(f"--without: unknown {', '.join(sorted(unknown))}")


def now_running(config: pytest.Config, marker: str, version: str) -> None:
    """The part named by the marker is up, and says which version it is."""
    config.stash[_RUNNING][marker] = version


def mark_and_leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by the fixtures they ask for; takes out what `--without` names."""
    for item in items:
        for fixture, marker in FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
    left_out = [item for item in items if _parts(item) & set(_without(config))]
    for item in left_out:
        items.remove(item)
        config.stash[_LEFT_OUT].update(_parts(item) & set(_without(config)))
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def begin_test(item: pytest.Item) -> None:
    """No request to Stripe yet."""
    item.config.stash[_STRIPE].sent = 0


def note_parts(item: pytest.Item, report: pytest.TestReport) -> None:
    """Writes into the report which parts the test really had."""
    if report.when != "call":
        return
    running = item.config.stash[_RUNNING]
    found = {marker: running[marker] for marker in _parts(item) & set(running)}
    if item.config.stash[_STRIPE].sent:
        found["stripe"] = f"stripe-python {sys.modules['stripe'].VERSION}"
    for marker, version in sorted(found.items()):
        report.user_properties.append((_PROPERTY, [marker, version]))


def summarise(reporter: pytest.TerminalReporter) -> None:
    """One line for each part: how many tests, what they ran against, what was left out."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == _PROPERTY:
                    counts[value[0], value[1], outcome] += 1
    reporter.section("real parts")
    for marker in MARKERS:
        reporter.line(_line(marker, counts))
    for marker in set(FINDERS) - set(_without(reporter.config)):
        try:
            FINDERS[marker]()
        except NotInstalledError as missing:
            reporter.line(f"{missing}: its tests failed", red=True)
    for marker in _without(reporter.config):
        number = reporter.config.stash[_LEFT_OUT][marker] or "all"
        reporter.line(f"NOT RUN: {number} {marker} tests, left out by --without={marker}", red=True)


def _line(marker: str, counts: Counter[tuple[str, str, str]]) -> str:
    versions = sorted({version for name, version, _ in counts if name == marker})
    if not versions:
        return f"{marker}: no test ran"
    version = ", ".join(versions)
    passed, failed = (
        sum(counts[marker, each, outcome] for each in versions) for outcome in ("passed", "failed")
    )
    return f"{marker}: {passed} passed, {failed} failed {PHRASES[marker].format(version)}"


def _parts(item: pytest.Item) -> set[str]:
    return {marker for marker in MARKERS if item.get_closest_marker(marker)}


def _without(config: pytest.Config) -> list[str]:
    given: str = config.getoption("--without")
    return given.replace(",", " ").split()
