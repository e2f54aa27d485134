"""The list of wrong formulas does not rot; `make mutants` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import copy_into, outcome
from tests.mutants.catalogue import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_formula_of_a_mutant_stands_in_its_file_once(mutant: Mutant) -> None:
    assert mutant.occurrences == 1
    assert mutant.old != mutant.new
    for test in mutant.tests:
        assert (ROOT / "tests" / "analysis" / test).is_file(), test


def test_a_name_is_given_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.slow
def test_a_mutant_that_no_test_notices_survives_and_one_that_is_gone_is_told(
    tmp_path: Path,
) -> None:
    copy_into(tmp_path)
    tests = ("test_multiplicity.py",)
    formula = "adjusted[index] = min(1.0, largest)"
    same = Mutant("nothing changed", "multiplicity.py", formula, f"{formula}  ", tests)
    assert outcome(tmp_path, same) == "SURVIVED"
    gone = Mutant("no such text", "multiplicity.py", "no such text", "", tests)
    assert outcome(tmp_path, gone).startswith("GONE: its formula stands 0 times")
    holm = next(mutant for mutant in MUTANTS if mutant.name == "Holm without stepping down")
    assert outcome(tmp_path, holm) == "killed"
