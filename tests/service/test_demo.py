"""`kassa demo`: everything at once, as somebody runs it who has just found Kassa."""

import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from service.settings import PROJECT
from tests.service.processes import free_port

VISITORS = 60


def _environment(**variables: str) -> dict[str, str]:
    foreign = ("KASSA_", "STRIPE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | variables


@contextmanager
def _demo(directory: Path, *words: str, **variables: str) -> "Iterator[subprocess.Popen[str]]":
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "service.cli", "demo", *words],
        cwd=directory,
        env=_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches everything of a terminal, and not the tests
    ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGTERM)


def _ended(directory: Path, *words: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a demonstration that ends by itself."""
    with _demo(directory, *words, "--no-serve", **variables) as demo:
        printed, told = demo.communicate()
    return demo.returncode, printed, told


def _counts(directory: Path) -> Counter[tuple[str, str]]:
    """How many units were exposed, and how many events there are of each name, by variant."""
    connection = sqlite3.connect(directory / "var" / "demo" / "demo.db")
    found = Counter[tuple[str, str]]()
    for name, variant, count in connection.execute(
        "SELECT 'exposed', variant, count(*) FROM exposures GROUP BY variant UNION ALL "
        "SELECT name, variant, count(*) FROM events JOIN exposures USING (unit_id) "
        "GROUP BY name, variant"
    ):
        found[name, variant] += count
    connection.close()
    return found


def _funnel(report: str) -> list[str]:
    """The report's lines that hold counts of steps."""
    return re.findall(r"^ *(?:checkout|details|payment)_\w+ .*$", report, re.MULTILINE)


@pytest.mark.slow
def test_a_demo_ends_with_a_report_and_the_same_seed_with_the_same_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    shutil.copytree(PROJECT / "experiments" / "definitions", second / "growth" / "definitions")
    words = ["--visitors", str(VISITORS), "--seed", "11"]
    code, report, told = _ended(first, *words, "--port", str(free_port()))
    assert code == 0, told
    assert (first / "var" / "demo" / "report.html").read_text().startswith("<!doctype html>")
    assert "SIMULATED" in told

    counts = _counts(first)
    assert counts["exposed", "two_page"] + counts["exposed", "one_page"] == VISITORS
    paid = counts["payment_succeeded", "two_page"] + counts["payment_succeeded", "one_page"]
    assert 0 < paid < VISITORS

    port = free_port()
    definitions = str(Path("growth") / "definitions")
    with _demo(second, *words, "--port", str(port), KASSA_DEFINITIONS=definitions) as serving:
        told = _told_until(serving, "Serving until Ctrl-C.")
        _opens_what_it_names(told, port)
        _refuses_a_second_one(second)
        _reports_again(second, told)
        report_again = _presses_control_c(serving)
    assert _counts(second) == counts
    assert _funnel(report_again) == _funnel(report) != []


def _told_until(demo: "subprocess.Popen[str]", words: str) -> str:
    assert demo.stderr is not None
    lines: list[str] = []
    for line in demo.stderr:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError("it ended early:\n" + "".join(lines))


def _opens_what_it_names(told: str, port: int) -> None:
    links = dict(re.findall(rf"^  (\w+) +(http://127\.0\.0\.1:{port}/\S+)$", told, re.MULTILINE))
    assert links.keys() == {"two_page", "one_page", "report"}
    steps = []
    for variant in ("two_page", "one_page"):
        page = requests.get(links[variant], timeout=30)
        assert page.status_code == 200
        steps.append(page.text.count("data-step="))
    assert steps == [2, 1]
    with requests.Session() as browser:
        assert "<svg" in browser.get(links["report"], timeout=30).text


def _refuses_a_second_one(directory: Path) -> None:
    """On another port, where it would begin the same books anew."""
    before = _counts(directory)
    code, printed, told = _ended(directory, "--port", str(free_port()))
    assert (code, printed) == (3, "")
    assert re.fullmatch(r"Error: another demo is running on \S+var/demo: [^\n]+\n", told)
    assert _counts(directory) == before != Counter()


def _reports_again(directory: Path, told: str) -> None:
    """By the very command it prints."""
    (line,) = re.findall(r"^  kassa (report .+)$", told, re.MULTILINE)
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "service.cli", *shlex.split(line)],
        cwd=directory,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "one_page" in ran.stdout


def _presses_control_c(demo: "subprocess.Popen[str]") -> str:
    """Ends it as people do; returns what it printed."""
    everything = psutil.Process(demo.pid).children(recursive=True)
    os.killpg(demo.pid, signal.SIGINT)
    printed, told = demo.communicate(timeout=200)
    assert demo.returncode == 0, told
    assert "Traceback" not in told
    _gone, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []
    return printed


@pytest.fixture
def kept_books(tmp_path: Path) -> Path:
    """The books of an earlier demonstration."""
    books = tmp_path / "var" / "demo" / "demo.db"
    books.parent.mkdir(parents=True)
    books.write_text("of an earlier demonstration")
    return books


@pytest.mark.parametrize(
    "name", ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET"]
)
def test_a_demo_never_runs_beside_stripes_keys(tmp_path: Path, kept_books: Path, name: str) -> None:
    key = "sk_live_51Kassa0Secret"
    code, printed, told = _ended(tmp_path, "--port", str(free_port()), **{name: key})
    assert (code, printed) == (2, "")
    assert re.fullmatch(r"Error: STRIPE_SECRET_KEY [^\n]+\n", told)
    assert key not in told
    assert kept_books.read_text() == "of an earlier demonstration"


def test_a_demo_does_not_visit_whoever_has_its_port(tmp_path: Path, kept_books: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, printed, told = _ended(tmp_path, "--port", str(port))
    assert (code, printed) == (2, "")
    assert re.fullmatch(rf"Error: --port {port} [^\n]+in use[^\n]+\n", told)
    assert kept_books.read_text() == "of an earlier demonstration"


def test_a_demo_whose_service_dies_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    words = ["--visitors", "5000", "--no-serve", "--port", str(port)]
    with _demo(tmp_path, *words) as demo:
        told = _told_until(demo, "sending 5000 visitors")
        (service,) = psutil.Process(demo.pid).children()
        everything = [service, *service.children(recursive=True)]
        time.sleep(0.5)
        for each in everything:
            each.kill()
        printed, rest = demo.communicate(timeout=200)
    assert (demo.returncode, printed) == (3, ""), told
    assert "Traceback" not in rest
    assert re.search(rf"^Error: http://127\.0\.0\.1:{port} does not answer: ", rest, re.MULTILINE)
    _gone, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []
