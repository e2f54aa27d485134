"""What the workers of one service tell once, and not once each."""

from __future__ import annotations

import fcntl
import os
import tempfile
import weakref
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_DIGEST = 32


class Once:
    """Remembers what was told, over all processes that are forked after it was made.

    The memory is a file without a name, whose lock ends with the process that holds it.
    """

    def __init__(self) -> None:
        self._told, name = tempfile.mkstemp(prefix="kassa-told-")
        Path(name).unlink()
        self._here: set[bytes] = set()
        weakref.finalize(self, os.close, self._told)

    def first(self, text: str) -> bool:
        """Whether nobody has told this yet; from now on somebody has."""
        digest = sha256(text.encode()).digest()
        if digest in self._here:
            return False
        self._here.add(digest)
        fcntl.lockf(self._told, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._told).st_size
            told = os.pread(self._told, size, 0)
            if any(told[at : at + _DIGEST] == digest for at in range(0, size, _DIGEST)):
                return False
            # On a full disk each process tells it.
            with suppress(OSError):
                os.pwrite(self._told, digest, size)
            return True
        finally:
            fcntl.lockf(self._told, fcntl.LOCK_UN)
