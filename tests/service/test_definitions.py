"""What is in force in a process: files that hold, and the operator's switches over them."""

import errno
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from experiments import Cause, InvalidDefinition, assign
from experiments import catalog as catalogs
from experiments.document import parse, read
from experiments.plan import digest_of
from service.definitions import LOOK_SECONDS, InForce, known_experiments
from service.operation import Order, resume, stop
from service.store.audit import Act, entries
from service.store.plans import locked_plan
from service.store.session import Store
from service.store.snapshots import newest_version
from service.store.tables import definitions
from tests.service.definition_files import CHECKOUT, DefinitionFiles, beside, experiment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Desk:
    """Files, a store, a clock, and processes that follow them."""

    files: DefinitionFiles
    store: Store
    now: datetime = NOON
    processes: list[InForce] = field(default_factory=list)

    def load(self) -> InForce:
        """What a master does before it forks."""
        return InForce.load(self.files.directory, store=self.store, clock=lambda: self.now)

    def look(self, process: InForce, times: int = 2) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=LOOK_SECONDS)
            process.refresh()

    def switch(self, change: Callable[..., bool], key: str = CHECKOUT) -> None:
        with self.store.write() as connection:
            assert change(connection, key, Order("ada", "because", self.now))

    def acts(self) -> list[tuple[str, str]]:
        with self.store.read() as connection:
            return [(entry.action, entry.experiment) for entry in entries(connection)]


@pytest.fixture
def desk(migrated_store_url: str, tmp_path: Path) -> Iterator[Desk]:
    store = Store(migrated_store_url)
    yield Desk(DefinitionFiles.made(tmp_path / "growth"), store)
    store.close()


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("service")]


def test_a_change_is_taken_up_at_the_second_look_that_finds_it(desk: Desk) -> None:
    process = desk.load()
    before = process.catalog
    desk.files.write("second", beside())
    desk.look(process, times=1)
    assert process.catalog is before
    desk.look(process, times=1)
    assert set(process.catalog.experiments) == {CHECKOUT, "second"}
    assert process.standing.valid
    assert process.standing.taken_at == process.standing.looked_at == desk.now


def test_a_directory_that_somebody_still_writes_to_is_not_read(desk: Desk) -> None:
    process = desk.load()
    for number in range(5):
        desk.files.write(f"more-{number}", beside())
        desk.look(process, times=1)
    assert set(process.catalog.experiments) == {CHECKOUT}
    desk.look(process, times=1)
    assert len(process.catalog.experiments) == 6


def test_what_changes_while_it_is_read_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = desk.load()
    desk.files.write("second", beside())

    def slowly(path: Path) -> tuple[bytes, str]:
        found = read(path)
        if path.stem == "second":
            desk.files.write("third", beside())
        return found

    desk.look(process, times=1)
    with monkeypatch.context() as patch:
        patch.setattr(catalogs, "read", slowly)
        desk.look(process, times=1)
    assert set(process.catalog.experiments) == {CHECKOUT}
    desk.look(process)
    assert set(process.catalog.experiments) == {CHECKOUT, "second", "third"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("offers.yaml", "version: 1\noffers: []\n"),
        ("metrics.yaml", (Path(catalogs.__file__).parent / "metrics.yaml").read_text() + "# .\n"),
        ("layers.yaml", (Path(catalogs.__file__).parent / "layers.yaml").read_text() + "# .\n"),
        (
            "attributes.yaml",
            "version: 1\nattributes: [{key: plan, type: text, description: What}]\n",
        ),
    ],
)
def test_the_files_above_are_followed_too(desk: Desk, name: str, content: str) -> None:
    process = desk.load()
    before = process.catalog.version
    (desk.files.directory.parent / name).write_text(content)
    desk.look(process)
    assert process.standing.valid
    assert process.catalog.version != before


