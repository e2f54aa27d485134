"""A directory of definitions that a test writes, breaks and mends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = "one-page-checkout"


def experiment(**changes: Any) -> dict[str, Any]:
    """A running experiment about the checkout's flow, or about something else without flows."""
    return {
        "version": 1,
        "name": "One page",
        "hypothesis": "Fewer steps, so more pay.",
        "owner": "growth@example.com",
        "status": "running",
        "variants": [
            {"key": "two_page", "weight": 50, "control": True, "flow": "two_page"},
            {"key": "one_page", "weight": 50, "flow": "one_page"},
        ],
        "metrics": {"primary": "paid_conversion"},
        "analysis": {"planned_units": 40000},
    } | changes


def beside(**changes: Any) -> dict[str, Any]:
    """A running experiment that does not touch the checkout."""
    variants = [{"key": "old", "weight": 50, "control": True}, {"key": "new", "weight": 50}]
    return experiment(variants=variants) | changes


@dataclass(frozen=True)
class DefinitionFiles:
    """Files as a growth team has them."""

    directory: Path

    @classmethod
    def made(cls, above: Path) -> DefinitionFiles:
        """A directory below another one, with one experiment about the checkout."""
        files = cls(above / "definitions")
        files.directory.mkdir(parents=True)
        files.write(CHECKOUT, experiment())
        return files

    def file(self, key: str) -> Path:
        return self.directory / f"{key}.yaml"

    def write(self, key: str, definition: dict[str, Any]) -> None:
        """Replace a file at once, as editors and checkouts do."""
        written = self.directory / f".{key}.new"
        # JSON is YAML too.
        written.write_text(json.dumps(definition, indent=1), encoding="utf-8")
        written.rename(self.file(key))

    def spoil(self, key: str = CHECKOUT) -> None:
        """Leave a file with one problem."""
        self.write(key, experiment(traffic=7))
