"""Real experiments and golden values, which stand beside the repository and are no part of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(
    os.environ.get("KASSA_SHARED_DATA") or Path(__file__).parents[2] / "shared" / "data"
).resolve()

needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason="no shared data in ../shared/data, nor where KASSA_SHARED_DATA says",
)


def golden(name: str) -> dict[str, Any]:
    """One file of golden values; "inf" is infinity, None is undefined."""
    content: dict[str, Any] = json.loads((SHARED / "golden" / f"{name}.json").read_text("utf-8"))
    return content
