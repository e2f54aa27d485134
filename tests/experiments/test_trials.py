"""What a definition promises of single units is tried, and a broken promise says why."""

from datetime import UTC, datetime
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

import experiments
from experiments import Cause, InvalidDefinition, json_schema, lint
from experiments.document import parse, read
from experiments.trials import Trial, run

NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
SHIPPED = Path(experiments.__file__).parent / "definitions"
EXPERIMENT = """\
version: 1
name: One-page checkout
hypothesis: Fewer steps, more sales.
owner: growth@example.com
status: draft
start: 2027-01-11T09:00:00Z
traffic: 0.8
unit: customer
variants:
  - {key: two_page, weight: 50, control: true}
  - {key: one_page, weight: 50}
layer: ui
holdout: q1
targeting:
  all:
    - {attribute: country, in: [SE, NO]}
    - not: {attribute: locale, glob: "en*"}
    - any:
        - {attribute: amount, min: 1000, max: 5000}
        - {attribute: device, not_in: [phone]}
overrides:
  - {name: qa, variant: one_page, customers: [cus_qa]}
ramp:
  - {traffic: 0.4}
  - {after: 24h, traffic: 0.8, approval: true}
metrics: {primary: paid_conversion}
analysis: {planned_units: 40000}
"""
LAYERS = """\
version: 1
layers:
  - {key: ui, slots: [{experiment: exp, from: 0, to: 50}]}
holdouts:
  - {key: q1, share: 0.1}
"""
KNOWN = "{country: SE, locale: sv-SE, amount: 2400, device: phone}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "exp.yaml").write_text(EXPERIMENT)
    (tmp_path / "layers.yaml").write_text(LAYERS)
    return tmp_path / "definitions"


def tried(directory: Path, *cases: str) -> tuple[Trial, ...]:
    listed = "".join(f"  - {{name: it holds, {case}}}\n" for case in cases)
    (directory / "exp.test.yaml").write_text(f"version: 1\ntests:\n{listed}")
    return run([directory], now=NOW)


def refused(directory: Path, text: str) -> list[str]:
    (directory / "exp.test.yaml").write_text(text)
    with pytest.raises(InvalidDefinition) as caught:
        run([directory], now=NOW)
    return [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems]


def first_with(directory: Path, cause: Cause, more: str = "") -> Trial:
    """The first of some units that is assigned for this cause."""
    cases = [
        f"unit: cus_{number}, attributes: {KNOWN}, status: running, {more}"
        "expect: {variant: two_page}"
        for number in range(60)
    ]
    return next(trial for trial in tried(directory, *cases) if trial.got.cause is cause)


def test_the_shipped_tests_hold() -> None:
    trials = run([SHIPPED], now=NOW)
    assert len(trials) >= 3
    assert all(trial.passed for trial in trials)


def test_the_shipped_tests_fit_the_json_schema() -> None:
    schema = json_schema("tests")
    jsonschema.Draft202012Validator.check_schema(schema)
    document = parse(*read(SHIPPED / "one-page-checkout.test.yaml"))
    jsonschema.Draft202012Validator(schema).validate(dict(document.content))
    wrong = {"version": 1, "tests": [{"name": "x", "unit": "u", "expect": {"varaint": "a"}}]}
    assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


def test_a_draft_is_tried_as_if_it_ran(directory: Path) -> None:
    as_it_is, as_if = tried(
        directory,
        "unit: cus_qa, expect: {variant: two_page, reason: DISABLED}",
        "unit: cus_qa, status: running, expect: {variant: one_page, cause: override}",
    )
    assert (as_it_is.passed, as_if.passed) == (True, True)
    assert as_it_is.why == "not_running: the status is draft"


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ("{country: DE}", "country is 'DE', wanted one of SE, NO"),
        ("{}", "country is not known, wanted one of SE, NO"),
        (
            "{country: SE, locale: en-GB}",
            "that locale is of the form en* holds, wanted that it does not",
        ),
        (
            "{country: SE, amount: 400, device: phone}",
            (
                "amount is 400, wanted at least 1000 and at most 5000, "
                "and device is 'phone', wanted none of phone"
            ),
        ),
    ],
)
def test_a_unit_that_is_not_targeted_is_told_the_condition(
    directory: Path, known: str, why: str
) -> None:
    (trial,) = tried(
        directory,
        f"unit: cus_1, attributes: {known}, status: running, expect: {{variant: one_page}}",
    )
    assert not trial.passed
    assert trial.why == f"not_targeted: {why}"


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (Cause.SPLIT, "the unit stands at 0."),
        (Cause.OUTSIDE_TRAFFIC, "the unit stands at 0."),
        (Cause.HELD_OUT, "q1 has the positions below 0.1, the unit stands at 0.0"),
        (Cause.OTHER_SLOT, "it has 0 to 0.5 of ui, the unit stands at 0."),
    ],
)
def test_a_unit_is_told_where_it_stands(directory: Path, cause: Cause, why: str) -> None:
    assert first_with(directory, cause).why.startswith(f"{cause}: {why}")


