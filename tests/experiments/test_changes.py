"""A change that would move visitors is answered with its place, its rule and the mend."""

from pathlib import Path

import pytest

from experiments import Status, examine

RUNNING = """\
version: 1
name: One-page checkout
hypothesis: Fewer steps, more sales.
owner: growth@example.com
status: running
start: 2027-01-11T09:00:00Z
unit: visitor
seed: one-page
traffic: 0.6
layer: checkout
variants:
  - {key: two_page, name: Two pages, weight: 50, control: true, flow: two_page}
  - {key: one_page, name: One page, weight: 50, flow: one_page}
ramp:
  - {traffic: 0.2}
  - {after: 24h, traffic: 0.6}
metrics:
  primary: paid
analysis:
  planned_units: 40000
"""
LAYERS = """\
version: 1
layers:
  - key: other
  - key: checkout
    slots:
      - {experiment: later, from: 50, to: 60}
      - {experiment: checkout, from: 0, to: 50}
"""
LATER = RUNNING.replace("status: running", "status: draft")
METRICS = """\
metrics:
  - {key: paid, name: Paid, event: payment_succeeded, kind: proportion, direction: increase}
"""
COUNTED = "visitors who are counted already"

# What is changed in a running experiment, and the whole answer.
CHANGES: dict[str, tuple[str, str, list[str]]] = {
    "another seed": (
        "seed: one-page",
        "seed: two-page",
        [
            (
                f"8:7 seed-changed seed: it was 'one-page', and another seed moves {COUNTED}; "
                "write `seed: one-page`, or give the new split a new experiment"
            )
        ],
    ),
    "no seed, which is another one": (
        "seed: one-page\n",
        "",
        [
            (
                f"1:1 seed-changed seed: it was 'one-page', and another seed moves {COUNTED}; "
                "write `seed: one-page`, or give the new split a new experiment"
            )
        ],
    ),
    "another unit": (
        "unit: visitor",
        "unit: customer",
        [
            (
                "7:7 unit-changed unit: it was visitor, and units that are counted already would "
                "be assigned anew; write `unit: visitor`, or give the other unit a new experiment"
            )
        ],
    ),
    "a variant more": (
        "weight: 50, flow: one_page}",
        "weight: 25, flow: one_page}\n  - {key: new, weight: 25, flow: one_page}",
        [
            (
                "14:11 variants-changed variants[2].key: there was no variant 'new', and its "
                "visitors would come from those of the others; "
                "remove it, or give the new set of variants a new experiment"
            )
        ],
    ),
    "a variant that is renamed": (
        "key: one_page",
        "key: single",
        [
            (
                "12:3 variants-changed variants: one_page is gone, and its visitors would be moved "
                "to the others; write it again, or pause the experiment first and give the rest a "
                "new one"
            ),
            (
                "13:11 variants-changed variants[1].key: there was no variant 'single', and its "
                "visitors would come from those of the others; "
                "remove it, or give the new set of variants a new experiment"
            ),
        ],
    ),
    "variants in another order": (
        """\
  - {key: two_page, name: Two pages, weight: 50, control: true, flow: two_page}
  - {key: one_page, name: One page, weight: 50, flow: one_page}
""",
        """\
  - {key: one_page, name: One page, weight: 50, flow: one_page}
  - {key: two_page, name: Two pages, weight: 50, control: true, flow: two_page}
""",
        [
            (
                "12:3 variants-changed variants: they stand in another order, and visitors would "
                "change places with it; write them in the order two_page, one_page"
            )
        ],
    ),
    "another flow": (
        "flow: one_page",
        "flow: two_page",
        [
            (
                f"13:55 variants-changed variants[1].flow: it was 'one_page', and {COUNTED} have "
                "seen that one; write it again, or give the other flow a new experiment"
            )
        ],
    ),
    "other weights": (
        RUNNING,
        RUNNING.replace("weight: 50, control", "weight: 70, control").replace(
            "weight: 50, flow", "weight: 30, flow"
        ),
        [
            (
                "12:46 weights-changed variants[0].weight: the weights were 50, 50, and others "
                f"move {COUNTED}; write them again, or give the new split a new experiment"
            )
        ],
    ),
    "another control": (
        RUNNING,
        RUNNING.replace(" control: true,", "").replace(
            "flow: one_page", "control: true, flow: one_page"
        ),
        [
            (
                "13:58 control-changed variants[1].control: the control was 'two_page', and "
                "visitors outside the experiment would see another checkout; "
                "write `control: true` on 'two_page', or give the comparison a new experiment"
            )
        ],
    ),
    "less traffic": (
        RUNNING,
        RUNNING.replace("traffic: 0.6", "traffic: 0.5"),
        [
            (
                "9:10 traffic-lowered traffic: it was 0.6, and with less of it "
                f"{COUNTED} would leave; write 0.6 or more, or pause it first"
            ),
            (
                "16:27 traffic-lowered ramp[1].traffic: it was 0.6, and with less of it "
                f"{COUNTED} would leave; write 0.6 or more, or pause it first"
            ),
        ],
    ),
    "a lower step": (
        "{traffic: 0.2}",
        "{traffic: 0.1}",
        [
            (
                "15:15 traffic-lowered ramp[0].traffic: it was 0.2, and with less of it "
                f"{COUNTED} would leave; write 0.2 or more, or pause it first"
            )
        ],
    ),
    "no layer any more": (
        "layer: checkout\n",
        "",
        [
            (
                "1:1 slot-changed layer: it was 'checkout'; other visitors would enter, and some "
                "who are counted already would leave; "
                "write the slot as it was, or pause the experiment first"
            )
        ],
    ),
    "a draft again": (
        "status: running",
        "status: draft",
        [
            (
                "5:9 status-transition status: running does not become draft; "
                "write running or paused or stopped or shipped"
            )
        ],
    ),
}
HARMLESS = {
    "another owner": ("owner: growth@", "owner: shop@"),
    "another name of a variant": ("name: One page,", "name: A single page,"),
    "the same weight in other digits": ("weight: 50, flow", "weight: 50.0, flow"),
    "more traffic": (RUNNING, RUNNING.replace("traffic: 0.6", "traffic: 0.8")),
    "a pause, with all that is changed in it": (
        RUNNING,
        RUNNING.replace("running", "paused").replace("seed: one-page", "seed: other"),
    ),
}
LEGAL = {
    (Status.DRAFT, Status.RUNNING),
    (Status.RUNNING, Status.PAUSED),
    (Status.RUNNING, Status.STOPPED),
    (Status.RUNNING, Status.SHIPPED),
    (Status.PAUSED, Status.RUNNING),
    (Status.PAUSED, Status.STOPPED),
    (Status.PAUSED, Status.SHIPPED),
    (Status.STOPPED, Status.SHIPPED),
    *((status, status) for status in Status),
}


