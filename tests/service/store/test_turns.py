"""Writers take turns: nobody is starved, and the dead let go."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.store.turns import Turns

_HOLDER = """
import sys, time
from pathlib import Path
from service.store.turns import Turns
with Turns(Path(sys.argv[1]), patience=5).taken():
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_writer_at_a_time_over_threads(tmp_path: Path) -> None:
    turns, inside, most = Turns(tmp_path / "turns", patience=10), [0], [0]

    def write(_: int) -> None:
        with turns.taken():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.001)
            inside[0] -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(64)))
    assert most == [1]


def test_another_process_is_waited_for_and_a_dead_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "turns"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    impatient = Turns(path, patience=0.05)
    with pytest.raises(StoreUnavailable, match="another process"), impatient.taken():
        pass
    holder.kill()
    holder.communicate()
    with Turns(path, patience=5).taken():
        pass


def test_a_thread_that_keeps_its_turn_is_waited_for_no_longer_than_patience(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns", patience=0.05)

    def wait() -> None:
        with turns.taken():
            pass

    with turns.taken(), ThreadPoolExecutor(1) as pool, pytest.raises(StoreUnavailable):
        pool.submit(wait).result()
    wait()


def test_an_error_inside_a_turn_gives_it_back(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "turns", patience=0.05)
    with pytest.raises(ValueError, match="inside"), turns.taken():
        raise ValueError("inside")
    with turns.taken():
        pass
