"""Flows: the same fields in every arm, in known sections, paid in the last step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments import Catalog
from service.checkout.flows import FLOWS, SECTIONS, Flow, Step, check_flows, flow_named
from service.errors import ConfigurationError
from service.settings import PROJECT


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_every_flow_asks_for_every_section_once(flow: Flow) -> None:
    asked = [section for step in flow.steps for section in step.sections]
    assert sorted(asked) == sorted(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_template(section: str) -> None:
    assert (PROJECT / "templates" / "checkout" / "sections" / f"{section}.html").is_file()


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_declares_the_fields_that_its_template_has(section: str) -> None:
    template = PROJECT / "templates" / "checkout" / "sections" / f"{section}.html"
    inputs = re.findall(
        r"<(?:input|select|textarea)[^>]*\bdata-field\b[^>]*>", template.read_text()
    )
    names = [name for each in inputs for name in re.findall(r'\bname="([^"]+)"', each)]
    assert len(names) == len(inputs)
    assert sorted(names) == sorted(SECTIONS[section].fields)


@pytest.mark.parametrize(
    "steps",
    [
        (Step("a", "A", ("contact", "address")),),
        (Step("a", "A", ("contact", "address", "payment", "contact")),),
        (Step("a", "A", ("contact", "address", "payment", "gift")),),
        (Step("a", "A", tuple(SECTIONS), "Continue"),),
        (Step("a", "A", ("contact",)), Step("b", "B", ("address", "payment"))),
        (),
    ],
)
def test_a_flow_that_is_not_fair_or_does_not_pay_can_not_be_made(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="flow broken"):
        Flow("broken", steps)


def test_pages_of_their_own_begin_with_what_is_typed_into_ours() -> None:
    steps = (
        Step("a", "A", ("address",), "Continue"),
        Step("b", "B", ("contact", "payment")),
    )
    assert Flow("late", steps).steps == steps
    with pytest.raises(ValueError, match=r"^flow late: steps .* ask for contact first$"):
        Flow("late", steps, reload=True)


def test_a_variant_without_a_flow_gets_the_default_one() -> None:
    assert flow_named(None).key == "two_page"


def test_every_shipped_definition_names_flows_that_exist() -> None:
    check_flows(Catalog.load(PROJECT / "experiments" / "definitions").experiments.values())


def test_an_unknown_flow_stops_the_start_and_is_named(tmp_path: Path) -> None:
    shipped = PROJECT / "experiments" / "definitions" / "one-page-checkout.yaml"
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    text = shipped.read_text().replace("flow: one_page", "flow: one_pgae")
    (definitions / shipped.name).write_text(text)
    said = (
        r"experiment one-page-checkout, variant one_page: .*'one_pgae'.*two_page_reload, one_page"
    )
    with pytest.raises(ConfigurationError, match=said):
        check_flows(Catalog.load(definitions).experiments.values())
