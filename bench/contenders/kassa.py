"""Kassa itself: definitions loaded as the service loads them, assigned as a page assigns."""

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.contenders.question import (
    ATTRIBUTE,
    EXPERIMENT,
    OUTSIDE,
    TARGETED,
    VARIANTS,
    Contender,
    Known,
)
from experiments import Catalog, Experiment, assign

_NAME = f"kassa {version('kassa')}"
_EXPERIMENT = f"""\
version: 1
name: One-page checkout
hypothesis: Fewer steps let more of the visitors pay.
owner: growth@example.com
status: running
variants:
  - {{key: {VARIANTS[0]}, weight: 50, control: true}}
  - {{key: {VARIANTS[1]}, weight: 50}}
metrics: {{primary: paid_conversion}}
analysis: {{planned_units: 40000}}
"""
_TARGETING = f"targeting: {{attribute: {ATTRIBUTE}, in: [{', '.join(TARGETED)}]}}\n"
_LAYER = "layer: checkout\n"
# The slot is the whole layer: every targeted unit that is not held out goes all the way.
_LAYERS = f"""\
version: 1
layers:
  - key: checkout
    slots:
      - {{experiment: {EXPERIMENT}, from: 0, to: 100}}
holdouts:
  - {{key: everything, share: 0.02, global: true}}
"""


def targeted(_cleanup: ExitStack) -> Contender:
    """The experiment that the others have too."""
    does = "assign: targeting, hash, split; the variant with its reason"
    return _contender(_NAME, does, for_some())


def guarded(_cleanup: ExitStack) -> Contender:
    """The same in a layer and with a holdout: two more hashes."""
    does = "the same, in a layer and with a holdout"
    return _contender(f"{_NAME}, guarded", does, _loaded(_TARGETING + _LAYER, _LAYERS))


def plain(_cleanup: ExitStack) -> Contender:
    """Everybody is split: what an experiment without a rule costs."""
    return _contender(f"{_NAME}, plain", "the same, without targeting", for_all())


def for_some() -> Experiment:
    """The experiment with the rule."""
    return _loaded(_TARGETING)


def for_all() -> Experiment:
    """The experiment without the rule."""
    return _loaded("")


def _loaded(more: str, layers: str | None = None) -> Experiment:
    with tempfile.TemporaryDirectory() as above:
        definitions = Path(above, "definitions")
        definitions.mkdir()
        Path(definitions, f"{EXPERIMENT}.yaml").write_text(_EXPERIMENT + more)
        if layers is not None:
            Path(above, "layers.yaml").write_text(layers)
        return Catalog.load(definitions).experiment(EXPERIMENT)


def _contender(name: str, does: str, experiment: Experiment) -> Contender:
    now = datetime.now(UTC)

    def told(unit: str, attributes: Known) -> str:
        found = assign(experiment, unit, now=now, attributes=attributes)  # type: ignore[arg-type]  # None is the peers'
        return found.variant.key if found.enrolled else OUTSIDE

    def ask(unit: str, attributes: Known) -> object:
        return assign(experiment, unit, now=now, attributes=attributes).variant.key  # type: ignore[arg-type]  # None is the peers'

    return Contender(name=name, does=does, ask=ask, told=told)
