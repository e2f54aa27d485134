"""The contract is held against a sandbox, or not at all: never against live keys."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.sandbox import refusal

ROOT = Path(__file__).parents[2]


def run(**variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    return subprocess.run(
        [sys.executable, "-m", "tests.contract.sandbox", "--collect-only", "-q"],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_key_it_says_what_it_needs() -> None:
    ran = run()
    assert ran.returncode == 2
    assert "set STRIPE_SECRET_KEY=sk_test_... and run again" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_live_51abc"),
        ("STRIPE_SECRET_KEY", " rk_live_51abc"),
        ("ELSEWHERE", "sk_live_51abc"),
        ("STRIPE_SECRET_KEY", "pk_test_51abc"),
    ],
)
def test_what_is_not_a_sandboxs_secret_key_is_refused_and_never_shown(
    name: str, value: str
) -> None:
    why = refusal({"STRIPE_SECRET_KEY": "sk_test_51abc", name: value})
    assert why is not None
    assert name in why
    assert value.strip() not in why


def test_with_a_sandboxs_key_it_takes_every_sentence_of_the_contract() -> None:
    ran = run(STRIPE_SECRET_KEY="sk_test_51abc")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tests/contract/test_payments.py::test_a_card_pays_at_once" in ran.stdout
    assert "sk_test_51abc" not in ran.stdout + ran.stderr
