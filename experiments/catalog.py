"""Every definition there is, read together and valid together."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar, cast

from experiments.attributes import Attribute
from experiments.cases import Case
from experiments.changes import Change, judged, removed
from experiments.definition import Experiment
from experiments.document import Document, parse, read, readable
from experiments.errors import InvalidDefinition, Problem, UnknownExperiment, first_problems
from experiments.events import FunnelEvent
from experiments.layers import Layer, Slot
from experiments.metrics import Metric
from experiments.offers import Offer
from experiments.operation import Switch
from experiments.plan import document
from experiments.readings import Readings
from experiments.references import (
    TESTS_SUFFIX,
    Placed,
    Shared,
    case_problems,
    deciding_the_flow,
    references,
    rivals,
    slot_problems,
    tested_key,
    untested,
)
from experiments.schema import (
    LayersFile,
    parse_attributes,
    parse_cases,
    parse_experiment,
    parse_layers,
    parse_metrics,
    parse_offers,
)

METRICS_FILE: Final = "metrics.yaml"
OFFERS_FILE: Final = "offers.yaml"
LAYERS_FILE: Final = "layers.yaml"
ATTRIBUTES_FILE: Final = "attributes.yaml"
_SHIPPED: Final = Path(__file__).parent

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Catalog:
    """The experiments in force, and all that they share.

    Attributes:
        experiments: every experiment, by key, each with its slot and its holdouts.
        metrics: every metric, by key.
        offers: everything for sale, by key.
        layers: every layer, by key.
        attributes: every attribute that is known of units, by key.
        version: SHA-256 of the files it was loaded from, in hexadecimal.
        sources: what those files say, by their names.
    """

    experiments: Mapping[str, Experiment]
    metrics: Mapping[str, Metric]
    offers: Mapping[str, Offer]
    layers: Mapping[str, Layer]
    attributes: Mapping[str, Attribute]
    version: str
    sources: Mapping[str, str]

    @classmethod
    def load(
        cls,
        definitions: Path,
        *,
        flows: Collection[str] | None = None,
        readings: Readings | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> "Catalog":
        """Reads a directory of definitions, with what they share from the directory above.

        Where there is no `metrics.yaml`, `offers.yaml`, `layers.yaml` or `attributes.yaml` above,
        the shipped one is used.

        Args:
            definitions: the directory; each of its `*.yaml` files is one experiment.
            flows: the flows there are; None when nobody knows, and any name is taken.
            readings: what files said at earlier times: the same bytes are not parsed again.
            between: called before each file is parsed, so that whoever else has work gets on.

        Raises:
            InvalidDefinition: with every problem of every file.
        """
        reading = _Reading(flows, readings, between)
        files = [file for file in reading.files_in(definitions) if _is_experiment(file)]
        experiments = reading.experiments(definitions, files)
        shared = reading.shared(definitions)
        if (
            reading.problems
            or shared.metrics is None
            or shared.offers is None
            or shared.attributes is None
            or shared.layers is None
        ):
            raise InvalidDefinition(reading.problems)
        _, layers = shared.layers
        return cls(
            experiments=MappingProxyType(
                {found.key: _resolved(found, layers) for found in experiments}
            ),
            metrics=MappingProxyType(shared.metrics),
            offers=MappingProxyType(shared.offers),
            layers=MappingProxyType({layer.key: layer for layer in layers.layers}),
            attributes=MappingProxyType(shared.attributes),
            version=reading.version(),
            sources=MappingProxyType(reading.sources()),
        )

    def experiment(self, key: str) -> Experiment:
        """The experiment of that key.

        Raises:
            UnknownExperiment: when there is none.
        """
        if key not in self.experiments:
            raise UnknownExperiment(key)
        return self.experiments[key]

    @cached_property
    def checkout_experiments(self) -> tuple[Experiment, ...]:
        """The experiments that decide the checkout's flow; a unit enters one of them at most.

        They are the running experiments whose variants name flows, which have slots of one layer
        where they are several; while none runs, the shipped one.
        """
        return tuple(deciding_the_flow(self.experiments.values()))

    def plan_document(self, key: str) -> dict[str, Any]:
        """What is settled of an experiment before there are numbers, its metrics included.

        Raises:
            UnknownExperiment: when there is no such experiment.
        """
        experiment = self.experiment(key)
        named = {name: document(self.metrics[name]) for name in experiment.metrics.keys}
        return {**experiment.plan_document(), "definitions": named}

    @cached_property
    def triggers(self) -> frozenset[FunnelEvent]:
        """The events of pages that make units count, beside the page that the server shows."""
        named = {experiment.exposure.trigger for experiment in self.checkout_experiments}
        return frozenset(named - {FunnelEvent.CHECKOUT_VIEWED})

    def operated(self, switches: Mapping[str, Switch]) -> "Catalog":
        """The same with what operators have switched, by the experiment's key."""
        experiments = {
            key: replace(found, stopped=switches[key].stopped, granted=switches[key].granted)
            if key in switches
            else found
            for key, found in self.experiments.items()
        }
        return replace(self, experiments=MappingProxyType(experiments))


