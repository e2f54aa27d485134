"""What is told once, over threads and over forked processes."""

import os
from concurrent.futures import ThreadPoolExecutor

from service.once import Once


def test_the_same_text_is_told_once_and_another_one_again() -> None:
    once = Once()
    assert [once.first(text) for text in ("a", "a", "b", "a", "b")] == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_of_forked_processes_one_tells_it() -> None:
    once = Once()
    statuses = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            os._exit(int(once.first("broken")))
        statuses.append(pid)
    told = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in statuses]
    assert sorted(told) == [0, 0, 0, 1]
    assert not once.first("broken")
    assert once.first("mended")


def test_many_at_once_still_tell_it_once() -> None:
    once = Once()
    pids = []
    with ThreadPoolExecutor(1):
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                os._exit(sum(once.first(str(number)) for number in range(50)))
            pids.append(pid)
        counts = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert sum(counts) == 50
