"""More than sixty broken definitions in `tests/broken`: each has its whole answer beside it.

A folder holds the files a growth team would have; `answers.txt` is what lint prints of them, which
was read and judged by eye.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import Catalog, InvalidDefinition, lint
from tests.pace import second

BROKEN = Path(__file__).parents[1] / "broken"
CASES = sorted(path.parent for path in BROKEN.glob("*/answers.txt"))
MEGABYTE = 1024 * 1024

# Run alone, so that neither another test's memory nor its time is counted.
MEASURED = """
import json, sys, time
from pathlib import Path
from experiments import lint

took = {}
for name in sys.argv[1:]:
    begun = time.process_time()
    found = lint([Path(name)])
    took[name] = [time.process_time() - begun, [problem.line for problem in found]]
# The peak of this program alone: rusage would tell that of whoever forked it too.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"peak": int(status["VmHWM"].split()[0]) * 1024, "took": took}))
"""


def test_there_are_sixty_and_more() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_broken_definition_has_its_answer(case: Path) -> None:
    answers = (case / "answers.txt").read_text(encoding="utf-8").splitlines()
    assert answers
    found = [str(problem) for problem in lint([case, case / "definitions"])]
    assert [line.removeprefix(f"{case}/") for line in found] == answers
    with pytest.raises(InvalidDefinition):
        Catalog.load(case / "definitions")


def attacks(directory: Path) -> list[Path]:
    """Files too large to be kept: each would keep a parser busy for minutes."""
    texts = {
        "ten-megabytes": "name: " + "x" * (10 * MEGABYTE),
        "ten-megabytes-of-keys": "".join(f"k{number}: 1\n" for number in range(10**6)),
        "as-many-brackets-as-fit": "[" * (256 * 1024),
        "as-many-mappings-as-fit": "{a: " * (64 * 1024),
        "as-many-keys-as-fit": "".join(f"k{number}:\n" for number in range(25_000)),
        "as-many-values-as-fit": "variants: [" + "1," * 100_000 + "]",
        "as-many-conditions-as-fit": "targeting: {any: ["
        + "{attribute: country, in: [SE]}," * 3_000
        + "]}",
        "as-many-stars-as-fit": "targeting: {attribute: locale, glob: '" + "*a" * 100_000 + "'}",
    }
    files = []
    for name, text in texts.items():
        files.append(directory / f"{name}.yaml")
        files[-1].write_text(text, encoding="utf-8")
    return files


def test_none_takes_over_a_second_or_200_megabytes(tmp_path: Path) -> None:
    files = [*attacks(tmp_path), *(case / "definitions" for case in CASES)]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, files)],
        cwd=BROKEN.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(ran.stdout)
    assert measured["peak"] < 200 * MEGABYTE
    for name, (seconds, lines) in measured["took"].items():
        assert seconds < second(), name
        if name.startswith(str(tmp_path)):
            assert lines, name
