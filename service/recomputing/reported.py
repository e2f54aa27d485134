"""The report to verify, wherever it was kept: a JSON file, a page, a notebook, the store."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from analysis.render import DATA_BLOCK, SCHEMA
from service.errors import NotFound, Refused
from service.store.reports import latest_document
from service.store.session import Store

_BLOCK = re.compile(rf'<script type="application/json" id="{DATA_BLOCK}">([^<]*)</script>')


class InvalidReport(Refused):
    """What was named is no report that can be verified; the message says why."""

    title = "Report not usable"


@dataclass(frozen=True)
class Reported:
    """A report as it was made.

    Attributes:
        document: all of it, in the published shape `kassa.report/1`.
        experiment: whose report it is.
        as_of: up to when it knew the store, in UTC.
        definitions: version of the definitions it was made by; None where it does not say.
    """

    document: Mapping[str, Any]
    experiment: str
    as_of: datetime
    definitions: str | None


def read_reported(named: str, store: Store) -> Reported:
    """The report of that name.

    Args:
        named: path of a report as JSON, page or notebook; else the key of an experiment, whose
            report that was stored last is meant.
        store: where reports are stored.

    Raises:
        InvalidReport: it cannot be read, or was not made from a store.
        NotFound: there is no such file, and no such report in the store.
        StoreUnavailable: the database does not answer.
    """
    path = Path(named)
    if path.is_file():
        return _checked(named, _parsed(named, _text(path)))
    with store.read() as connection:
        document = latest_document(connection, named)
    if document is None:
        raise NotFound(
            f"there is no file {named}, and no stored report of an experiment of that name; "
            "`kassa report EXPERIMENT --link` stores one"
        )
    return _checked(named, document)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise InvalidReport(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidReport(f"{path}: is not UTF-8 text, as reports are") from exc


def _parsed(named: str, text: str) -> Any:
    if not text.lstrip().startswith("<"):
        return _in_notebook(_json(named, text))
    block = _BLOCK.search(text)
    if block is None:
        raise InvalidReport(
            f"{named}: the page carries no numbers to verify: it is no report of this version, or "
            "a long one; make it with --format json"
        )
    return _json(named, block[1])


def _in_notebook(document: Any) -> Any:
    if not isinstance(document, dict) or "nbformat" not in document:
        return document
    metadata = document.get("metadata")
    return metadata.get("kassa") if isinstance(metadata, dict) else None


def _json(named: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise InvalidReport(f"{named}: is not the JSON of a report: {exc}") from exc


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _checked(named: str, document: Any) -> Reported:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InvalidReport(f"{named}: is not a report of the shape {SCHEMA}")
    experiment, definitions = document.get("experiment"), document.get("definitions")
    if not isinstance(experiment, str):
        raise InvalidReport(f"{named}: experiment must be a name")
    if "definitions" in document and not isinstance(definitions, str):
        raise InvalidReport(
            f"{named}: was made from files or a frame, which are not in the store; make it again "
            "from them and compare"
        )
    return Reported(document, experiment, _time(named, document.get("as_of")), definitions)


def _time(named: str, said: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(said))
    except ValueError as exc:
        raise InvalidReport(f"{named}: as_of must be an ISO 8601 time") from exc
    if time.tzinfo is None:
        raise InvalidReport(f"{named}: as_of must carry its zone")
    return time.astimezone(UTC)