@dataclass(frozen=True)
class Linted:
    """What was read, and what is wrong with it.

    Attributes:
        problems: every problem, in the order of files, lines and columns.
        files: how many definition files were named or stood below a named directory.
        experiments: how many of them were read as experiments.
        metrics: how many valid metrics the experiments could name.
        offers: how many valid offers were read.
    """

    problems: tuple[Problem, ...]
    files: int
    experiments: int
    metrics: int
    offers: int


Before: TypeAlias = Callable[[Path], Path | None]
"""Where a directory stands as it was before; None where nobody knows."""


def _unknown(_: Path) -> Path | None:
    return None


def lint(
    paths: Iterable[Path], *, flows: Collection[str] | None = None, before: Before = _unknown
) -> list[Problem]:
    """The problems that `examine` finds."""
    return list(examine(paths, flows=flows, before=before).problems)


def examine(
    paths: Iterable[Path], *, flows: Collection[str] | None = None, before: Before = _unknown
) -> Linted:
    """Every problem of these files and of those below these directories, in their order.

    A file named `metrics.yaml` or `offers.yaml` is read as such, assignment tests as those, every
    other as an experiment, together with the others of its directory and with the metrics
    `Catalog.load` would use. Of others that were not named no problem is told but the one they
    make for those that were. Whatever `Catalog.load` refuses of a directory is told of that
    directory.

    Args:
        paths: files, or directories whose `*.yaml` files are read, also those further down.
        flows: the flows there are; None when nobody knows, and any name is taken.
        before: what the paths were, to judge also what their change would do to visitors.
    """
    reading = _Reading(flows)
    paths = list(paths)
    found = {file.absolute(): file for path in paths for file in reading.files_below(path)}
    for file in found.values():
        if parser := _parser(file):
            reading.take(file, parser)
    experiments = sorted(file for file in found.values() if _is_experiment(file))
    together = {
        directory: list(files)
        for directory, files in groupby(experiments, lambda file: file.parent)
    }
    for directory in dict.fromkeys([*together, *filter(_holds_definitions, paths)]):
        reading.directory(directory, together.get(directory, []), whole=directory in paths)
    for file in found.values():
        if file.name.endswith(TESTS_SUFFIX):
            reading.tests(file)
    old = _Reading(None)
    for path in paths:
        if (was := before(path if _is_directory(path) else path.parent)) is not None:
            reading.compare(path, was, old)
    return Linted(
        problems=tuple(sorted(set(reading.problems))),
        files=len(found),
        experiments=len(experiments),
        metrics=reading.count(METRICS_FILE),
        offers=reading.count(OFFERS_FILE),
    )


_NAMED: Final[Mapping[str, Callable[[Document], object]]] = {
    METRICS_FILE: parse_metrics,
    OFFERS_FILE: parse_offers,
    ATTRIBUTES_FILE: parse_attributes,
    LAYERS_FILE: lambda document: (document, parse_layers(document)),
}
_layers: Final = cast("Callable[[Document], tuple[Document, LayersFile]]", _NAMED[LAYERS_FILE])


def _resolved(experiment: Experiment, layers: LayersFile) -> Experiment:
    """The experiment with its slot and every holdout that holds for it."""
    slot = _slot(experiment, layers)
    holdouts = tuple(
        holdout
        for holdout in layers.holdouts
        if holdout.everywhere or holdout.key == experiment.holdout
    )
    if slot is None and not holdouts:
        return experiment
    return replace(experiment, slot=slot, holdouts=holdouts)


def _slot(experiment: Experiment, layers: LayersFile) -> Slot | None:
    layer = next((each for each in layers.layers if each.key == experiment.layer), None)
    return None if layer is None else layer.slot_of(experiment.key)


def _parser(file: Path) -> Callable[[Document], object] | None:
    """What reads a file that is no experiment; None for an experiment."""
    return _cases if file.name.endswith(TESTS_SUFFIX) else _NAMED.get(file.name)


def _cases(document: Document) -> tuple[Document, tuple[Case, ...]]:
    return document, parse_cases(document)


def _is_experiment(file: Path) -> bool:
    return _parser(file) is None


def _placed(document: Document) -> Placed:
    try:
        return Placed(document, parse_experiment(document), ())
    except InvalidDefinition as refused:
        return Placed(document, None, refused.problems)


