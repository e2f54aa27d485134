"""Progress on the terminal, once something takes long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

PATIENCE = 2.0
"""Seconds before a progress bar appears."""


@contextmanager
def progress_of(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how many of how many are done; it draws only on a terminal."""
    console = Console(stderr=True, quiet=quiet)
    progress = Progress(console=console, transient=True, disable=quiet or not console.is_terminal)
    task = progress.add_task(what, total=None)
    begun = time.monotonic()

    def tell(done: int, of: int) -> None:
        if time.monotonic() - begun > PATIENCE and not progress.live.is_started:
            progress.start()
        progress.update(task, completed=done, total=of)

    try:
        yield tell
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed, for work that ends where it is then.

    An exception could come at any line, also where it is lost; a second Ctrl-C is one.
    """
    pressed = False
    before = signal.getsignal(signal.SIGINT)

    def press(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
