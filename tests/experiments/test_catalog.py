"""Definitions are loaded together, or refused together."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import experiments
from experiments import (
    Catalog,
    InvalidDefinition,
    Problem,
    Readings,
    Status,
    UnknownExperiment,
    examine,
    lint,
)
from experiments.catalog import files_of, laid_out

SHIPPED = Path(experiments.__file__).parent

EXPERIMENT = """\
version: 1
name: Any
hypothesis: Something changes.
owner: growth@example.com
status: running
variants:
  - {key: a, weight: 50, control: true, flow: two_page}
  - {key: b, weight: 50, flow: one_page}
metrics: {primary: paid_conversion}
analysis: {planned_units: 1000}
"""
FLOWLESS = EXPERIMENT.replace(", flow: two_page", "").replace(", flow: one_page", "")
METRICS = """\
metrics:
  - {key: refunds, name: Refunds, event: payment_refunded, kind: proportion, direction: decrease}
"""
OFFERS = "offers: [{key: plan, name: Plan, description: A plan., amount: 100, currency: sek}]\n"


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "definitions"
    path.mkdir()
    return path


def test_every_shipped_file_loads() -> None:
    catalog = Catalog.load(SHIPPED / "definitions")
    assert lint([SHIPPED]) == []
    assert set(catalog.experiments) == {"one-page-checkout"}
    assert {"paid_conversion", "revenue_per_visitor"} <= set(catalog.metrics)
    assert len(catalog.offers) >= 2


def test_the_shipped_experiment_compares_two_pages_with_one() -> None:
    experiment = Catalog.load(SHIPPED / "definitions").experiment("one-page-checkout")
    assert experiment.status is Status.RUNNING
    assert experiment.control.key == "two_page"
    assert dict(experiment.shares) == {"two_page": 0.5, "one_page": 0.5}
    assert [variant.flow for variant in experiment.variants] == ["two_page", "one_page"]
    assert experiment.metrics.primary == "paid_conversion"


def test_the_key_of_an_experiment_is_its_files_name(definitions: Path) -> None:
    (definitions / "first-test_2.yaml").write_text(EXPERIMENT)
    catalog = Catalog.load(definitions)
    assert catalog.experiment("first-test_2").key == "first-test_2"
    assert catalog.experiment("first-test_2").seed == "first-test_2"


def test_metrics_and_offers_of_the_directory_above_take_the_place_of_the_shipped_ones(
    definitions: Path,
) -> None:
    (definitions / "any.yaml").write_text(EXPERIMENT.replace("paid_conversion", "refunds"))
    with pytest.raises(InvalidDefinition, match="unknown-metric"):
        Catalog.load(definitions)
    (definitions.parent / "metrics.yaml").write_text(METRICS)
    (definitions.parent / "offers.yaml").write_text(OFFERS)
    catalog = Catalog.load(definitions)
    assert set(catalog.metrics) == {"refunds"}
    assert catalog.offers["plan"].amount == 100


def test_broken_metrics_above_are_told_even_when_only_an_experiment_is_looked_at(
    definitions: Path,
) -> None:
    file = definitions / "any.yaml"
    file.write_text(EXPERIMENT)
    metrics = definitions.parent / "metrics.yaml"
    metrics.write_text("metrics: [")
    assert [Path(problem.file) for problem in lint([file])] == [metrics]


def test_metrics_above_that_vanish_are_not_replaced_by_the_shipped_ones(
    definitions: Path,
) -> None:
    (definitions.parent / "metrics.yaml").symlink_to(definitions / "gone")
    with pytest.raises(InvalidDefinition, match="unreadable No such file"):
        Catalog.load(definitions)


def test_an_unknown_key_is_answered_by_name() -> None:
    with pytest.raises(UnknownExperiment, match="no experiment has the key 'elsewhere'") as unknown:
        Catalog.load(SHIPPED / "definitions").experiment("elsewhere")
    assert unknown.value.key == "elsewhere"


def test_all_problems_of_all_files_come_at_once_in_order(definitions: Path) -> None:
    (definitions / "b.yaml").write_text("name: [")
    (definitions / "a.yaml").write_text(EXPERIMENT.replace("owner", "onwer").replace("50", "70"))
    (definitions.parent / "offers.yaml").write_text("offers: {}")
    with pytest.raises(InvalidDefinition) as refusal:
        Catalog.load(definitions)
    found = [(Path(problem.file).name, problem.rule) for problem in refusal.value.problems]
    assert found == [
        ("a.yaml", "unknown-key"),
        ("a.yaml", "weights-sum"),
        ("b.yaml", "yaml-syntax"),
        ("offers.yaml", "wrong-type"),
    ]
    assert str(refusal.value).count("\n") == 3


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "nowhere", "No such file or directory"),
        (SHIPPED / "metrics.yaml", "Not a directory"),
    ):
        with pytest.raises(InvalidDefinition, match=f"1:1 unreadable {reason}"):
            Catalog.load(path)


def test_a_directory_without_experiments_is_valid(definitions: Path) -> None:
    catalog = Catalog.load(definitions)
    assert dict(catalog.experiments) == {}
    assert catalog.checkout_experiments == ()


def test_unfinished_copies_of_editors_are_left_alone(definitions: Path) -> None:
    (definitions / "any.yaml").write_text(EXPERIMENT)
    for name in (".any.yaml.swp", ".#any.yaml", "any.yaml~", "any.yaml.bak", "notes.txt"):
        (definitions / name).write_text("name: [")
    assert set(Catalog.load(definitions).experiments) == {"any"}
    assert lint([definitions]) == []


def test_definitions_can_be_the_current_directory(
    definitions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (definitions / "any.yaml").write_text(EXPERIMENT.replace("paid_conversion", "refunds"))
    (definitions.parent / "metrics.yaml").write_text(METRICS)
    monkeypatch.chdir(definitions)
    assert set(Catalog.load(Path()).metrics) == {"refunds"}
    (definitions / "below").mkdir()
    monkeypatch.chdir(definitions / "below")
    assert set(Catalog.load(Path("..")).metrics) == {"refunds"}


def test_files_are_named_as_the_caller_named_them(
    definitions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (definitions / "any.yaml").write_text("name: [")
    (definitions.parent / "metrics.yaml").write_text("metrics: [")
    monkeypatch.chdir(definitions.parent)
    expected = ["definitions/any.yaml", "metrics.yaml"]
    assert [problem.file for problem in lint([Path()])] == expected
    assert [problem.file for problem in lint([Path("definitions")])] == expected


def test_a_file_named_twice_is_answered_once(definitions: Path) -> None:
    file = definitions / "any.yaml"
    file.write_text(EXPERIMENT.replace("running", "runing"))
    assert len(lint([file, definitions, definitions.parent])) == 1


def test_lint_looks_further_down_and_judges_each_directory_by_itself(tmp_path: Path) -> None:
    for team in ("one", "two"):
        directory = tmp_path / team / "definitions"
        directory.mkdir(parents=True)
        (directory / "any.yaml").write_text(EXPERIMENT)
    assert lint([tmp_path]) == []
    (tmp_path / "one" / "definitions" / "other.yaml").write_text(EXPERIMENT)
    assert [problem.rule for problem in lint([tmp_path])] == ["one-checkout-experiment"]


def test_lint_answers_a_path_that_cannot_be_read(tmp_path: Path) -> None:
    gone, long = tmp_path / "gone.yaml", tmp_path / ("x" * 300)
    answers = [(Path(problem.file), problem.rule) for problem in lint([gone, long])]
    assert answers == [(gone, "unreadable"), (long, "unreadable")]


def test_the_version_follows_every_file_and_nothing_else(definitions: Path) -> None:
    file = definitions / "any.yaml"
    file.write_text(EXPERIMENT)
    first = Catalog.load(definitions).version
    assert len(bytes.fromhex(first)) == 32
    assert Catalog.load(definitions).version == first
    file.rename(definitions / "b.yaml")
    renamed = Catalog.load(definitions).version
    (definitions.parent / "offers.yaml").write_text(OFFERS)
    with_offers = Catalog.load(definitions).version
    (definitions / "b.yaml").write_text(EXPERIMENT + "# a comment\n")
    commented = Catalog.load(definitions).version
    assert len({first, renamed, with_offers, commented}) == 4


def test_the_running_experiment_with_flows_decides_the_checkout(definitions: Path) -> None:
    for status in ("draft", "paused", "stopped"):
        (definitions / f"{status}.yaml").write_text(EXPERIMENT.replace("running", status))
    (definitions / "flowless.yaml").write_text(FLOWLESS)
    assert Catalog.load(definitions).checkout_experiments == ()
    (definitions / "shipped.yaml").write_text(
        EXPERIMENT.replace("status: running", "status: shipped\nwinner: b")
    )
    (shipped,) = Catalog.load(definitions).checkout_experiments
    assert shipped.key == "shipped"
    (definitions / "running.yaml").write_text(EXPERIMENT)
    (running,) = Catalog.load(definitions).checkout_experiments
    assert running.key == "running"


def test_a_catalog_cannot_be_changed() -> None:
    catalog = Catalog.load(SHIPPED / "definitions")
    for mapping in (catalog.experiments, catalog.metrics, catalog.offers):
        with pytest.raises(TypeError):
            mapping["new"] = None  # type: ignore[index]  # the refusal is what is tested
    with pytest.raises(AttributeError):
        catalog.version = ""  # type: ignore[misc]  # the refusal is what is tested


@pytest.mark.parametrize(
    ("written", "mend"),
    [("one_pgae", "write `one_page`"), ("xyz", "write one of two_page, one_page")],
)
def test_an_unknown_flow_is_a_problem_where_the_flows_are_known(
    definitions: Path, written: str, mend: str
) -> None:
    text = EXPERIMENT.replace("flow: one_page", f"flow: {written}")
    (definitions / "any.yaml").write_text(text)
    assert Catalog.load(definitions).experiment("any").variants[1].flow == written
    with pytest.raises(InvalidDefinition) as refused:
        Catalog.load(definitions, flows=["two_page", "one_page"])
    (problem,) = refused.value.problems
    assert (problem.rule, problem.line, problem.column) == ("unknown-flow", 8, 32)
    assert problem.mend == mend
    assert lint([definitions], flows=["two_page", "one_page"]) == [problem]


OTHER_NAMES = ["a.yaml", "b.yaml", "B.yaml", "c.yml", "metrics.yaml", "offers.yaml", ".a.yaml"]
TEXTS = {
    "valid": (SHIPPED / "definitions" / "one-page-checkout.yaml").read_text(),
    "invalid": "version: 1\ntraffic: 7\n",
    "no mapping": "- a list\n",
    "metrics": (SHIPPED / "metrics.yaml").read_text(),
    "offers": (SHIPPED / "offers.yaml").read_text(),
    "nothing": "",
}
PLACED = st.dictionaries(st.sampled_from(OTHER_NAMES), st.sampled_from(sorted(TEXTS)), max_size=4)


@given(inside=PLACED, beside=PLACED)
@settings(deadline=None)
def test_whatever_stops_the_start_is_told_by_lint(
    inside: dict[str, str], beside: dict[str, str]
) -> None:
    with TemporaryDirectory() as directory:
        definitions = Path(directory) / "definitions"
        definitions.mkdir()
        for place, texts in ((definitions, inside), (definitions.parent, beside)):
            for name, text in texts.items():
                (place / name).write_text(TEXTS[text])
        try:
            Catalog.load(definitions, flows=["one_page", "two_page"])
            refused: list[Problem] = []
        except InvalidDefinition as refusal:
            refused = list(refusal.problems)
        told = lint([definitions], flows=["one_page", "two_page"])
        assert set(refused) <= set(told)
        assert bool(told) == bool(refused), "and what starts is called good"


def test_offers_beside_the_definitions_are_told_even_without_an_experiment(
    definitions: Path,
) -> None:
    (definitions.parent / "offers.yaml").write_text("version: 1\noffers: [{key: A}]\n")
    with pytest.raises(InvalidDefinition) as refused:
        Catalog.load(definitions)
    assert lint([definitions]) == list(refused.value.problems)


@pytest.mark.parametrize("named", ["a.yaml", "b.yaml"])
def test_one_file_is_told_that_a_running_sibling_rivals_it(definitions: Path, named: str) -> None:
    for name in ("a.yaml", "b.yaml"):
        (definitions / name).write_text(TEXTS["valid"])
    (definitions / "broken.yaml").write_text(TEXTS["invalid"])
    (definitions / "torn.yaml").write_text("name: [")
    (problem,) = lint([definitions / named])
    other = {"a.yaml": "'b'", "b.yaml": "'a'"}[named]
    assert problem.file == str(definitions / named)
    assert (problem.rule, other in problem.message) == ("one-checkout-experiment", True)


def test_lint_counts_what_it_read(definitions: Path) -> None:
    assert examine([definitions]).files == 0
    (definitions / "a.yaml").write_text(TEXTS["valid"])
    (definitions / "b.yaml").write_text(TEXTS["invalid"])
    found = examine([definitions])
    shipped = Catalog.load(SHIPPED / "definitions")
    assert (found.files, found.experiments) == (2, 2)
    assert (found.metrics, found.offers) == (len(shipped.metrics), len(shipped.offers))
    alone = examine([definitions / "a.yaml"])
    assert (alone.files, alone.experiments) == (1, 1)


def test_a_catalog_that_is_laid_out_elsewhere_is_the_same(
    definitions: Path, tmp_path: Path
) -> None:
    (definitions / "one.yaml").write_bytes(EXPERIMENT.replace("Any", "Ä\r\n  b").encode())
    (definitions.parent / "offers.yaml").write_text(OFFERS)
    catalog = Catalog.load(definitions)
    (tmp_path / "elsewhere").mkdir()
    again = Catalog.load(laid_out(catalog.sources, tmp_path / "elsewhere"))
    assert again == catalog
    assert set(catalog.sources) == {
        "attributes.yaml",
        "layers.yaml",
        "metrics.yaml",
        "offers.yaml",
        "one.yaml",
    }


def test_the_files_of_a_directory_are_those_that_loading_looks_at(definitions: Path) -> None:
    for name in ("one.yaml", "two.YML", "offers.yaml", ".three.yaml", "notes.md"):
        (definitions / name).write_text("")
    (definitions.parent / "metrics.yaml").write_text("")
    found = set(files_of(definitions))
    assert found >= {definitions / name for name in ("one.yaml", "two.YML", "offers.yaml")}
    assert definitions.parent / "metrics.yaml" in found
    assert SHIPPED / "layers.yaml" in found
    assert len(found) == 7
    assert definitions / "gone" in files_of(definitions / "gone")


def test_bytes_that_were_read_before_are_not_parsed_again() -> None:
    readings, parsed = Readings(), list[str]()

    def read(source: bytes) -> str:
        def said() -> str:
            parsed.append(source.decode())
            return "said"

        return readings.of("a.yaml", source, said)

    for source in (b"1", b"1", b"2"):
        readings.begin()
        assert read(source) == "said"
    readings.begin()
    readings.begin()
    assert read(b"2") == "said"
    assert parsed == ["1", "2", "2"], "what was not asked for is forgotten"


def test_lint_tells_what_tests_and_their_experiment_say_of_each_other(definitions: Path) -> None:
    (definitions / "checkout.yaml").write_text(EXPERIMENT)
    wrong = "{name: one, unit: u, attributes: {contry: SE, amount: dear}, expect: {variant: c}}"
    for name in ("checkout", "chekout"):
        (definitions / f"{name}.test.yaml").write_text(f"version: 1\ntests: [{wrong}]\n")
    problems = [str(problem).removeprefix(f"{definitions}/") for problem in lint([definitions])]
    told = [problem.split()[:2] for problem in problems]
    assert told == [
        ["checkout.test.yaml:2:51", "unknown-attribute"],
        ["checkout.test.yaml:2:63", "attribute-value"],
        ["checkout.test.yaml:2:88", "unknown-variant"],
        ["chekout.test.yaml:1:1", "unknown-experiment"],
        ["chekout.test.yaml:2:51", "unknown-attribute"],
        ["chekout.test.yaml:2:63", "attribute-value"],
    ]
    assert Catalog.load(definitions).experiments.keys() == {"checkout"}
