from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.cli.rendering import RENDERINGS
from tests.shared_data import SHARED, needs_shared_data

AB_DATA = SHARED / "ab_data.csv.gz"
COLUMNS = ["--unit", "user_id", "--variant", "group", "--control", "control"]
CONVERTED = ["--metric", "converted=converted"]
AGREE = ["--agree", "landing_page=control:old_page,treatment:new_page"]
BASE = [*COLUMNS, *CONVERTED]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["analyze", *(str(argument) for argument in arguments)])


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """The traps of a well-known file, scaled down: 4,000 users a group with one row each.

    Per group 10 users are in both groups, 10 in one group with both pages; one user is there
    twice. Of every ten users one converted.
    """
    pages = {"control": "old_page", "treatment": "new_page"}
    other = {"control": "treatment", "treatment": "control"}
    rows = ["user_id,timestamp,group,landing_page,converted"]
    for start, (group, page) in zip((0, 10_000), pages.items(), strict=True):
        users = range(start, start + 4000)
        rows += [f"{u},2017-01-02,{group},{page},{int(u % 10 == 0)}" for u in users]
        rows += [f"{u},2017-01-03,{other[group]},{page},1" for u in users[:10]]
        rows += [f"{u},2017-01-03,{group},{pages[other[group]]},1" for u in users[10:20]]
    rows.append("13999,2017-01-09,treatment,new_page,0")
    path = tmp_path / "trapped.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_rows_that_disagree_are_dropped_and_their_users_kept(trapped: Path) -> None:
    result = run(trapped, *BASE, *AGREE, "--format", "json")
    assert result.exit_code == 0
    report: Any = json.loads(result.stdout)
    arms = report["metrics"][0]["variants"]
    assert (arms["control"]["sum"], arms["control"]["units"]) == (400, 4000)
    assert (arms["treatment"]["sum"], arms["treatment"]["units"]) == (400, 4000)
    assert report["checks"]["contradictory_units"] == 0
    assert report["checks"]["duplicate_rows"] == 1
    assert [(e["rows"], e["units"], e["affected_units"]) for e in report["exclusions"]] == [
        (40, 0, 40)
    ]


def test_without_agree_users_of_both_groups_are_left_out_and_shown(trapped: Path) -> None:
    report: Any = json.loads(run(trapped, *BASE, "--format", "json").stdout)
    arms = report["metrics"][0]["variants"]
    # Of the ten who saw both pages in one group, nine more converted; ten users are gone.
    assert (arms["control"]["sum"], arms["control"]["units"]) == (400 - 1 + 9, 3990)
    assert report["checks"]["contradictory_units"] == 20
    assert report["checks"]["duplicate_rows"] == 21
    (left_out,) = report["exclusions"]
    assert (left_out["rows"], left_out["units"]) == (40, 20)
    assert "several variants" in left_out["reason"]


# control and treatment: conversions, users; the score test; rows and units left out; users of both
# groups and rows merged.
PUBLISHED = [
    (AGREE, (17_489, 145_274), (17_264, 145_310), 0.18988337448195103, (3_893, 0), (0, 1)),
    ([], (17_468, 144_300), (17_268, 144_389), 0.22804893656491518, (3_790, 1_895), (1_895, 1_999)),
]


def _in_a_file(path: Path, control: tuple[int, int], treatment: tuple[int, int]) -> Path:
    """As many users and conversions as were published, one row each."""
    with duckdb.connect() as connection:
        for group, (conversions, users) in (("control", control), ("treatment", treatment)):
            rows = "SELECT $g || range AS user_id, $g AS group, (range < $x)::INT AS converted"
            connection.execute(
                f"{'CREATE TABLE t AS' if group == 'control' else 'INSERT INTO t'} "
                f"{rows} FROM range($n)",
                {"g": group, "x": conversions, "n": users},
            )
        connection.table("t").write_parquet(str(path))
    return path


@pytest.mark.parametrize("published", PUBLISHED, ids=["agree", "plain"])
def test_the_published_counts_give_the_published_p_value(tmp_path: Path, published: Any) -> None:
    _, control, treatment, p_value, *_ = published
    file = _in_a_file(tmp_path / "counts.parquet", control, treatment)
    report: Any = json.loads(run(file, *BASE, "--format", "json").stdout)
    assert report["metrics"][0]["comparisons"][0]["p_value"] == pytest.approx(p_value, rel=1e-9)


