"""Runs the scripts of `tests/node`, which use other people's npm packages, unmodified."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.provision import node_packages
from tests.provision.programs import find_node

PROJECT = Path(__file__).parents[1] / "node"


def run(script: str, given: Any, *arguments: str) -> Any:
    """What a script prints, as JSON, when it is given a value on its stdin, as JSON."""
    node = find_node()
    node_packages.install(node, PROJECT)
    ran = subprocess.run(
        [node, PROJECT / script, *arguments],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
