"""Compiled templates and routes, kept from one test's application to the next one's.

Compiling them takes longer than most tests do beside it.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from typing_extensions import override
from werkzeug.routing import Rule


class _Compiled(BytecodeCache):
    """In this process alone; a template that changed has another checksum."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code


def keep_compiled() -> None:
    """Every Flask application of this process shares what was compiled for an earlier one."""
    Flask.jinja_options = Flask.jinja_options | {"bytecode_cache": _Compiled()}
    compile_builder = Rule._compile_builder
    known: dict[Any, Callable[..., tuple[str, str]]] = {}

    def compiled(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - as Werkzeug has it
        """What builds addresses depends on nothing but the rule's text and defaults."""
        key = (append_unknown, tuple(self._trace), repr(self.defaults))
        if key not in known:
            known[key] = compile_builder(self, append_unknown)
        return known[key]

    Rule._compile_builder = compiled  # type: ignore[method-assign]