@needs_shared_data
@pytest.mark.parametrize("published", PUBLISHED, ids=["agree", "plain"])
def test_the_published_numbers_of_the_whole_file_are_met(published: Any) -> None:
    options, control, treatment, p_value, left_out, merged = published
    result = run(AB_DATA, *BASE, *options, "--format", "json")
    report: Any = json.loads(result.stdout)
    arms = report["metrics"][0]["variants"]
    assert (arms["control"]["sum"], arms["control"]["units"]) == control
    assert (arms["treatment"]["sum"], arms["treatment"]["units"]) == treatment
    comparison = report["metrics"][0]["comparisons"][0]
    assert comparison["test"] == "score test"
    assert comparison["p_value"] == pytest.approx(p_value, rel=1e-9)
    (exclusion,) = report["exclusions"]
    assert (exclusion["rows"], exclusion["units"]) == left_out
    checks = report["checks"]
    assert (checks["contradictory_units"], checks["duplicate_rows"]) == merged


@pytest.mark.parametrize("form", RENDERINGS)
def test_every_format_goes_alone_to_stdout_and_notes_to_stderr(trapped: Path, form: str) -> None:
    result = run(trapped, *BASE, "--format", form)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        {
            "text": "trapped ",
            "json": "{",
            "html": "<!doctype html>",
            "markdown": "# ",
            "csv": "exp",
            "notebook": "{",
        }[form]
    )
    assert result.stdout.endswith("\n")
    assert result.stderr == (
        f"{trapped}: compared 7,980 units; left out 40 rows, among them all of 20 units seen in "
        "several variants; merged 21 further rows of the same unit: any for a proportion\n"
    )
    assert run(trapped, *BASE, "--format", form, "--quiet").stderr == ""


def test_the_note_counts_each_row_of_the_file_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    rows = ["1,a,5,1,x", "1,a,5,1,x", "1,a,5,1,y", "2,b,,1,x", "3,b,2,1,x", "4,,2,1,x"]
    file.write_text("\n".join(["u,v,spent,paid,at", *rows]) + "\n", "utf-8")
    columns = ["--unit", "u", "--variant", "v", "--control", "a", "--metric", "spent=spent:mean"]
    assert run(file, *columns, "--metric", "paid=paid").stderr == (
        f"{file}: compared 3 units; left out 2 rows; 1 row without a value left out of metric "
        "spent alone; merged 1 further row of the same unit: summed for a mean and any for a "
        "proportion\n"
    )


