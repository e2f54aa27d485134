"""Runs the contract against a real Stripe sandbox: `python -m tests.contract.sandbox`.

The key comes from the environment, is never printed, and a live one is refused.
"""

import os
import sys
from collections.abc import Mapping

KEY = "STRIPE_SECRET_KEY"
SANDBOX_PREFIXES = ("sk_test_", "rk_test_")
LIVE_PREFIXES = ("sk_live_", "rk_live_")
WRONG_USAGE = 2


def refusal(environment: Mapping[str, str]) -> str | None:
    """Why the contract can't be held against Stripe with this environment; None when it can."""
    key = environment.get(KEY, "").strip()
    live = [name for name, value in environment.items() if value.strip().startswith(LIVE_PREFIXES)]
    if live:
        return (
            f"{live[0]} holds a live Stripe key: the contract suite makes payments, and runs "
            "against a sandbox only. Take it out of the environment."
        )
    if not key:
        return (
            f"The contract suite needs a Stripe sandbox: set {KEY}=sk_test_... and run again. "
            "Without one, `make test` holds the same contract against the simulator."
        )
    if not key.startswith(SANDBOX_PREFIXES):
        return f"{KEY} is not a sandbox's secret key: it begins with neither sk_test_ nor rk_test_."
    return None


def main(arguments: list[str]) -> int:
    """Run the suite, or say why not; returns the exit code."""
    why = refusal(os.environ)
    if why is not None:
        sys.stderr.write(f"{why}\n")
        return WRONG_USAGE
    import pytest  # noqa: PLC0415 - not needed to say no

    suite = ["tests/contract", "--stripe-sandbox", "--timeout=600", "--no-cov", "-p", "no:xdist"]
    return int(pytest.main([*suite, *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