def test_a_case_is_asked_at_the_start_unless_it_says_when(directory: Path) -> None:
    later = first_with(directory, Cause.SPLIT, more="at: 2027-01-12T10:00:00Z, ")
    assert later.why.endswith("traffic is 0.8")
    assert first_with(directory, Cause.SPLIT).why.endswith("traffic is 0.4")
    (early,) = tried(
        directory,
        "unit: cus_1, status: running, at: 2027-01-11T08:00:00Z, "
        "expect: {variant: two_page, cause: not_running}",
    )
    assert early.passed
    assert early.why.endswith("it starts at 2027-01-11T09:00:00+00:00")


def test_a_test_stands_where_its_file_says(directory: Path) -> None:
    _, second = tried(directory, *["unit: cus_qa, expect: {variant: two_page}"] * 2)
    assert (second.file, second.line) == (str(directory / "exp.test.yaml"), 4)


def test_a_single_file_is_run_alone(directory: Path) -> None:
    tried(directory, "unit: cus_qa, expect: {variant: two_page}")
    (directory / "other.test.yaml").write_text("nonsense")
    assert len(run([directory / "exp.test.yaml"], now=NOW)) == 1


REFUSALS = {
    "a misspelt key": (
        "version: 1\ntests:\n  - {name: a, unit: u, expext: {variant: two_page}}\n",
        ["exp.test.yaml:3:24 unknown-key tests[0].expext: the key is unknown; write `expect`"],
    ),
    "a variant that is none": (
        "version: 1\ntests:\n  - {name: a, unit: u, expect: {variant: onepage}}\n",
        [
            (
                "exp.test.yaml:3:42 unknown-variant tests[0].expect.variant: no variant has "
                "the key 'onepage'; write `one_page`"
            )
        ],
    ),
    "attributes that can not be": (
        (
            "version: 1\ntests:\n  - name: a\n    unit: u\n"
            "    attributes: {contry: SE, device: fridge, amount: [1]}\n"
            "    expect: {variant: one_page}\n"
        ),
        [
            (
                "exp.test.yaml:5:54 wrong-type tests[0].attributes.amount: a list is not a value; "
                "write text, a number, true or false"
            )
        ],
    ),
    "attributes that are none": (
        (
            "version: 1\ntests:\n  - name: a\n    unit: u\n"
            "    attributes: {contry: SE, device: fridge}\n"
            "    expect: {variant: one_page}\n"
        ),
        [
            (
                "exp.test.yaml:5:26 unknown-attribute tests[0].attributes.contry: there is no "
                "attribute 'contry'; write `country`"
            ),
            (
                "exp.test.yaml:5:38 attribute-value tests[0].attributes.device: 'fridge' is no "
                "value of this attribute; device is one of desktop, phone, tablet"
            ),
        ],
    ),
    "a status it can't have": (
        (
            "version: 1\ntests:\n"
            "  - {name: a, unit: u, status: shipped, expect: {variant: one_page}}\n"
        ),
        [
            (
                "exp.test.yaml:3:32 unknown-value tests[0].status: the status is shipped, but no "
                "winner is named; write a status that the experiment can have"
            )
        ],
    ),
    "no test": (
        "version: 1\ntests: []\n",
        ["exp.test.yaml:2:8 wrong-type tests: the list is empty; write a test with name, unit"],
    ),
    "a cause that is none": (
        "version: 1\ntests:\n  - {name: a, unit: u, expect: {variant: one_page, cause: heldout}}\n",
        ["held_out"],
    ),
}


@pytest.mark.parametrize(("text", "problems"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_mistake_in_a_test_is_answered_with_its_place(
    directory: Path, text: str, problems: list[str]
) -> None:
    found = refused(directory, text)
    assert len(found) == len(problems)
    for problem, line in zip(problems, found, strict=True):
        assert problem in line
    told = [str(problem).removeprefix(f"{directory}/") for problem in lint([directory])]
    assert told == found


def test_tests_of_an_experiment_that_is_not_there_are_refused(directory: Path) -> None:
    (directory / "exq.test.yaml").write_text(
        "version: 1\ntests:\n  - {name: a, unit: u, expect: {variant: one_page}}\n"
    )
    with pytest.raises(InvalidDefinition, match=r"name the file exp\.test\.yaml"):
        run([directory], now=NOW)
