"""Four workers under load while files change and operators act: nobody waits, nobody is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select

from service.store.session import Store
from service.store.tables import exposures
from tests.pace import second
from tests.service.definition_files import CHECKOUT, DefinitionFiles, beside, experiment
from tests.service.load import WORKERS, Watch, under_load
from tests.service.processes import KassaProcess, serving

NOTICED_SECONDS = 3.0


@pytest.fixture
def files(tmp_path: Path) -> DefinitionFiles:
    return DefinitionFiles.made(tmp_path / "growth")


@pytest.fixture
def kassa(tmp_path: Path, files: DefinitionFiles) -> Iterator[KassaProcess]:
    with serving(tmp_path, workers=WORKERS, KASSA_DEFINITIONS=str(files.directory)) as running:
        yield running


def test_a_change_is_in_force_in_every_worker_and_no_request_fails(
    kassa: KassaProcess, files: DefinitionFiles
) -> None:
    with Watch.over_all_of(kassa) as watch, under_load(kassa.url) as load:
        before = {each["kassa_definitions_info"] for each in watch.scraped()}
        time.sleep(1)
        files.write("second", beside())
        taken = watch.until(lambda each: "kassa_experiment_running second" in each)
        time.sleep(0.5)
        after = {each["kassa_definitions_info"] for each in watch.scraped()}
    assert taken < NOTICED_SECONDS * second()
    assert (len(before), len(after), before & after) == (1, 1, set())
    assert set(load.statuses) == {200}
    assert len(load.statuses) > 20
    assert kassa.log.count("definitions taken up") == 1
    assert [entry["experiment"] for entry in _audit(kassa)] == [CHECKOUT, "second"]


def test_a_broken_change_leaves_every_worker_as_it_was_and_is_told_of_once(
    kassa: KassaProcess, files: DefinitionFiles
) -> None:
    with Watch.over_all_of(kassa) as watch, under_load(kassa.url) as load:
        (version,) = {each["kassa_definitions_info"] for each in watch.scraped()}
        files.spoil()
        noticed = watch.until(lambda each: each["kassa_definitions_valid"] == "0.0")
        time.sleep(1.5)
        files.write(CHECKOUT, experiment(traffic=8))
        time.sleep(NOTICED_SECONDS)
        last = watch.scraped()
        files.write(CHECKOUT, experiment())
        mended = watch.until(lambda each: each["kassa_definitions_valid"] == "1.0")
    assert noticed < NOTICED_SECONDS * second()
    assert mended < NOTICED_SECONDS * second()
    assert set(load.statuses) == {200}
    for each in last:
        assert each["kassa_definitions_info"] == version
        assert each["kassa_definitions_problems"] == "1.0"
    lines = [line for line in kassa.log.splitlines() if "definitions not taken up" in line]
    assert len(lines) == 2, "one line a change"
    assert all(f"{CHECKOUT}.yaml:" in line and "out-of-range" in line for line in lines)


def test_a_stop_ends_exposure_and_a_resume_gives_everybody_the_same(
    kassa: KassaProcess,
) -> None:
    with under_load(kassa.url) as load:
        time.sleep(1)
        stopped = kassa.command("stop", CHECKOUT, "--reason", "cards are declined")
        returned = datetime.now(UTC)
        before = list(load.visitors)
        time.sleep(4)
        since = len(load.visitors)
        time.sleep(1)
        last = [steps for _, steps in load.visitors[since:]]
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert set(load.statuses) == {200}
    assert {steps for _, steps in before} == {1, 2}
    assert len(last) > 5
    assert set(last) == {2}
    exposed, late = _exposed(kassa, after=returned + timedelta(seconds=2))
    assert exposed > 10
    assert late == 0
    resumed = kassa.command("resume", CHECKOUT, "--reason", "mended")
    assert resumed.returncode == 0
    time.sleep(2)
    for session, steps in before[:30]:
        assert load.visit(kassa.url, session) == steps
    assert [(entry["action"], entry["reason"]) for entry in _audit(kassa)[1:]] == [
        ("stopped", "cards are declined"),
        ("resumed", "mended"),
    ]


def test_a_worker_that_is_replaced_begins_where_the_others_are(
    kassa: KassaProcess, files: DefinitionFiles
) -> None:
    files.write("second", beside())
    with Watch.over_all_of(kassa) as watch:
        watch.until(lambda each: "kassa_experiment_running second" in each)
        assert kassa.command("stop", CHECKOUT, "--reason", "r").returncode == 0
        files.spoil()
        watch.until(lambda each: each["kassa_definitions_valid"] == "0.0")
        (version,) = {each["kassa_definitions_info"] for each in watch.scraped()}
        for worker in watch.workers:
            psutil.Process(worker).kill()
    with Watch.over_all_of(kassa) as again:
        scraped = again.scraped()
    assert not set(again.workers) & set(watch.workers)
    for each in scraped:
        assert each["kassa_definitions_info"] == version
        assert each["kassa_definitions_valid"] == "0.0"
        assert each[f"kassa_experiment_stopped {CHECKOUT}"] == "1.0"


@pytest.mark.slow
@pytest.mark.alone
def test_five_hundred_definitions_are_taken_up_and_block_nobody(
    kassa: KassaProcess, files: DefinitionFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    with Watch.over_all_of(kassa) as watch, under_load(kassa.url, threads=2) as load:
        time.sleep(5)
        quiet, load.seconds = load.seconds, []
        for number in range(500):
            files.write(f"experiment-{number}", beside())
        written = time.monotonic()
        watch.until(lambda each: "kassa_experiment_running experiment-499" in each)
        taken = time.monotonic() - written
        busy = list(load.seconds)
        time.sleep(1)
    seconds = re.findall(r"taken up: \d+ experiments, .* read in ([\d.]+) s", kassa.log)[-1]
    with capsys.disabled():
        print(  # noqa: T201 - figures for whoever runs the slow tests
            f"\n500 definitions read in {seconds} s, in force in {WORKERS} workers "
            f"{taken:.2f} s after the last was written; "
            f"slowest of {len(busy)} visits meanwhile {max(busy) * 1000:.0f} ms, "
            f"of {len(quiet)} before {max(quiet) * 1000:.0f} ms"
        )
    assert set(load.statuses) == {200}
    assert taken < NOTICED_SECONDS * second()
    assert max(busy) < max(quiet) + 0.3 * second()


def _exposed(kassa: KassaProcess, *, after: datetime) -> tuple[int, int]:
    store = Store(kassa.settings.database_url)
    try:
        with store.read() as connection:
            counted = select(func.count()).select_from(exposures)
            late = counted.where(exposures.c.exposed_at > after)
            return connection.scalar(counted) or 0, connection.scalar(late) or 0
    finally:
        store.close()


def _audit(kassa: KassaProcess) -> list[dict[str, Any]]:
    ran = kassa.command("audit", "--format", "json")
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)["entries"]
    return found
