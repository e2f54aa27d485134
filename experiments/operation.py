"""What operators may do to an experiment without a change of its file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """An operator's word on one experiment.

    Attributes:
        stopped: whether it is stopped: everyone sees the control, and nobody is counted.
        granted: how many steps of its ramp may be taken, at least 1.
    """

    stopped: bool = False
    granted: int = 1
