"""Every definition there is, read together and valid together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from experiments.definition import Experiment, Status
from experiments.document import Document, Location, parse, read
from experiments.errors import InvalidDefinition, Problem, UnknownExperiment
from experiments.metrics import Metric
from experiments.notation import shown
from experiments.offers import Offer
from experiments.schema import parse_experiment, parse_metrics, parse_offers

METRICS_FILE: Final = "metrics.yaml"
OFFERS_FILE: Final = "offers.yaml"
_SHIPPED: Final = Path(__file__).parent

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Catalog:
    """The experiments, metrics and offers in force.

    Attributes:
        experiments: every experiment, by key.
        metrics: every metric, by key.
        offers: everything for sale, by key.
        version: SHA-256 of the files it was loaded from, in hexadecimal.
    """

    experiments: Mapping[str, Experiment]
    metrics: Mapping[str, Metric]
    offers: Mapping[str, Offer]
    version: str

    @classmethod
    def load(cls, definitions: Path) -> "Catalog":
        """Reads a directory of definitions, with the metrics and offers of the directory above.

        Where there is no `metrics.yaml` or `offers.yaml` above, the shipped one is used.

        Args:
            definitions: the directory; each of its `*.yaml` files is one experiment.

        Raises:
            InvalidDefinition: with every problem of every file.
        """
        reading = _Reading()
        files = reading.files_in(definitions)
        metrics = reading.take(_beside(definitions, METRICS_FILE), parse_metrics)
        offers = reading.take(_beside(definitions, OFFERS_FILE), parse_offers)
        experiments = reading.experiments(files, metrics)
        if reading.problems or metrics is None or offers is None:
            raise InvalidDefinition(reading.problems)
        return cls(
            experiments=MappingProxyType({found.key: found for found in experiments}),
            metrics=MappingProxyType(metrics),
            offers=MappingProxyType(offers),
            version=reading.version(),
        )

    def experiment(self, key: str) -> Experiment:
        """The experiment of that key.

        Raises:
            UnknownExperiment: when there is none.
        """
        if key not in self.experiments:
            raise UnknownExperiment(key)
        return self.experiments[key]

    @property
    def checkout_experiment(self) -> Experiment | None:
        """The one experiment that decides the checkout's flow.

        It is the running experiment whose variants name flows; while none runs, the shipped
        one; None when there is neither.
        """
        return next(iter(_deciding_the_flow(self.experiments.values())), None)


def lint(paths: Iterable[Path]) -> list[Problem]:
    """Every problem of these files and of those below these directories, in their order.

    A file named `metrics.yaml` or `offers.yaml` is read as such, every other as an experiment,
    together with the others of its directory and with the metrics `Catalog.load` would use.

    Args:
        paths: files, or directories whose `*.yaml` files are read, also those further down.
    """
    reading = _Reading()
    files = [file for path in paths for file in reading.files_below(path)]
    for file in files:
        if parser := _NAMED.get(file.name):
            reading.take(file, parser)
    experiments = sorted(file for file in files if file.name not in _NAMED)
    for directory, together in groupby(experiments, key=lambda file: file.parent):
        metrics = reading.take(_beside(directory, METRICS_FILE), parse_metrics)
        reading.experiments(list(together), metrics)
    return sorted(reading.problems)


_NAMED: Final[Mapping[str, Callable[[Document], object]]] = {
    METRICS_FILE: parse_metrics,
    OFFERS_FILE: parse_offers,
}


class _Placed(NamedTuple):
    """An experiment and the document it was written in."""

    document: Document
    experiment: Experiment


def _placed(document: Document) -> _Placed:
    return _Placed(document, parse_experiment(document))


class _Reading:
    """One reading of files: each is read once, and every problem is kept."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._digests: dict[str, str] = {}
        self._taken: dict[Path, Any] = {}

    def version(self) -> str:
        """SHA-256 over the names and contents of the files read so far."""
        lines = (f"{digest} {name}\n" for name, digest in sorted(self._digests.items()))
        return sha256("".join(lines).encode()).hexdigest()

    def take(self, path: Path, parser: Callable[[Document], Parsed]) -> Parsed | None:
        """What a file defines, or None when it has problems."""
        if path not in self._taken:
            self._taken[path] = self._parsed(path, parser)
        found: Parsed | None = self._taken[path]
        return found

    def _parsed(self, path: Path, parser: Callable[[Document], Parsed]) -> Parsed | None:
        try:
            source, file = read(path)
            self._digests[path.name] = sha256(source).hexdigest()
            return parser(parse(source, file))
        except InvalidDefinition as refused:
            self.problems.extend(refused.problems)
            return None

    def experiments(
        self, files: Iterable[Path], metrics: Mapping[str, Metric] | None
    ) -> list[Experiment]:
        """The experiments of one directory, judged by what they share."""
        taken = (self.take(file, _placed) for file in files)
        placed = [found for found in taken if found is not None]
        if metrics is not None:
            self.problems.extend(_unknown_metrics(placed, metrics))
        self.problems.extend(_rivals(placed))
        return [experiment for _, experiment in placed]

    def files_in(self, directory: Path) -> list[Path]:
        """The definition files right in a directory."""
        try:
            return self._definitions(directory.iterdir())
        except OSError as error:
            self._note(directory, "unreadable", error.strerror or "it cannot be read", _GIVE)
            return []

    def files_below(self, path: Path) -> list[Path]:
        """The definition files below a directory; a file is itself."""
        return self._definitions(path.rglob("*")) if path.is_dir() else [path]

    def _definitions(self, paths: Iterable[Path]) -> list[Path]:
        visible = sorted(path for path in paths if not path.name.startswith("."))
        for path in visible:
            if path.suffix.lower() in {".yml", ".yaml"} and path.suffix != ".yaml":
                self._note(
                    path,
                    "file-extension",
                    f"a file ending in {path.suffix} is not read",
                    f"rename it to {path.stem}.yaml",
                )
        return [path for path in visible if path.suffix == ".yaml"]

    def _note(self, path: Path, rule: str, message: str, mend: str) -> None:
        self.problems.append(Problem(str(path), 1, 1, rule, message, mend))