class Versions:
    """The same directory of definitions before and after."""

    def __init__(self, directory: Path) -> None:
        self.before, self.after = directory / "before", directory / "after"
        for version in (self.before, self.after):
            (version / "definitions").mkdir(parents=True)
            (version / "metrics.yaml").write_text(METRICS)
            (version / "layers.yaml").write_text(LAYERS)
            (version / "definitions" / "checkout.yaml").write_text(RUNNING)
            (version / "definitions" / "later.yaml").write_text(LATER)

    @property
    def file(self) -> Path:
        return self.after / "definitions" / "checkout.yaml"

    @property
    def was(self) -> Path:
        return self.before / "definitions" / "checkout.yaml"

    def answers(self, *paths: Path) -> list[str]:
        """What is wrong with the change, each without the directory's name."""
        asked = paths or (self.after / "definitions",)
        examined = examine(asked, before=self._before)
        news = {*map(str, examined.problems)} - {*map(str, examine(asked).problems)}
        told = [str(problem) for problem in examined.problems if str(problem) in news]
        return [each.removeprefix(f"{self.after}/") for each in told]

    def _before(self, path: Path) -> Path:
        return self.before / path.relative_to(self.after)


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path)


def test_what_was_not_changed_is_not_judged(versions: Versions) -> None:
    assert examine([versions.after]).problems == ()
    assert versions.answers() == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_moves_visitors_is_answered(versions: Versions, change: str) -> None:
    before, after, answers = CHANGES[change]
    assert before in RUNNING
    versions.file.write_text(RUNNING.replace(before, after, 1))
    expected = [f"definitions/checkout.yaml:{answer}" for answer in answers]
    assert versions.answers() == expected
    assert versions.answers(versions.after) == expected
    assert versions.answers(versions.file) == expected


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_moves_nobody_is_free(versions: Versions, change: str) -> None:
    before, after = HARMLESS[change]
    assert before in RUNNING
    versions.file.write_text(RUNNING.replace(before, after, 1))
    assert versions.answers() == []