class _Reading:
    """One reading of files: each is read once, and every problem is kept."""

    def __init__(
        self,
        flows: Collection[str] | None,
        readings: Readings | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._flows = flows
        self._readings = Readings() if readings is None else readings
        self._readings.begin()
        self._between = between
        self.problems: list[Problem] = []
        self._sources: dict[str, bytes] = {}
        self._taken: dict[Path, Any] = {}

    def version(self) -> str:
        """SHA-256 over the names and contents of the files read so far."""
        digests = ((name, sha256(read).hexdigest()) for name, read in sorted(self._sources.items()))
        lines = (f"{digest} {name}\n" for name, digest in digests)
        return sha256("".join(lines).encode()).hexdigest()

    def sources(self) -> dict[str, str]:
        """The text of the files read so far, by their names; they all hold."""
        return {name: read.decode() for name, read in self._sources.items()}

    def take(self, path: Path, parser: Callable[[Document], Parsed]) -> Parsed | None:
        """What a file defines, or None when it has problems."""
        key = path.absolute()
        if key not in self._taken:
            self._taken[key] = self._parsed(path, parser)
        found: Parsed | None = self._taken[key]
        return found

    def _parsed(self, path: Path, parser: Callable[[Document], Parsed]) -> Parsed | None:
        try:
            source, file = read(path)
            self._sources[path.name] = source
            return self._readings.of(file, source, lambda: self._read(source, file, parser))
        except InvalidDefinition as refused:
            self.problems.extend(refused.problems)
            return None

    def _read(self, source: bytes, file: str, parser: Callable[[Document], Parsed]) -> Parsed:
        self._between()
        return parser(parse(source, file))

    def count(self, name: str) -> int:
        """How many things the valid files of this name define."""
        return sum(len(found or ()) for path, found in self._taken.items() if path.name == name)

    def directory(self, directory: Path, files: list[Path], *, whole: bool) -> None:
        """Keep the problems of experiments that stand in one directory.

        Args:
            directory: where they stand.
            files: the experiments to tell of; the others there are read, and only count as rivals.
            whole: whether the directory itself was asked about, with all that belongs to it.
        """
        if whole:
            self.shared(directory)
        named = {file.absolute() for file in files}
        others = [file for file in _listed(directory) if file.absolute() not in named]
        # The others come first: of two rivals, the one that was asked about is told.
        self.experiments(directory, [*others, *files])
        untold = {readable(file) for file in others}
        self.problems = [problem for problem in self.problems if problem.file not in untold]

    def experiments(self, directory: Path, files: Iterable[Path]) -> list[Experiment]:
        """The experiments of one directory, judged also by what they share."""
        self._refuse_misplaced(directory)
        taken = (self.take(file, _placed) for file in files)
        placed = {_key_of(found.document): found for found in taken if found is not None}
        shared = self.shared(directory)
        for found in placed.values():
            self.problems.extend(found.problems)
            self.problems.extend(first_problems(references(found, shared)))
        if shared.layers is not None:
            self.problems.extend(first_problems(slot_problems(*shared.layers, placed)))
        valid = {
            found.experiment: found.document
            for found in placed.values()
            if found.experiment is not None
        }
        self.problems.extend(rivals(valid))
        return list(valid)

    def tests(self, file: Path) -> None:
        """Keep the problems that tests have with the experiment beside them."""
        taken = self.take(file, _cases)
        if taken is None:
            return
        document, cases = taken
        key = tested_key(file.name)
        known = [other.stem for other in _listed(file.parent)]
        placed = self.take(file.with_name(f"{key}.yaml"), _placed) if key in known else None
        experiment = None if placed is None else placed.experiment
        attributes = self.shared(file.parent).attributes
        self.problems.extend(untested(document, key, known))
        self.problems.extend(first_problems(case_problems(document, cases, experiment, attributes)))

    def compare(self, path: Path, was: Path, old: "_Reading") -> None:
        """Keep the problems that a path makes for the visitors of what it was.

        Args:
            path: a file, or a directory with all below it.
            was: where the directory, or that of the file, stands as it was.
            old: the reading of what was.
        """
        directory = path if _is_directory(path) else path.parent
        files = old.files_below(was) if directory is path else [was / path.name]
        for file in files:
            if _is_experiment(file) and os.path.lexists(file):
                self._compare(directory / file.relative_to(was), file, old)

    def _compare(self, file: Path, was: Path, old: "_Reading") -> None:
        if not os.path.lexists(file):
            placed = old.take(was, _placed)
            if placed is not None and placed.experiment is not None:
                self.problems.extend(removed(placed.experiment, str(file)))
            return
        now = self.take(file, _placed)
        # What was not written anew is not read anew; its slot may be another all the same.
        placed = now if _same(file, was) else old.take(was, _placed)
        layers, earlier = self.layers(file.parent), old.layers(was.parent)
        if now and now.experiment and placed and placed.experiment and layers and earlier:
            change = Change(
                before=placed.experiment,
                after=now.experiment,
                document=now.document,
                slot_before=_slot(placed.experiment, earlier[1]),
                slot_after=_slot(now.experiment, layers[1]),
                layers=layers[0],
            )
            self.problems.extend(judged(change))

    def shared(self, directory: Path) -> Shared:
        """What the experiments of a directory share, from the directory above."""
        return Shared(
            metrics=self.take(_beside(directory, METRICS_FILE), parse_metrics),
            offers=self.take(_beside(directory, OFFERS_FILE), parse_offers),
            attributes=self.take(_beside(directory, ATTRIBUTES_FILE), parse_attributes),
            layers=self.layers(directory),
            flows=self._flows,
        )

    def layers(self, directory: Path) -> tuple[Document, LayersFile] | None:
        """The layers of a directory's experiments, and the document they stand in."""
        return self.take(_beside(directory, LAYERS_FILE), _layers)

    def _refuse_misplaced(self, directory: Path) -> None:
        for name in _NAMED:
            if os.path.lexists(directory / name):
                mend = "move it to the directory above the definitions"
                self._note(directory / name, "misplaced-file", f"{name} is not read here", mend)

    def files_in(self, directory: Path) -> list[Path]:
        """The definition files right in a directory."""
        return self._definitions(directory, directory.iterdir)

    def files_below(self, path: Path) -> list[Path]:
        """The definition files below a directory; anything else is itself."""
        below = _is_directory(path)
        return self._definitions(path, lambda: path.rglob("*")) if below else [path]

    def _definitions(self, directory: Path, listing: Callable[[], Iterable[Path]]) -> list[Path]:
        try:
            visible = sorted(path for path in listing() if not _is_hidden(path, directory))
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            mend = "give a directory of definitions, such as experiments/definitions"
            self._note(directory, "unreadable", reason, mend)
            return []
        for path in visible:
            if path.suffix.lower() in {".yml", ".yaml"} and path.suffix != ".yaml":
                self._note(
                    path,
                    "file-extension",
                    f"a file ending in {path.suffix} is not read",
                    f"rename it to {readable(Path(path.stem))}.yaml",
                )
        return [path for path in visible if path.suffix == ".yaml"]

    def _note(self, path: Path, rule: str, message: str, mend: str) -> None:
        self.problems.append(Problem(readable(path), 1, 1, rule, message, mend))


def _listed(directory: Path) -> list[Path]:
    """The experiments in a directory; none where it cannot be listed."""
    try:
        return sorted(
            path
            for path in directory.iterdir()
            if path.suffix == ".yaml" and _is_experiment(path) and path.name[0] != "."
        )
    except OSError:
        return []


def files_of(definitions: Path) -> list[Path]:
    """Every file that decides what `Catalog.load` says of a directory, and be it by its presence.

    Of a directory that cannot be listed it is the directory itself.
    """
    try:
        listed = [path for path in definitions.iterdir() if _is_seen(path)]
    except OSError:
        listed = [definitions]
    return sorted([*listed, *(_beside(definitions, name) for name in _NAMED)])


def _is_seen(path: Path) -> bool:
    return path.suffix.lower() in {".yaml", ".yml"} and path.name[0] != "."


def experiment_keys(files: Iterable[str]) -> set[str]:
    """The keys of the experiments among files of these names."""
    named = map(Path, files)
    return {file.stem for file in named if file.suffix == ".yaml" and _is_experiment(file)}


def laid_out(sources: Mapping[str, str], above: Path) -> Path:
    """Write the files of a catalog below an empty directory; returns what `load` takes."""
    definitions = above / "definitions"
    definitions.mkdir()
    for name, text in sources.items():
        file = (above if name in _NAMED else definitions) / name
        # As bytes: the ends of lines are part of the version.
        file.write_bytes(text.encode())
    return definitions


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _same(file: Path, other: Path) -> bool:
    try:
        return read(file)[0] == read(other)[0]
    except InvalidDefinition:
        return False


def _holds_definitions(path: Path) -> bool:
    """Whether a directory is one of definitions, and not the one above that has the metrics."""
    try:
        above = any(os.path.lexists(path / name) for name in _NAMED)
        return path.is_dir() and not (above and any(below.is_dir() for below in path.iterdir()))
    except OSError:
        return False


def _is_hidden(path: Path, directory: Path) -> bool:
    # Editors keep unfinished copies in hidden files beside the real one.
    return any(part.startswith(".") for part in path.relative_to(directory).parts)


def _beside(definitions: Path, name: str) -> Path:
    """The file of that name in the directory above the definitions, else the shipped one."""
    named = definitions if definitions.name not in {"", ".."} else definitions.resolve()
    own = named.parent / name
    return own if os.path.lexists(own) else _SHIPPED / name


def _key_of(document: Document) -> str:
    return Path(document.file).stem
