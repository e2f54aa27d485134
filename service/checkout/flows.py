"""The flows a variant may name: which sections a visitor meets, in which steps.

Every flow asks for the same fields; only their order over steps differs, because that is what
is being measured. Adding a flow is one entry in `FLOWS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experiments import Experiment
from service.errors import ConfigurationError
from service.languages import sentence


@dataclass(frozen=True)
class Section:
    """A part of every checkout; its template has the same name.

    Attributes:
        title: what it is called where it is shown again.
        fields: names of its inputs with ``data-field``, whose values the order keeps.
    """

    title: str
    fields: tuple[str, ...] = ()


SECTIONS = {
    "contact": Section(sentence("Contact")),
    "address": Section(sentence("Billing address")),
    "payment": Section(sentence("Payment")),
}
FIELDS = frozenset(name for section in SECTIONS.values() for name in section.fields)


@dataclass(frozen=True)
class Step:
    """What a visitor sees at once.

    Attributes:
        key: names the step in addresses and events.
        title: the heading.
        sections: names of templates in ``templates/checkout/sections``.
        action: the words on the button, or None for the one that pays.
    """

    key: str
    title: str
    sections: tuple[str, ...]
    action: str | None = None


@dataclass(frozen=True)
class Flow:
    """The steps of a checkout, in order; the last one pays.

    Attributes:
        key: what a variant names.
        steps: what is seen at once, in turn.
        reload: whether each step is a page of its own that the server renders, with what was
            typed before; else all are one page, which shows one after the other.

    Raises:
        ValueError: a section is missing or asked for twice, the last step does not pay, or pages of
            their own do not begin with what has to be typed into ours.
    """

    key: str
    steps: tuple[Step, ...]
    reload: bool = False

    def __post_init__(self) -> None:
        sections = [section for step in self.steps for section in step.sections]
        if sorted(sections) != sorted(SECTIONS):
            raise ValueError(
                f"flow {self.key} must have each of {list(SECTIONS)} once, not {sections}"
            )
        typed = {"contact", *(key for key, section in SECTIONS.items() if section.fields)}
        late = sorted(typed & set(sections[len(self.steps[0].sections) :]))
        if self.reload and late:
            raise ValueError(
                f"flow {self.key}: steps that are pages of their own ask for {late[0]} first"
            )
        if [step.action is None for step in self.steps] != [False] * (len(self.steps) - 1) + [True]:
            raise ValueError(f"flow {self.key}: only the last step pays")


_TWO_STEPS = (
    Step(
        "details",
        sentence("Your details"),
        ("contact", "address"),
        sentence("Continue to payment"),
    ),
    Step("payment", sentence("Payment"), ("payment",)),
)
FLOWS = {
    flow.key: flow
    for flow in (
        Flow("two_page", _TWO_STEPS),
        Flow("two_page_reload", _TWO_STEPS, reload=True),
        Flow(
            "one_page",
            (Step("checkout", sentence("Checkout"), ("contact", "address", "payment")),),
        ),
    )
}
DEFAULT_FLOW = FLOWS["two_page"]


def step_at(flow: Flow, key: str | None, *, ready: bool) -> int:
    """Which step of a flow a page begins with.

    Args:
        flow: the visitor's.
        key: the step that the address asks for, if any.
        ready: whether what the steps before ask for was given.
    """
    keys = [step.key for step in flow.steps]
    return keys.index(key) if flow.reload and ready and key in keys else 0


def flow_named(key: str | None) -> Flow:
    """The flow of that key; without a key, the default flow.

    Raises:
        ConfigurationError: there is no such flow.
    """
    if key is None:
        return DEFAULT_FLOW
    if key not in FLOWS:
        raise ConfigurationError(f"there is no flow {key!r}; the flows are {', '.join(FLOWS)}")
    return FLOWS[key]


def check_flows(experiments: Iterable[Experiment]) -> None:
    """Resolve every flow a variant names, so that a typo stops the start and not a visitor.

    Raises:
        ConfigurationError: naming the experiment, the variant and the flows there are.
    """
    for experiment in experiments:
        for variant in experiment.variants:
            try:
                flow_named(variant.flow)
            except ConfigurationError as exc:
                raise ConfigurationError(
                    f"experiment {experiment.key}, variant {variant.key}: {exc}"
                ) from exc
