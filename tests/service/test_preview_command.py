"""`kassa preview`, as people run it."""

import contextlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.settings import PROJECT
from service.store.session import Store
from tests.service.previewing.past import fill, visitors

DRAFT = """\
version: 1
name: A draft
hypothesis: Swedes like one page.
owner: growth@example.com
status: draft
targeting: {attribute: country, in: [SE]}
variants:
  - {key: old, weight: 50, control: true}
  - {key: new, weight: 50}
metrics: {primary: paid_conversion}
analysis: {planned_units: 4000}
"""


@pytest.fixture
def books(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of 800 visitors in the last ten days."""
    url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'kassa.db')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KASSA_DATABASE_URL", url)
    store = Store(url)
    fill(store, visitors(800, until=datetime.now(UTC), days=10))
    store.close()
    return url


def preview(*words: str) -> Result:
    return CliRunner().invoke(main, ["preview", *words])


def test_a_preview_is_told_in_sentences(books: str) -> None:
    ran = preview("one-page-checkout", "--replications", "40")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ": 800 visitors seen\n" in ran.stdout
    assert "sample ratio: as designed" in ran.stdout
    assert "40,000 planned units take " in ran.stdout
    assert "40 splits of these units anew" in ran.stdout


def test_programs_read_a_preview_of_a_draft(
    books: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "draft.yaml").write_text(DRAFT)
    monkeypatch.setenv("KASSA_DEFINITIONS", "definitions")
    ran = preview("draft", "--replications", "30", "--format", "json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    found = json.loads(ran.stdout)
    assert found["schema"] == "kassa.preview/1"
    assert found["causes"]["split"]["count"] + found["causes"]["not_targeted"]["count"] == 800
    alarms = found["false_alarms"]
    assert (alarms["splits"], alarms["interrupted"]) == (30, False)
    assert alarms["significant"]["nominal"] == 0.05
    assert found["size"]["days"] == 4000 / found["size"]["daily_units"]
    again = preview("draft", "--replications", "30", "--format", "json")
    assert json.loads(again.stdout)["false_alarms"] == alarms
    other = preview("draft", "--replications", "30", "--seed", "9", "--format", "json")
    assert json.loads(other.stdout)["units"] == found["units"]


def test_a_preview_of_nobody_claims_no_rate(
    books: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "draft.yaml").write_text(DRAFT.replace("SE", "JP"))
    monkeypatch.setenv("KASSA_DEFINITIONS", "definitions")
    ran = preview("draft")
    assert ran.exit_code == 0
    assert ran.stdout.endswith("false alarms: none to tell, nobody would enter\n")
    alarms = json.loads(preview("draft", "--format", "json").stdout)["false_alarms"]
    assert (alarms["splits"], alarms["interrupted"]) == (0, False)
    assert alarms["significant"]["within"] is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["red-button"], "red-button"),
        (["one-page-checkout", "--days", "0"], "--days"),
        (["one-page-checkout", "--replications", "0"], "--replications"),
    ],
)
def test_wrong_usage_exits_with_two(books: str, words: list[str], says: str) -> None:
    ran = preview(*words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert says in ran.stderr


def test_a_store_that_has_seen_nobody_exits_with_two(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = shutil.copy(migrated_sqlite, tmp_path / "kassa.db")
    monkeypatch.setenv("KASSA_DATABASE_URL", f"sqlite:///{copied}")
    ran = preview("one-page-checkout")
    assert ran.exit_code == 2
    assert "the store has seen nobody in the last 30 days" in ran.stderr


def test_a_store_that_is_not_there_exits_with_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KASSA_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert preview("one-page-checkout").exit_code == 3


def _read_on(terminal: int) -> None:
    """Until the other end is closed, which Linux tells as an error."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 1024):
            pass


def test_an_interrupted_preview_shows_progress_and_prints_what_is_done(books: str) -> None:
    words = ["preview", "one-page-checkout", "--replications", "1000000", "--format", "json"]
    terminal, end = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *words],
        stdout=subprocess.PIPE,
        stderr=end,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "xterm"},
    )
    os.close(end)
    try:
        wait_for(terminal, b"splitting anew")
        # A terminal that nobody reads fills up, and whoever writes to it waits for ever.
        reading = threading.Thread(target=_read_on, args=(terminal,))
        reading.start()
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        reading.join()
    finally:
        running.kill()
        os.close(terminal)
    assert running.returncode == 0
    alarms = json.loads(out)["false_alarms"]
    assert alarms["interrupted"] is True
    assert 0 < alarms["splits"] < 1_000_000


def wait_for(terminal: int, text: bytes) -> None:
    """Read what a terminal shows until it shows this."""
    shown, deadline = b"", time.monotonic() + 120
    while text not in shown:
        assert time.monotonic() < deadline, shown
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096)
