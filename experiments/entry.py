"""How units enter an experiment beside the split: on purpose, or step by step."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from experiments.notation import STRICT, Breach, Duration, Key, Line, Moment, refuse_all


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Override:
    """Somebody who is shown a variant on purpose, and never analysed.

    Attributes:
        name: names it in signed links.
        variant: key of the variant that is shown.
        until: when it ends (not included), in UTC; None means when this entry is removed.
        customers: ids of customers it holds for without a link; of customer experiments alone.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    name: Annotated[Key, Field(description="a key such as qa-team")]
    variant: Annotated[Key, Field(description="the key of a variant")]
    until: Annotated[
        Moment | None, Field(description="a time with a zone such as 2027-02-01T00:00:00Z")
    ] = None
    customers: Annotated[
        tuple[Line, ...], Field(description="a list of customers' ids such as [cus_123]")
    ] = ()

    def holds(self, now: datetime) -> bool:
        """Whether it is in force at this time."""
        return self.until is None or now < self.until


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RampStep:
    """One step in which traffic grows.

    Each step after the first waits for its time and for clean guardrails, and with `approval`
    for a person too.

    Attributes:
        after: how long after the start it comes; nothing for the first.
        traffic: share of units that enter from then on, in (0, 1].
        approval: whether a person has to approve it.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    after: Annotated[Duration, Field(description="a duration after the start, such as 24h")] = (
        timedelta(0)
    )
    traffic: Annotated[
        float, Field(gt=0, le=1, description="a share above 0 and at most 1, such as 0.1")
    ]
    approval: Annotated[bool, Field(description="true where a person has to approve it")] = False


def increasing(ramp: tuple[RampStep, ...]) -> tuple[RampStep, ...]:
    """Refuses steps that do not come one after the other, each with more traffic.

    Raises:
        pydantic.ValidationError: naming each step that does not.
    """
    breaches = []
    if ramp and ramp[0].after:
        message = "the first step comes with the start"
        breaches.append(Breach((0, "after"), "ramp-order", message, "remove `after:` here"))
    for index, (before, step) in enumerate(pairwise(ramp), start=1):
        if step.after <= before.after:
            message = "this step comes no later than the one before it"
            mend = "write a longer time than above"
            breaches.append(Breach((index, "after"), "ramp-order", message, mend))
        if step.traffic <= before.traffic:
            message = f"the traffic {step.traffic:g} is no more than {before.traffic:g} before it"
            breaches.append(
                Breach(
                    (index, "traffic"), "ramp-order", message, f"write more than {before.traffic:g}"
                )
            )
    refuse_all(breaches)
    return ramp