@pytest.mark.parametrize("was", Status)
@pytest.mark.parametrize("now", Status)
def test_an_experiment_lives_once(versions: Versions, was: Status, now: Status) -> None:
    for file, status in ((versions.was, was), (versions.file, now)):
        winner = "\nwinner: one_page" if status is Status.SHIPPED else ""
        file.write_text(RUNNING.replace("status: running", f"status: {status}{winner}"))
    answers = versions.answers()
    assert [answer.split()[1] for answer in answers] == (
        [] if (was, now) in LEGAL else ["status-transition"]
    )
    assert all(f"write {was}" in answer for answer in answers)


@pytest.mark.parametrize(
    ("slot", "changed"),
    [
        ("{experiment: checkout, from: 0, to: 50}", "{experiment: checkout, from: 0, to: 40}"),
        ("{experiment: checkout, from: 0, to: 50}", "{experiment: checkout, from: 60, to: 90}"),
        ("key: checkout\n", "key: checkout\n    seed: another\n"),
    ],
    ids=["smaller", "elsewhere", "the layer's seed"],
)
def test_a_slot_that_moves_is_shown_in_its_layer(
    versions: Versions, slot: str, changed: str
) -> None:
    layers = versions.after / "layers.yaml"
    layers.write_text(LAYERS.replace(slot, changed))
    line = 8 if "seed" in changed else 7
    (answer,) = versions.answers()
    assert answer == (
        f"layers.yaml:{line}:9 slot-changed the slot of the running experiment 'checkout' changed: "
        "other visitors would enter, and some who are counted already would leave; "
        "write the slot as it was, or pause the experiment first"
    )


def test_a_running_experiment_does_not_vanish(versions: Versions) -> None:
    versions.file.unlink()
    answer = (
        "definitions/checkout.yaml:1:1 removed-while-running 'checkout' was running, and its file "
        "is gone; bring it back with `status: stopped`, and remove it in a later change"
    )
    assert versions.answers() == [answer]
    assert versions.answers(versions.after) == [answer]
    (versions.after / "definitions" / "later.yaml").unlink()
    (versions.after / "definitions").rmdir()
    assert versions.answers(versions.after) == [answer]


def test_an_experiment_that_is_over_may_be_removed(versions: Versions) -> None:
    versions.was.write_text(RUNNING.replace("running", "stopped"))
    versions.file.unlink()
    assert versions.answers() == []


@pytest.mark.parametrize("text", ["", "a: [", RUNNING.replace("owner: growth@example.com\n", "")])
def test_a_broken_version_is_not_compared(versions: Versions, text: str) -> None:
    versions.was.write_text(text)
    versions.file.write_text(RUNNING.replace("seed: one-page", "seed: other"))
    assert versions.answers() == []


def test_where_nobody_knows_what_was_nothing_is_compared(versions: Versions) -> None:
    versions.file.write_text(RUNNING.replace("seed: one-page", "seed: other"))
    assert examine([versions.after]).problems == ()
    assert examine([versions.after], before=lambda _: None).problems == ()


def test_a_new_experiment_is_free(versions: Versions) -> None:
    versions.was.unlink()
    assert versions.answers() == []
