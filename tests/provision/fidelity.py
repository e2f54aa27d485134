"""Judges what the simulators of a whole test run were asked and answered, by stripe-python's types.

Whatever the tests were about: no request may carry a parameter or a value that Stripe does not know
there, and no object may have a member that is missing, unknown, of another type or outside its
closed set.
A request that a test sends to see it refused may carry anything, if it was refused; Kassa's own
may not.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.provision import recorder

_DECLINED = 402  # by the issuer: Stripe understood the request
_HOOK = Path(__file__).parent / "recording"
_SHOWN = 40
_OWNED = pytest.StashKey[Path]()
_VERDICT = pytest.StashKey["Verdict"]()


@dataclass(frozen=True)
class Verdict:
    """What was looked at, and what is wrong with it.

    Attributes:
        requests: how many requests there were.
        answers: how many objects, lists, events and errors were given.
        request_shapes: how many of the requests differ in more than values.
        answer_shapes: how many of the answers do.
        refused: shapes of requests that a test had refused on purpose.
        unknown: parameters, or values of them, that Stripe does not take there.
        findings: hard findings in objects.
    """

    requests: int
    answers: int
    request_shapes: int
    answer_shapes: int
    refused: int
    unknown: list[str]
    findings: list[str]

    @property
    def faultless(self) -> bool:
        """Whether nothing is wrong."""
        return not self.unknown and not self.findings

    def lines(self) -> Iterator[str]:
        """The verdict for people."""
        yield (
            f"{self.requests:,} requests of {self.request_shapes:,} shapes: "
            f"{len(self.unknown)} unknown parameters or values "
            f"({self.refused:,} shapes meant to be refused)"
        )
        yield (
            f"{self.answers:,} answers and events of {self.answer_shapes:,} shapes: "
            f"{len(self.findings)} hard findings"
        )
        wrong = [*self.unknown, *self.findings]
        yield from wrong[:_SHOWN]
        if len(wrong) > _SHOWN:
            yield f"... and {len(wrong) - _SHOWN} more"


def judge(directory: Path) -> Verdict:
    """The verdict on everything that was recorded in a directory."""
    samples = _samples(directory)
    requests = [each["request"] for each in samples if "request" in each]
    answers = {
        recorder.shape(each["answer"]): each["answer"] for each in samples if "answer" in each
    }
    meant = [asked for asked in requests if not _refused_on_purpose(asked)]
    return Verdict(
        requests=_tally(directory, "request"),
        answers=_tally(directory, "answer"),
        request_shapes=len(requests),
        answer_shapes=len(answers),
        refused=len(requests) - len(meant),
        unknown=_unknown(meant),
        findings=_findings(answers.values()),
    )


def _samples(directory: Path) -> list[dict[str, Any]]:
    lines = [
        line
        for path in sorted(directory.glob("*.samples"))
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]
    ]
    return [json.loads(line) for line in dict.fromkeys(lines)]


def _tally(directory: Path, kind: str) -> int:
    return sum(path.stat().st_size for path in directory.glob(f"*.{kind}"))


def _refused_on_purpose(asked: dict[str, Any]) -> bool:
    refused = 400 <= asked["status"] < 500 and asked["status"] != _DECLINED
    return refused and bool(asked["sender"] != "kassa")


def _unknown(requests: Iterable[dict[str, Any]]) -> list[str]:
    from tests.service.payments.simulator import sdk_requests  # noqa: PLC0415 - loads the SDK

    return _sorted(
        finding
        for asked in requests
        for finding in sdk_requests.misfits(asked["method"], asked["path"], asked["parameters"])
    )


def _findings(answers: Iterable[Any]) -> list[str]:
    from tests.service.payments.simulator import shapes  # noqa: PLC0415 - loads the SDK

    return _sorted(finding for answer in answers for finding in shapes.answer_findings(answer))


def _sorted(findings: Iterable[str]) -> list[str]:
    # One line for all members of a list that are wrong alike.
    return sorted({re.sub(r"\[[0-9]+\]", "[]", finding) for finding in findings})


def begin(config: pytest.Config) -> None:
    """Have this run recorded; processes that the tests start, and xdist's, record with it."""
    if recorder.DIRECTORY in os.environ:
        return  # one of those processes: it has been recording since it started
    directory = Path(tempfile.mkdtemp(prefix="kassa-recording-"))
    config.stash[_OWNED] = directory
    os.environ[recorder.DIRECTORY] = str(directory)
    search = [str(_HOOK), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in search if path)
    recorder.record_simulators()


def finish(session: pytest.Session) -> None:
    """Judge the run; a fault fails it, though every test passed."""
    directory = session.config.stash.get(_OWNED, None)
    if directory is None:
        return
    verdict = judge(directory)
    session.config.stash[_VERDICT] = verdict
    shutil.rmtree(directory, ignore_errors=True)
    del os.environ[recorder.DIRECTORY]
    if not verdict.faultless:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def summarise(reporter: pytest.TerminalReporter) -> None:
    """Say what was looked at and what is wrong."""
    verdict = reporter.config.stash.get(_VERDICT, None)
    if verdict is not None and verdict.requests:
        reporter.section("fidelity of the Stripe simulator")
        for line in verdict.lines():
            reporter.line(line, red=not verdict.faultless)
