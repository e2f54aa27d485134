"""An editor's language server over a copy of the shipped experiments."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import PROJECT
from tests.editor.language_server import LanguageServer, started
from tests.provision.node_packages import install
from tests.provision.programs import find_node

OLDEST_NODE = 22


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shipped experiments that may be written to."""
    copy = tmp_path_factory.mktemp("editor") / "experiments"
    unread = shutil.ignore_patterns("*.py", "__*")
    shutil.copytree(PROJECT / "experiments", copy, ignore=unread)
    return copy


@pytest.fixture(scope="session")
def editor(directory: Path) -> Iterator[LanguageServer]:
    """The language server, which finds schemas by the first line of each file."""
    node = find_node(OLDEST_NODE)
    modules = install(node, PROJECT / "tests" / "node")
    with started(node, modules, directory) as server:
        yield server
