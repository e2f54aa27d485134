"""Assignment tests, run: whether definitions keep what the files beside them promise."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from experiments.assignment import Assignment, assign
from experiments.cases import Case
from experiments.catalog import Catalog
from experiments.definition import Experiment
from experiments.document import Document, parse, read
from experiments.errors import InvalidDefinition, Problem
from experiments.explanation import explained
from experiments.references import TESTS_SUFFIX, case_problems, tested_key, untested
from experiments.schema import parse_cases


@dataclass(frozen=True)
class Trial:
    """One assignment test and how it went.

    Attributes:
        file: the file of the test, as the caller named it.
        line: where the test starts.
        experiment: key of the experiment.
        case: what was promised.
        got: what the unit sees.
        why: the cause, and what of the unit led to it.
    """

    file: str
    line: int
    experiment: str
    case: Case
    got: Assignment
    why: str

    @property
    def passed(self) -> bool:
        """Whether the unit sees what was promised."""
        return self.case.expect.met_by(self.got)


def run(paths: Iterable[Path], *, now: datetime) -> tuple[Trial, ...]:
    """Runs the assignment tests in these files and below these directories, in their order.

    Args:
        paths: files of tests, or directories, also of those further down.
        now: the time that is asked about where neither a test nor its experiment says another.

    Raises:
        InvalidDefinition: with every problem of the tests, or of the definitions beside them.
    """
    catalogs: dict[Path, Catalog] = {}
    trials: list[Trial] = []
    problems: list[Problem] = []
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        try:
            if file.parent not in catalogs:
                catalogs[file.parent] = Catalog.load(file.parent)
            trials += _tried(file, catalogs[file.parent], now)
        except InvalidDefinition as refused:
            problems += refused.problems
    if problems:
        raise InvalidDefinition(sorted(set(problems)))
    return tuple(trials)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(
        file
        for file in path.rglob(f"*{TESTS_SUFFIX}")
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _tried(file: Path, catalog: Catalog, now: datetime) -> list[Trial]:
    source, name = read(file)
    document = parse(source, name)
    cases = parse_cases(document)
    key = tested_key(file.name)
    experiment = catalog.experiments.get(key)
    problems = [
        *untested(document, key, catalog.experiments),
        *case_problems(document, cases, experiment, catalog.attributes),
    ]
    if problems or experiment is None:
        raise InvalidDefinition(problems)
    return [_trial(document, at, case, experiment, now) for at, case in enumerate(cases)]


def _trial(document: Document, at: int, case: Case, experiment: Experiment, now: datetime) -> Trial:
    tried = case.tried(experiment)
    moment = case.moment(experiment, now)
    got = assign(tried, case.unit, now=moment, attributes=case.attributes)
    return Trial(
        file=document.file,
        line=document.at(("tests", at)).line,
        experiment=experiment.key,
        case=case,
        got=got,
        why=explained(tried, got, case.attributes, now=moment),
    )
