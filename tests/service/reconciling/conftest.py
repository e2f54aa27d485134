"""Reconciling looks at all that a simulator has: here it has nothing of other tests'."""

from collections.abc import Iterator

import pytest

from tests.service.conftest import Simulator, running_simulator


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One for the tests of a file."""
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running