def test_output_goes_to_a_file_and_leaves_stdout_empty(trapped: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    result = run(trapped, *BASE, "--format", "html", "--output", target)
    assert (result.exit_code, result.stdout) == (0, "")
    assert target.read_text("utf-8").startswith("<!doctype html>")


def test_a_page_names_the_command_that_makes_it_again(trapped: Path) -> None:
    page = run(trapped, *BASE, *AGREE, "--format", "html").stdout
    assert f"kassa analyze {trapped} --unit user_id" in page
    assert "--agree landing_page=control:old_page,treatment:new_page" in page


def test_text_shows_what_was_left_out(trapped: Path) -> None:
    text = run(trapped, *BASE, *AGREE).stdout
    assert "40 rows of 40 units, 0 units lost altogether: column landing_page disagrees" in text


def test_shares_alpha_where_and_kinds_reach_the_report(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    lines = [
        f"{i},{'abb'[i % 3]},{i % 5},{1 + i % 2},{'SE' if i % 4 else 'NO'}" for i in range(900)
    ]
    file.write_text("\n".join(["u,v,spent,tries,land", *lines]), "utf-8")
    result = run(
        file, "--unit", "u", "--variant", "v", "--control", "a", "--metric", "spent=spent:mean",
        "--metric", "per_try=spent:ratio/tries", "--share", "a=1", "--share", "b=2", "--alpha",
        "0.1", "--where", "land=SE", "--format", "json",
    )  # fmt: skip
    report: Any = json.loads(result.stdout)
    assert report["shares"] == {"a": 1 / 3, "b": 2 / 3}
    assert report["analysis"]["alpha"] == 0.1
    assert [m["kind"] for m in report["metrics"]] == ["mean", "ratio"]
    assert [m["role"] for m in report["metrics"]] == ["primary", "secondary"]
    assert report["exclusions"][0]["reason"] == "outside --where land=SE"
    assert report["checks"]["sample_ratio"]["ok"] is True


def test_a_planned_size_gives_progress_and_the_always_valid_sequence(trapped: Path) -> None:
    unplanned: Any = json.loads(run(trapped, *BASE, *AGREE, "--format", "json").stdout)
    (comparison,) = unplanned["metrics"][0]["comparisons"]
    assert comparison["sequential"]["p_value"] is None
    assert "no number of units was planned" in comparison["sequential"]["p_value_reason"]
    planned: Any = json.loads(
        run(trapped, *BASE, *AGREE, "--planned-units", "10000", "--format", "json").stdout
    )
    assert planned["analysis"]["planned_units"] == 10_000
    assert planned["analysis"]["information_fraction"] == 0.8
    (comparison,) = planned["metrics"][0]["comparisons"]
    assert comparison["sequential"]["p_value"] == 1.0
    assert [label["label"] for label in comparison["labels"]] == ["too early"]
    assert planned["decision"]["action"] == "keep_running"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*CONVERTED, "--planned-units", "1"], "'--planned-units': 1 is not in the range"),
        (["--metric", "paid"], "--metric: 'paid' must look like NAME=COL"),
        (["--metric", "=paid"], "--metric: '=paid' must look like"),
        (["--metric", "m=c:median"], "after the last colon must stand proportion, mean or ratio"),
        (["--metric", "m=c:ratio"], "after the last colon"),
        (["--metric", "m=c:ratio/"], "after the last colon"),
        (["--metric", "m=:mean"], "after the last colon"),
        (["--metric", "m=a", "--metric", "m=b"], "two metrics have one name"),
        ([*CONVERTED, "--where", "country"], "--where: 'country' must look like COL=VALUE"),
        ([*CONVERTED, "--agree", "page"], "--agree: 'page' must look like COL=A:x,B:y"),
        ([*CONVERTED, "--agree", "page=a"], "--agree: 'a' must look like COL=A:x,B:y"),
        ([*CONVERTED, "--agree", "page=a:x,a:y"], "names a variant twice"),
        ([*CONVERTED, "--share", "a=much"], "'much' is no number"),
        ([*CONVERTED, "--share", "a=0"], "a weight must be above 0"),
        ([*CONVERTED, "--share", "a=nan"], "a weight must be above 0"),
        ([*CONVERTED, "--share", "a=1", "--share", "a=2"], "a variant has two shares"),
        ([*CONVERTED, "--alpha", "0"], "0<x<0.5"),
        ([*CONVERTED, "--format", "pdf"], "'pdf' is not one of"),
        ([], "Missing option '--metric'"),
    ],
)
def test_wrong_usage_names_the_option_and_exits_with_2(
    trapped: Path, options: list[str], said: str
) -> None:
    result = run(trapped, *COLUMNS, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_an_unusable_file_exits_with_2_and_one_sentence(trapped: Path, tmp_path: Path) -> None:
    missing = run(tmp_path / "none.csv", *BASE)
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr == f"Error: {tmp_path / 'none.csv'}: no such file\n"
    column = run(trapped, *COLUMNS, "--metric", "m=nowhere", "--format", "json")
    assert (column.exit_code, column.stdout) == (2, "")
    assert "--metric: no column 'nowhere'; the file has: user_id, timestamp" in column.stderr


def test_an_output_that_cannot_be_written_exits_with_2(trapped: Path, tmp_path: Path) -> None:
    result = run(trapped, *BASE, "--output", tmp_path / "no" / "folder.txt")
    assert result.exit_code == 2
    assert "can't be written: No such file or directory" in result.stderr


def test_a_column_with_a_colon_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.csv"
    file.write_text("u,v,a:b\n1,x,1\n2,y,0\n", "utf-8")
    metric = ["--metric", "m=a:b:proportion"]
    result = run(file, "--unit", "u", "--variant", "v", "--control", "x", *metric)
    assert result.exit_code == 0


def test_help_shows_an_example() -> None:
    assert "Example: kassa analyze" in run("--help").stdout


def test_a_file_has_no_locked_plan_and_its_report_the_same_shape(trapped: Path) -> None:
    document = json.loads(run(trapped, *BASE, *AGREE, "--format", "json").stdout)
    assert document["plan"] == {
        "status": "not_locked",
        "locked_at": None,
        "locked_at_reason": "a file has no plan that was locked before its numbers came",
        "digest": None,
        "digest_reason": "a file has no plan that was locked before its numbers came",
        "changes": [],
    }


def test_several_files_days_and_segments_reach_the_note(trapped: Path, tmp_path: Path) -> None:
    lines = trapped.read_text("utf-8").splitlines(keepends=True)
    halves = [tmp_path / "first.csv", tmp_path / "second.csv"]
    halves[0].write_text("".join(lines[:3000]), "utf-8")
    halves[1].write_text("".join([lines[0], *lines[3000:], "77777,,control,old_page,0\n"]), "utf-8")
    apart = ["--time", "timestamp", "--segment", "landing_page"]
    result = run(*halves, *BASE, *AGREE, *apart, "--format", "json")
    assert result.exit_code == 0
    whole: Any = json.loads(run(trapped, *BASE, *AGREE, "--format", "json").stdout)
    report: Any = json.loads(result.stdout)
    assert report["units"] == whole["units"] | {"control": whole["units"]["control"] + 1}
    assert f"{halves[0]}, {halves[1]}: compared 8,001 units; " in result.stderr
    assert result.stderr.rstrip().endswith("; 1 unit without a time in no day")


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        (["landing_page", "landing_page"], "a column is there twice"),
        (["a", "b", "c", "d", "e"], "at most 4 columns"),
    ],
)
def test_segments_are_few_and_each_is_named_once(
    trapped: Path, segments: list[str], words: str
) -> None:
    options = [word for segment in segments for word in ("--segment", segment)]
    result = run(trapped, *BASE, *options)
    assert result.exit_code == 2
    assert "--segment" in result.stderr
    assert words in result.stderr


