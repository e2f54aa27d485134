"""Breaks the formulas of `analysis` one by one, in a copy: for each a test must fail.

`python -m tests.mutants [WORD]`: all mutants, or those with the word in their name. Exits with 1
where one survives, where its formula is no longer there, or where the tests fail without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, ROOT, Mutant

# As the suite has it, without what drives real programs. Golden files are left out: what they show,
# the tests in the repository must show as well.
_CONFTEST = """\
import hypothesis

hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("mutants")
"""
_PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir=.")
_IGNORED = shutil.ignore_patterns("__pycache__")
FAILED = 1


def copy_into(place: Path) -> None:
    """All that the tests of analysis need."""
    for part in ("analysis", "experiments", "tests/analysis"):
        shutil.copytree(ROOT / part, place / part, ignore=_IGNORED)
    shutil.copy(ROOT / "tests" / "shared_data.py", place / "tests")
    (place / "conftest.py").write_text(_CONFTEST, "utf-8")
    (place / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    slow\naddopts = -m 'not slow'\n", "utf-8"
    )


def outcome(place: Path, mutant: Mutant) -> str:
    """ "killed", or why not."""
    if mutant.occurrences != 1:
        return f"GONE: its formula stands {mutant.occurrences} times in analysis/{mutant.file}"
    file = place / "analysis" / mutant.file
    right = file.read_text("utf-8")
    file.write_text(right.replace(mutant.old, mutant.new), "utf-8")
    try:
        code = passed(place, mutant.tests)
    finally:
        file.write_text(right, "utf-8")
    if code == FAILED:
        return "killed"
    return "SURVIVED" if code == 0 else f"BROKEN: pytest ended with {code}"


def passed(place: Path, tests: Sequence[str]) -> int:
    """How pytest ended: 0 where all passed, 1 where one failed."""
    paths = [f"tests/analysis/{test}" for test in tests]
    # No bytecode: two texts of one second and one length would be one to it.
    environment = os.environ | {"KASSA_SHARED_DATA": "nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"PYTHONPATH": str(place)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *_PYTEST, *paths],
        cwd=place,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


def main(words: Sequence[str]) -> int:
    """Runs them all, a line each."""
    chosen = [each for each in MUTANTS if all(word in each.name for word in words)]
    alive = 0
    with tempfile.TemporaryDirectory() as directory:
        copy_into(Path(directory))
        if passed(Path(directory), sorted({test for each in chosen for test in each.tests})):
            print("the tests fail, or there are none, without any mutant")  # noqa: T201
            return 1
        for number, mutant in enumerate(chosen, start=1):
            found = outcome(Path(directory), mutant)
            alive += found != "killed"
            print(f"{number}/{len(chosen)} {found}: {mutant.name} ({mutant.file})", flush=True)  # noqa: T201
    print(f"{len(chosen) - alive} of {len(chosen)} mutants killed")  # noqa: T201
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
