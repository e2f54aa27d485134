"""Progress on the terminal, once something takes long."""

from __future__ import annotations

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