def test_a_covariate_adjusts_what_is_no_ratio_and_is_named(tmp_path: Path) -> None:
    chance = random.Random(4)
    rows = ["user,arm,spent,tries,before"]
    for number in range(4000):
        before = chance.gauss(50, 10)
        spent = before + chance.gauss(0, 3) + (1 if number % 2 else 0)
        rows.append(f"{number},{'ba'[number % 2 == 0]},{spent:.3f},2,{before:.3f}")
    path = tmp_path / "known.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    words = (path, "--unit", "user", "--variant", "arm", "--control", "a", "--format", "json",
             "--metric", "spent=spent:mean", "--metric", "each=spent:ratio/tries")  # fmt: skip
    plain, lin, cuped = (
        json.loads(run(*words, *more, "--quiet").stdout)["metrics"]
        for more in ((), ("--covariate", "before"), ("--covariate", "before:cuped"))
    )
    widths = [
        found[0]["comparisons"][0]["absolute"]["ci_high"]
        - found[0]["comparisons"][0]["absolute"]["ci_low"]
        for found in (plain, lin, cuped)
    ]
    assert widths[1] == pytest.approx(0.287 * widths[0], rel=0.05)
    assert widths[2] == pytest.approx(widths[1], rel=0.01)
    assert lin[0]["name"] == "spent, adjusted by before"
    assert lin[0]["comparisons"][0]["test"] == "Lin's regression adjustment"
    for found, unadjusted in zip(lin, plain, strict=True):
        for variant, numbers in unadjusted["variants"].items():
            assert found["variants"][variant] == pytest.approx(numbers)
    ratio = [found[1]["comparisons"][0]["absolute"] for found in (lin, plain)]
    assert ratio[0] == pytest.approx(ratio[1])


def test_a_covariate_of_ratios_alone_is_refused(trapped: Path) -> None:
    only = ("--unit", "user_id", "--variant", "group", "--control", "control",
            "--metric", "x=converted:ratio/user_id", "--covariate", "converted")  # fmt: skip
    result = run(trapped, *only)
    assert result.exit_code == 2
    assert "--covariate" in result.stderr
    assert "a ratio cannot be adjusted" in result.stderr
