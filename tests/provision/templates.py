"""Compiled templates, kept from one test's application to the next one's.

Compiling a page's templates takes longer than most tests do beside it.
"""

from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from typing_extensions import override


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
