"""Files are read within bounds, and every value knows where it stands."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from experiments import RULES, InvalidDefinition, Problem, lint
from experiments.document import Mark, parse, path_text, read
from tests.pace import second


def refused(source: bytes) -> list[Problem]:
    with pytest.raises(InvalidDefinition) as refusal:
        parse(source, "checkout.yaml")
    return list(refusal.value.problems)


MERGE_BOMB = b"a0: &a0 {x: 1}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 9))
    for level in range(1, 11)
)
ALIAS_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9))
    for letter in range(ord("b"), ord("j"))
)

# What arrives, and the place and rule of the refusal.
HOSTILE: dict[str, tuple[bytes, str]] = {
    "nested merge keys": (MERGE_BOMB, "1:5 yaml-anchor"),
    "nested aliases": (ALIAS_BOMB, "1:4 yaml-anchor"),
    "an alias of nothing": (b"a: *b\n", "1:4 yaml-anchor"),
    "20,000 open brackets": (b"[" * 20_000, "1:21 too-deep"),
    "20,000 open braces": (b"{" * 20_000, "1:21 too-deep"),
    "brackets and braces": (b"a: " + b"[{" * 20_000, "1:23 too-deep"),
    "20,000 dashes": (b"- " * 20_000, "1:41 too-deep"),
    "20,000 question marks": (b"? " * 20_000, "1:41 too-deep"),
    "10 MB of one letter": (b"a" * 10_000_000, "1:1 file-too-large"),
    "one byte too many": (b"#" * (256 * 1024 + 1), "1:1 file-too-large"),
    "100,000 keys": (b"".join(b"k%d: 1\n" % n for n in range(100_000)), "1:1 file-too-large"),
    "30,000 short keys": (b"".join(b"%x:\n" % n for n in range(30_000)), "9999:6 too-many-values"),
    "100,000 items": (b"[" + b"a," * 100_000, "1:39996 too-many-values"),
    "9,000 duplicate keys": (b"a: 1\n" * 9000, "2:1 duplicate-key"),
    "a Python object": (b"a: 1\nb: !!python/object/apply:os.system [ls]\n", "2:4 yaml-tag"),
    "a tag of its own": (b"a: !secret x\n", "1:4 yaml-tag"),
    "a tag on the document": (b"!x {a: 1}\n", "1:1 yaml-tag"),
    "a tag on a list": (b"a: !!set [1]\n", "1:4 yaml-tag"),
    "an older YAML": (b"%YAML 1.1\n---\na: no\n", "1:1 yaml-directive"),
    "a shorthand for tags": (b"%TAG ! tag:x,2000:\n---\na: 1\n", "1:1 yaml-directive"),
    "two documents": (b"a: 1\n---\nb: 2\n", "2:1 one-document"),
    "a NUL": (b"name: one\nowner: a\x00b\n", "2:9 control-character"),
    "an escape for terminals": (b"name: \x1b[31mred\n", "1:7 control-character"),
    "Latin-1": ("name: café\n".encode("latin-1"), "1:10 not-utf8"),
    "half a letter": ("a: 1\nname: é".encode()[:-1], "2:7 not-utf8"),
    "a surrogate in UTF-8": (b"a: \xed\xa0\x80\n", "1:4 not-utf8"),
    "UTF-16 with its mark": ("name: one\n".encode("utf-16"), "1:1 not-utf8"),
    "UTF-16 without": ("name: one\n".encode("utf-16-le"), "1:2 control-character"),
    "UTF-32": ("name: one\n".encode("utf-32-be"), "1:1 control-character"),
    "nothing": (b"", "1:1 empty-file"),
    "only a comment": (b"# soon\n", "1:1 empty-file"),
    "an empty document": (b"---\n...\n", "1:1 empty-file"),
    "a list": (b"# first\n- a\n- b\n", "2:1 not-a-mapping"),
    "a word": (b"hello\n", "1:1 not-a-mapping"),
    "a number": (b"  42\n", "1:3 not-a-mapping"),
    "a list as a key": (b"a: 1\n? [b, c]\n: d\n", "2:3 key-not-text"),
    "a mapping as a key": (b"{a: 1}: b\n", "1:1 key-not-text"),
    "a quote cut off": (b'a: 1\nname: "One-pa', "2:14 yaml-syntax"),
    "a list cut off": (b"a: [1, 2", "1:4 yaml-syntax"),
    "a key cut off": (b"name: one\nown", "2:1 yaml-syntax"),
    "a mapping that never ends": (b"a: {b: 1\n", "1:4 yaml-syntax"),
    "a bad escape": (b'a: "\\ud800"\n', "1:7 yaml-syntax"),
    "an unknown directive": (b"%FOO\n" * 1000, "1:5 yaml-syntax"),
    "a key of 200,000 letters": (b"a" * 200_000 + b": 1\n", "1:200001 yaml-syntax"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_within_a_second_with_its_place(
    tmp_path: Path, name: str
) -> None:
    source, answer = HOSTILE[name]
    file = tmp_path / "checkout.yaml"
    file.write_bytes(source)
    start = time.process_time()
    problems = lint([file])
    assert time.process_time() - start < second()
    first = problems[0]
    assert f"{first.line}:{first.column} {first.rule}" == answer
    assert first.message
    assert first.mend


def entries(count: int) -> bytes:
    return b"variants:\n" + b"  - {key: a, weight: 1, control: true}\n" * count


# Well-formed files that have as much wrong as fits into the limits.
LABORIOUS: dict[str, bytes] = {
    "unknown keys": b"".join(b"statu%d: 1\n" % n for n in range(9_000)),
    "variants": entries(2_400),
    "variants that repeat": b"variants: [" + b"{key: a}," * 3_000 + b"]\n",
    "metrics": b"metrics: {primary: a, secondary: [" + b"paid," * 19_000 + b"]}\n",
    "one key of 250,000 letters": b"? " + b"a" * 250_000 + b"\n: 1\n",
    "one value of 250,000 letters": b"status: " + b"r" * 250_000 + b"\n",
    "one value of 250,000 digits": b"traffic: " + b"9" * 250_000 + b"\n",
}


@pytest.mark.parametrize("name", LABORIOUS)
@pytest.mark.parametrize("file_name", ["checkout.yaml", "metrics.yaml", "offers.yaml"])
def test_a_file_with_thousands_of_mistakes_is_answered_within_a_second(
    tmp_path: Path, name: str, file_name: str
) -> None:
    file = tmp_path / "definitions" / file_name
    file.parent.mkdir()
    file.write_bytes(LABORIOUS[name])
    start = time.process_time()
    problems = lint([file])
    assert time.process_time() - start < second()
    assert 1 <= len(problems) <= 220
    assert sum(len(str(problem)) for problem in problems) < 200_000


def test_offers_of_unknown_currencies_are_answered_within_a_second(tmp_path: Path) -> None:
    offer = b"  - {key: a, name: A, description: A, amount: 1, currency: zzz}\n"
    file = tmp_path / "offers.yaml"
    file.write_bytes(b"offers:\n" + offer * 1_600)
    start = time.process_time()
    problems = lint([file])
    assert time.process_time() - start < second()
    assert problems[0].rule == "unknown-currency"


def test_names_of_many_metrics_are_answered_within_a_second(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    metric = (
        "  - {key: paid_%d, name: A, event: payment_succeeded, kind: mean, direction: increase}\n"
    )
    (tmp_path / "metrics.yaml").write_text("metrics:\n" + "".join(metric % n for n in range(1600)))
    names = ", ".join(f"piad_{n}" for n in range(3000))
    (definitions / "any.yaml").write_text(f"metrics: {{primary: a, secondary: [{names}]}}\n")
    start = time.process_time()
    problems = lint([definitions])
    assert time.process_time() - start < second()
    assert sum(problem.rule == "unknown-metric" for problem in problems) == 100
    assert max(len(str(problem)) for problem in problems) < 1000


def test_only_the_first_hundred_problems_are_listed() -> None:
    problems = refused(b"a: 1\n" * 150)
    assert len(problems) == 101
    assert {problem.rule for problem in problems[:100]} == {"duplicate-key"}
    assert str(problems[100]) == (
        "checkout.yaml:102:1 too-many-problems there are more than 100 problems; "
        "mend those listed and look again"
    )


def test_a_repeated_key_is_told_every_time_with_where_it_was_first() -> None:
    problems = refused(b"a: 1\nb:\n  c: 1\n  c: [x, {y: z}]\na: {d: 1}\n")
    assert [(problem.line, problem.column) for problem in problems] == [(4, 3), (5, 1)]
    assert "first in line 3" in problems[0].message
    assert "first in line 1" in problems[1].message


def test_values_are_read_as_json_would_and_all_else_is_text() -> None:
    text = """
        null: [~, null, Null, NULL, ]
        true: [true, True, TRUE, false, False, FALSE]
        text: [yes, no, on, off, y, n, nULL, "true", 'null', "1", '~', "", <<, =]
        integer: [0, -7, 42, 999999999999999999]
        float: [0.5, -1.25, 1e3, 2.5E-2]
        odd: [012, 0x1F, 0o17, 0b1, 1_000, 1:30, .5, 5., +1, .inf, .nan, 9999999999999999999]
        time: [2027-01-11, 2027-01-11T09:00:00Z]
        block: |
          two
          lines
    """
    content = parse(text.encode(), "checkout.yaml").content
    assert content == {
        "null": [None] * 4,
        "true": [True, True, True, False, False, False],
        "text": [
            *("yes", "no", "on", "off", "y", "n", "nULL", "true", "null", "1", "~", "", "<<", "=")
        ],
        "integer": [0, -7, 42, 999999999999999999],
        "float": [0.5, -1.25, 1000.0, 0.025],
        "odd": [
            *("012", "0x1F", "0o17", "0b1", "1_000", "1:30", ".5", "5.", "+1", ".inf", ".nan"),
            "9999999999999999999",
        ],
        "time": ["2027-01-11", "2027-01-11T09:00:00Z"],
        "block": "two\nlines\n",
    }
    numbers = content["integer"]
    assert isinstance(numbers, list)
    assert [type(number) for number in numbers] == [int] * 4


def test_every_value_and_every_key_knows_its_line_and_column() -> None:
    document = parse("a: 1\nb:\n  - c: zoë\n    d: [x, 🛒, y]\n".encode(), "checkout.yaml")
    assert document.values == {
        (): Mark(1, 1),
        ("a",): Mark(1, 4),
        ("b",): Mark(3, 3),
        ("b", 0): Mark(3, 5),
        ("b", 0, "c"): Mark(3, 8),
        ("b", 0, "d"): Mark(4, 8),
        ("b", 0, "d", 0): Mark(4, 9),
        ("b", 0, "d", 1): Mark(4, 12),
        ("b", 0, "d", 2): Mark(4, 15),
    }
    assert document.keys == {
        ("a",): Mark(1, 1),
        ("b",): Mark(2, 1),
        ("b", 0, "c"): Mark(3, 5),
        ("b", 0, "d"): Mark(4, 5),
    }
    assert document.at(("b", 0, "missing", "deeper")) == Mark(3, 5)
    assert document.at_key(("b", 0, "d")) == Mark(4, 5)
    assert document.at_key(("b", 0)) == Mark(3, 5)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    document = parse(b"\xef\xbb\xbfname: one\n", "checkout.yaml")
    assert document.content == {"name": "one"}
    assert document.keys["name",] == Mark(1, 1)


def test_a_file_of_the_largest_size_is_read() -> None:
    source = b"a: 1\n#".ljust(256 * 1024, b"#")
    assert parse(source, "checkout.yaml").content == {"a": 1}


def test_a_file_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    (file := tmp_path / "checkout.yaml").write_bytes(b"#" * 1_000_000)
    assert read(file) == (b"#" * (256 * 1024 + 1), str(file))


def test_a_path_reads_as_people_write_it() -> None:
    assert path_text(("variants", 1, "weight")) == "variants[1].weight"
    assert path_text((0, "a")) == "[0].a"
    assert path_text(("a\u202eb",)) == "a\\u202eb"
    assert len(path_text(("x" * 1000,))) < 64


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    gone = tmp_path / "gone.yaml"
    (dangling := tmp_path / "dangling.yaml").symlink_to(gone)
    for path, reason in (
        (gone, "No such file or directory"),
        (dangling, "No such file or directory"),
        (pipe, "it is not a file"),
        (tmp_path, "it is not a file"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "nul\0.yaml", "embedded null byte"),
    ):
        with pytest.raises(InvalidDefinition) as refusal:
            read(path)
        assert [str(problem) for problem in refusal.value.problems] == [
            f"{path}:1:1 unreadable {reason}; check the path and its permissions"
        ]


SCRAPS = st.lists(
    st.sampled_from(
        [
            *("name", "status", "variants", "key", "weight", "metrics", "primary", "analysis"),
            *("planned_units", "start", "conversion_window", "traffic", "running", "control"),
            *(": ", ":\n  ", "\n", "\n  - ", " ", "- ", "{", "}", "[", "]", ", ", "|\n", ">\n"),
            *('"', "'", "&a ", "*a", "!!str ", "!", "%", "@", "`", "# ", "? ", "---\n", "...\n"),
            *("1", "0.5", "-1", "1e400", "012", "true", "no", "null", "~", "7d", "50%", "\t", "{}"),
            *("2027-01-11T09:00:00Z", "0001-01-01T00:00:00+23:59", "é", "🛒", "\\ud800", "\x85"),
        ]
    ),
    max_size=60,
).map("".join)


def assert_answered(tmp_path_factory: pytest.TempPathFactory, source: bytes) -> None:
    directory = tmp_path_factory.mktemp("fuzz")
    for name in ("checkout.yaml", "metrics.yaml", "offers.yaml"):
        (directory / name).write_bytes(source)
    for problem in lint([directory]):
        assert problem.rule in RULES
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert problem.mend
        assert str(problem).isprintable()


@given(source=st.binary(max_size=300))
@settings(max_examples=300)
@example(source=b"\xff\xfe\x00")
def test_lint_answers_whatever_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, source: bytes
) -> None:
    assert_answered(tmp_path_factory, source)


@given(text=SCRAPS)
@settings(max_examples=700)
@example(text="start: 0001-01-01T00:00:00+23:59")
@example(text="a: {")
@example(text='"\u2028": 1')
def test_lint_answers_whatever_the_scraps_of_yaml(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    assert_answered(tmp_path_factory, text.encode("utf-8", "surrogatepass"))