_GIVE: Final = "give a directory of definitions, such as experiments/definitions"


def _beside(definitions: Path, name: str) -> Path:
    """The file of that name in the directory above the definitions, else the shipped one."""
    own = definitions.absolute().parent / name
    return own if own.exists() or own.is_symlink() else _SHIPPED / name


def _unknown_metrics(placed: Iterable[_Placed], metrics: Mapping[str, Metric]) -> Iterator[Problem]:
    for document, experiment in placed:
        for at, key in _metric_keys(experiment):
            if key not in metrics:
                near = get_close_matches(key, metrics, n=1) or [f"one of {', '.join(metrics)}"]
                yield document.problem(
                    document.at(("metrics", *at)),
                    "unknown-metric",
                    f"no metric has the key {shown(key)}",
                    f"write {near[0]}, or define it in {METRICS_FILE}",
                )


def _metric_keys(experiment: Experiment) -> Iterator[tuple[Location, str]]:
    yield ("primary",), experiment.metrics.primary
    for role in ("secondary", "guardrails"):
        keys: tuple[str, ...] = getattr(experiment.metrics, role)
        yield from (((role, index), key) for index, key in enumerate(keys))


def _deciding_the_flow(experiments: Iterable[Experiment]) -> list[Experiment]:
    candidates = [found for found in experiments if found.control.flow is not None]
    running = [found for found in candidates if found.status is Status.RUNNING]
    return running or [found for found in candidates if found.status is Status.SHIPPED]


def _rivals(placed: Iterable[_Placed]) -> Iterator[Problem]:
    documents = {experiment.key: document for document, experiment in placed}
    deciding = _deciding_the_flow(experiment for _, experiment in placed)
    for rival in deciding[1:]:
        document = documents[rival.key]
        yield document.problem(
            document.at(("status",)),
            "one-checkout-experiment",
            f"{shown(deciding[0].key)} is {rival.status} too and decides the checkout's flow",
            "pause or stop one of the two",
        )
