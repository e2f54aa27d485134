"""The YAML language server that editors run, spoken to as they speak to it: LSP over pipes.

Source: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# What a user would have to set to stay offline; the schema comes from the file's first line.
SETTINGS = {"schemaStore": {"enable": False}, "validate": True, "completion": True, "hover": True}
_CAPABILITIES = {
    "workspace": {"configuration": True},
    "textDocument": {
        "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
        "publishDiagnostics": {},
    },
}


@dataclass(frozen=True)
class Finding:
    """What the editor underlines: where it starts, counted from 1, and what it says."""

    line: int
    column: int
    message: str


class LanguageServer:
    """One running server and the files it was shown."""

    def __init__(self, to_server: IO[bytes], from_server: IO[bytes]) -> None:
        self._to, self._from = to_server, from_server
        self._sent = 0
        self._published: dict[str, list[dict[str, Any]]] = {}

    def begin(self, root: Path) -> None:
        """Introduce the editor."""
        folder = {"uri": root.as_uri(), "name": root.name}
        capabilities = {"capabilities": _CAPABILITIES, "workspaceFolders": [folder]}
        self._ask("initialize", {"processId": None, "rootUri": root.as_uri(), **capabilities})
        self._tell("initialized", {})

    def end(self) -> None:
        """Take leave, so that the server stops by itself."""
        self._ask("shutdown", None)
        self._tell("exit", None)

    def open(self, file: Path) -> list[Finding]:
        """Open a file and wait for what is wrong with it."""
        text = file.read_text(encoding="utf-8")
        uri = file.as_uri()
        self._published.pop(uri, None)
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        while uri not in self._published:
            self._take(self._read())
        return sorted(
            map(_finding, self._published[uri]), key=lambda found: (found.line, found.column)
        )

    def completions(self, file: Path, line: int, column: int) -> dict[str, str]:
        """What the editor offers at a place, each with its explanation."""
        found = self._ask("textDocument/completion", _place(file, line, column))
        return {item["label"]: _text(item.get("documentation")) for item in found["items"]}

    def hover(self, file: Path, line: int, column: int) -> str:
        """What the editor shows under the pointer."""
        found = self._ask("textDocument/hover", _place(file, line, column))
        return _text(found["contents"]) if found else ""

    def _ask(self, method: str, params: Any) -> Any:
        self._sent += 1
        self._send({"id": self._sent, "method": method, "params": params})
        while (message := self._read()).get("id") != self._sent or "method" in message:
            self._take(message)
        assert "error" not in message, message
        return message["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _take(self, message: dict[str, Any]) -> None:
        """What the server says unasked: findings are kept, its questions answered."""
        if message.get("method") == "textDocument/publishDiagnostics":
            self._published[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message:
            self._send({"id": message["id"], "result": _answer(message)})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._to.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self._from.readline()) != b"\r\n":
            assert line, "the language server has ended"
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(self._from.read(length))
        return message


def _answer(message: dict[str, Any]) -> Any:
    if message["method"] != "workspace/configuration":
        return None
    asked = (item.get("section") for item in message["params"]["items"])
    return [SETTINGS if section == "yaml" else None for section in asked]


def _place(file: Path, line: int, column: int) -> dict[str, Any]:
    position = {"line": line - 1, "character": column - 1}
    return {"textDocument": {"uri": file.as_uri()}, "position": position}


def _text(said: Any) -> str:
    return str(said["value"]) if isinstance(said, dict) else str(said or "")


def _finding(diagnostic: dict[str, Any]) -> Finding:
    start = diagnostic["range"]["start"]
    return Finding(start["line"] + 1, start["character"] + 1, diagnostic["message"])


@contextmanager
def started(node: Path, modules: Path, root: Path) -> Iterator[LanguageServer]:
    """A server for the files below `root`, stopped when the context is left."""
    program = modules / "yaml-language-server" / "bin" / "yaml-language-server"
    with subprocess.Popen(
        [node, program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        server = LanguageServer(process.stdin, process.stdout)
        try:
            server.begin(root)
            yield server
            server.end()
        finally:
            process.terminate()