def test_broken_files_leave_the_last_good_definitions_in_force(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    process = desk.load()
    before = process.catalog
    desk.files.spoil()
    desk.files.write("second", beside())
    desk.look(process, times=6)
    assert process.catalog is before
    (problem,) = process.standing.problems
    assert (problem.rule, process.standing.valid) == ("out-of-range", False)
    (line,) = _told(caplog)
    assert "the last good ones stay in force" in line
    assert f"{CHECKOUT}.yaml:" in line
    desk.files.file("second").unlink()
    desk.look(process, times=6)
    assert len(_told(caplog)) == 2, "another change, and it still does not hold"


def test_mended_files_are_taken_up_whole(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    process = desk.load()
    desk.files.spoil()
    desk.look(process)
    desk.files.write(CHECKOUT, experiment(name="Mended"))
    desk.look(process)
    assert process.standing.valid
    assert process.catalog.experiment(CHECKOUT).name == "Mended"
    assert [line.partition(":")[0] for line in _told(caplog)] == [
        "definitions not taken up, the last good ones stay in force",
        "definitions taken up",
    ]


def test_files_that_are_only_touched_change_nothing(desk: Desk) -> None:
    process = desk.load()
    before, taken_at = process.catalog, process.standing.taken_at
    desk.files.file(CHECKOUT).touch()
    desk.look(process)
    assert process.catalog is before
    assert process.standing.taken_at == taken_at


def test_a_directory_that_is_gone_is_a_problem_and_not_an_end(desk: Desk) -> None:
    process = desk.load()
    desk.files.directory.rename(desk.files.directory.with_name("elsewhere"))
    desk.look(process)
    (problem,) = process.standing.problems
    assert problem.rule == "unreadable"
    assert set(process.catalog.experiments) == {CHECKOUT}


def test_a_name_that_is_no_text_is_a_problem_and_not_an_end(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    process = desk.load()
    for name in (b"\xff.yaml", b"\xff.test.yaml", b"\xff.yml"):
        Path(os.fsdecode(os.fsencode(desk.files.directory) + b"/" + name)).write_text("version: 1")
    desk.look(process)
    rules = {problem.rule for problem in process.standing.problems}
    assert rules == {"unreadable", "file-extension"}
    (line,) = _told(caplog)
    assert "\\xff.yaml:1:1 unreadable its name is not UTF-8" in line
    line.encode()
    desk.switch(stop)
    desk.look(process)
    assert process.catalog.experiment(CHECKOUT).stopped, "the switches are still followed"


def test_files_that_did_not_change_are_not_parsed_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.files.write("second", beside())
    process = desk.load()
    parsed: list[str] = []

    def noted(source: bytes, file: str) -> Any:
        parsed.append(Path(file).name)
        return parse(source, file)

    monkeypatch.setattr(catalogs, "parse", noted)
    desk.files.write("third", beside())
    desk.files.file("second").touch()
    desk.look(process)
    assert parsed == ["third.yaml"]
    assert set(process.catalog.experiments) == {CHECKOUT, "second", "third"}


def test_a_stop_shows_everybody_the_control_and_a_resume_what_they_had(desk: Desk) -> None:
    process = desk.load()

    def seen() -> list[tuple[str, Cause]]:
        found = process.catalog.experiment(CHECKOUT)
        each = (assign(found, f"u{number}", now=desk.now) for number in range(50))
        return [(assignment.variant.key, assignment.cause) for assignment in each]

    before = seen()
    assert {variant for variant, _ in before} == {"two_page", "one_page"}
    desk.switch(stop)
    desk.look(process, times=1)
    assert seen() == [("two_page", Cause.STOPPED)] * 50
    desk.switch(resume)
    desk.look(process, times=1)
    assert seen() == before


def test_a_switch_outlives_a_change_of_the_files_and_a_new_start(desk: Desk) -> None:
    process = desk.load()
    desk.switch(stop)
    desk.look(process)
    desk.files.write(CHECKOUT, experiment(name="Renamed"))
    desk.look(process)
    assert process.catalog.experiment(CHECKOUT).name == "Renamed"
    assert process.catalog.experiment(CHECKOUT).stopped
    assert desk.load().catalog.experiment(CHECKOUT).stopped


def test_the_plan_of_a_running_experiment_is_locked_once(desk: Desk) -> None:
    first, second = desk.load(), desk.load()
    for process in (first, second, first):
        desk.look(process)
    assert desk.acts() == [("started", CHECKOUT)]
    planned = first.catalog.plan_document(CHECKOUT)
    desk.files.write(CHECKOUT, experiment(analysis={"planned_units": 100}))
    desk.look(first)
    with desk.store.read() as connection:
        locked = locked_plan(connection, CHECKOUT)
        (entry,) = entries(connection)
    assert locked is not None
    assert locked.digest == digest_of(planned)
    assert locked.plan == planned != first.catalog.plan_document(CHECKOUT)
    assert entry.action is Act.STARTED
    assert entry.details == {"plan": locked.digest, "definitions": locked.definitions}


def test_of_two_processes_that_start_an_experiment_at_once_one_notes_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = desk.load(), desk.load()
    turn = desk.store.write

    def after_the_first() -> AbstractContextManager[Connection]:
        monkeypatch.undo()
        desk.look(first, times=1)
        return turn()

    monkeypatch.setattr(desk.store, "write", after_the_first)
    desk.look(second, times=1)
    assert desk.acts() == [("started", CHECKOUT)]


def test_a_plan_is_locked_when_its_time_comes_and_not_before(desk: Desk) -> None:
    start = NOON + timedelta(minutes=1)
    desk.files.write("later", beside(start=start.isoformat()))
    desk.files.write("draft", beside(status="draft"))
    process = desk.load()
    desk.look(process)
    assert ("started", "later") not in desk.acts()
    desk.now = start
    desk.look(process, times=1)
    assert desk.acts() == [("started", CHECKOUT), ("started", "later")]


def test_every_set_that_was_taken_up_is_stored_once(desk: Desk) -> None:
    process, other = desk.load(), desk.load()
    desk.look(process)
    desk.look(other)
    desk.files.write("second", beside())
    desk.look(process)
    desk.look(other)
    desk.files.file("second").unlink()
    desk.look(process)
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(definitions)) == 2
        # What comes back is what was taken up last, though it was stored first.
        assert newest_version(connection, after=NOON) == process.catalog.version


def test_a_process_made_before_a_change_begins_with_it_though_the_files_are_broken(
    desk: Desk,
) -> None:
    master, worker = desk.load(), desk.load()
    desk.files.write("second", beside())
    desk.look(worker)
    desk.files.spoil()
    desk.look(worker)
    desk.look(master)
    assert master.standing.problems
    assert master.catalog.version == worker.catalog.version
    assert set(master.catalog.experiments) == {CHECKOUT, "second"}
    desk.files.write(CHECKOUT, experiment())
    desk.files.file("second").unlink()
    desk.look(master)
    assert master.standing.problems == ()
    assert set(master.catalog.experiments) == {CHECKOUT}


def test_older_definitions_of_the_store_are_left_there(desk: Desk) -> None:
    desk.look(desk.load())
    desk.files.write("second", beside())
    desk.now += timedelta(minutes=1)
    process = desk.load()
    desk.files.spoil()
    desk.look(process)
    assert set(process.catalog.experiments) == {CHECKOUT, "second"}


def test_definitions_in_the_store_that_do_not_hold_here_are_told_of_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    process = desk.load()
    foreign = {"version": "f" * 64, "taken_at": NOON + timedelta(1), "files": {"a.yaml": "b: 1"}}
    with desk.store.write() as connection:
        connection.execute(definitions.insert().values(foreign))
    desk.files.spoil()
    desk.look(process, times=6)
    assert set(process.catalog.experiments) == {CHECKOUT}
    assert sum("in the store do not hold here" in line for line in _told(caplog)) == 1


def test_a_full_disk_ends_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.definitions.LOOK_SECONDS", 0.02)
    process, worker = desk.load(), desk.load()
    desk.files.write("second", beside())
    desk.look(worker)
    desk.files.spoil()
    monkeypatch.setattr("tempfile.tempdir", str(desk.files.directory / "gone"))
    monkeypatch.setattr("service.once.os.pwrite", _full)
    process.start()
    _until(lambda: any("the last good ones stay" in line for line in _told(caplog)))
    desk.switch(stop)
    _until(lambda: process.catalog.experiment(CHECKOUT).stopped)
    assert sum("can't be laid out here" in line for line in _told(caplog)) == 1
    monkeypatch.setattr("tempfile.tempdir", None)
    _until(lambda: "second" in process.catalog.experiments)
    process.end()
    _joined()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_that_can_follow_no_longer_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()
    signals: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        signals.append((pid, number))
        ended.set()

    process = desk.load()
    process.start()
    monkeypatch.setattr(os, "kill", kill)

    def defect() -> None:
        raise KeyError("a defect of ours")

    monkeypatch.setattr(process, "refresh", defect)
    assert ended.wait(10)
    # What it died of is told of while it dies: in this test, not in the next.
    _joined()
    assert signals == [(os.getpid(), signal.SIGTERM)]
    assert "this process ends" in _told(caplog)[-1]


def test_a_store_that_is_gone_is_told_of_once_and_ends_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.definitions.LOOK_SECONDS", 0.02)
    process = desk.load()
    with desk.store.write() as connection:
        connection.execute(text("ALTER TABLE switches RENAME TO gone"))
    process.start()
    desk.files.write("second", beside())
    _until(lambda: "second" in process.catalog.experiments)
    time.sleep(0.2)
    assert sum("can't be asked" in line for line in _told(caplog)) == 1
    with desk.store.write() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO switches"))
    desk.switch(stop)
    _until(lambda: process.catalog.experiment(CHECKOUT).stopped)
    process.end()
    _joined()


def test_a_start_ends_with_what_has_changed_since_the_load(desk: Desk) -> None:
    process = desk.load()
    process.end()
    desk.files.write("second", beside())
    desk.switch(stop)
    process.start()
    _joined()
    assert process.catalog.experiment(CHECKOUT).stopped
    assert set(process.catalog.experiments) == {CHECKOUT, "second"}


def test_definitions_that_do_not_hold_stop_the_load(desk: Desk) -> None:
    desk.files.spoil()
    with pytest.raises(InvalidDefinition, match="out-of-range"):
        desk.load()


def test_experiments_are_known_by_their_files_and_by_what_runs(desk: Desk) -> None:
    desk.files.write("second", beside())
    desk.look(desk.load())
    desk.files.file("second").unlink()
    desk.files.spoil()
    (desk.files.directory / "one-page-checkout.test.yaml").write_text("version: 1\n")
    with desk.store.read() as connection:
        assert known_experiments(desk.files.directory, connection) == {CHECKOUT, "second"}


def _full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _joined() -> None:
    for thread in threading.enumerate():
        if thread.name == "definitions":
            thread.join(10)
            assert not thread.is_alive()
