"""Records what every Stripe simulator of a test run is asked and answers, each shape once.

Standard library only, and little of it: every process that a test starts loads this. A process
that never loads the simulator writes nothing. What is recorded is judged by `fidelity`.
"""

import functools
import importlib.abc
import importlib.util
import json
import os
import re
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

DIRECTORY = "SIMULATOR_RECORDING"
"""The environment variable that names where to write; nothing is recorded without it."""

TEXT = "a text"
"""Stands for a parameter's value that says nothing by itself."""

_SIMULATOR = "service.payments.simulator"
# Texts of a closed set look like this; names, digits, addresses and most ids do not.
_WORD = re.compile(r"[a-z0-9_.]+")
_words: set[str] = set()
_NESTED = frozenset({dict, list})
_INDEX = re.compile(r"\[[0-9]*\]")
_IDENTITY = re.compile(r"/[^/]*[A-Z0-9][^/]*")


class Recording:
    """One process's samples of all shapes, and its tallies: a byte for everything it saw.

    Args:
        directory: shared with all other processes of the run.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: set[object] = set()
        self._lock = threading.Lock()
        self._process = 0
        self._files: dict[str, int] = {}

    def exchange(self, request: Any, response: Any) -> None:
        """A request to the API and its answer."""
        answer = json.loads(response.body)
        refusal = answer.get("error", {}) if isinstance(answer, dict) else {}
        asked = {
            "method": request.method,
            "path": request.path[:4] + _IDENTITY.sub("/*", request.path[4:]),
            "parameters": _parameters(request),
            "sender": _sender(request.headers),
            "status": response.status,
            "code": refusal.get("code"),
        }
        self._note("request", json.dumps(asked), asked)
        self.answered(answer)

    def answered(self, answer: Any) -> None:
        """What somebody is given: an object, a list of them, an event, or an error."""
        self._note("answer", shape(answer), answer)

    def _note(self, kind: str, key: object, sample: object) -> None:
        with self._lock:
            if self._process != os.getpid():
                self._open()
            os.write(self._files[kind], b".")
            if key not in self._seen:
                self._seen.add(key)
                line = json.dumps({kind: sample}) + "\n"
                os.write(self._files["samples"], line.encode())

    def _open(self) -> None:
        # Also after a fork, whose parent's files stay the parent's.
        name = uuid.uuid4().hex
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        self._files = {
            kind: os.open(self._directory / f"{name}.{kind}", flags, 0o600)
            for kind in ("samples", "request", "answer")
        }
        self._process = os.getpid()


def shape(value: Any, of: str = "") -> object:
    """What a value has in common with others that pass or fail every check alike.

    Members, types, and the words that could belong to a closed set; in `metadata` and in lists no
    word and no number counts.
    """
    if type(value) is dict:
        common: list[object] = []
        for name, member in value.items():
            common.append(name)
            kind = type(member)
            if kind is str:
                common.append(member if of != "metadata" and _is_word(member) else kind)
            else:
                common.append(shape(member, name) if kind in _NESTED else kind)
        return tuple(common)
    if type(value) is list:
        return frozenset([shape(member, of) for member in value])
    return value if type(value) is str and _is_word(value) else type(value)


def _is_word(text: str) -> bool:
    # Asked for every text of every answer, of which most have been seen before.
    if text in _words:
        return True
    if len(text) > 40 or not text.islower() or not _WORD.fullmatch(text):
        return False
    _words.add(text)
    return True


def _parameters(request: Any) -> dict[str, list[str]]:
    """Each parameter's name, without indices, and the kinds of its values.

    Of a value are kept: a word of a closed set, `0` for whole numbers, nothing for nothing, and
    otherwise only that it was text.
    """
    from urllib.parse import parse_qsl  # noqa: PLC0415 - loaded by then, whoever serves HTTP

    encoded = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
    found: dict[str, set[str]] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        plain = _INDEX.sub("[]", name)
        found.setdefault(plain, set()).add(_kind_of(plain, value))
    return {name: sorted(found[name]) for name in sorted(found)}


def _kind_of(name: str, value: str) -> str:
    if value.removeprefix("-").isdecimal():
        return "0"
    word = not value or (_is_word(value) and not name.startswith("metadata"))
    return value if word else TEXT


def _sender(headers: Any) -> str:
    """Whose code asked: Kassa's gateway says its name, as Stripe asks of applications."""
    return "kassa" if '"Kassa"' in headers.get("x-stripe-client-user-agent", "") else "test"


def record_simulators() -> None:
    """From now on this process records, if the environment says where."""
    directory = os.environ.get(DIRECTORY)
    if directory:
        recording = Recording(Path(directory))
        sys.meta_path.insert(0, _Watch(recording))
        for name in _LISTENERS.keys() & sys.modules.keys():
            _LISTENERS[name](sys.modules[name], recording)


class _Watch(importlib.abc.MetaPathFinder):
    """Waits for the modules where the simulator answers, and listens there."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        listen = _LISTENERS.get(fullname)
        if listen is None or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            executed = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                executed(module)
                listen(module, self._recording)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def listen_to_api(module: Any, recording: Recording) -> None:
    """Hear every request to the API, and its answer."""
    answered = module.Api.answer

    @functools.wraps(answered)
    def answer(api: Any, request: Any) -> Any:
        response = answered(api, request)
        recording.exchange(request, response)
        return response

    module.Api.answer = answer


def listen_to_events(module: Any, recording: Recording) -> None:
    """Hear every event as it is kept."""
    saved = module.Work.save

    @functools.wraps(saved)
    def save(work: Any, body: Any, *rest: Any, **more: Any) -> Any:
        if body["object"] == "event":
            recording.answered(body)
        return saved(work, body, *rest, **more)

    module.Work.save = save


def listen_to_browser(module: Any, recording: Recording) -> None:
    """Hear what the Stripe.js stand-in is given."""
    sent = module._answer

    @functools.wraps(sent)
    def answer(body: Any, *rest: Any) -> Any:
        recording.answered({"browser": body})
        return sent(body, *rest)

    module._answer = answer


_LISTENERS: dict[str, Callable[[Any, Recording], None]] = {
    f"{_SIMULATOR}.api": listen_to_api,
    f"{_SIMULATOR}.work": listen_to_events,
    f"{_SIMULATOR}.browser": listen_to_browser,
}
