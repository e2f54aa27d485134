"""What became of the units, as tables that every rendering shows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.journey import Journeys, Leaving, Milestone, mix_and_rate, steps, whole_factor
from analysis.report import Absent, Report
from analysis.wording import count, percent, points, signed_percent

# Of the ways to leave, those that most units took.
MOST_LEAVINGS = 12
_MOST_REASONS = 10
_NAMES = {
    Milestone.EXPOSED: "exposed",
    Milestone.DETAILS: "details complete",
    Milestone.ATTEMPT: "tried to pay",
    Milestone.AUTHORIZED: "authorized",
    Milestone.PAID: "paid",
    Milestone.KEPT: "kept: nothing refunded or disputed",
}
_DESCRIBES = (
    "It describes and proves nothing: whoever gets to a later part was chosen by the earlier ones."
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text, its numbers to the right.

    Attributes:
        key: Names it in a page.
        title: What it shows.
        head: Its columns.
        rows: Each as long as the head.
        note: What to mind in reading it.
    """

    key: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def journey_tables(report: Report) -> tuple[Table, ...]:
    """Where the lift comes from, where units leave, how they pay and why that fails."""
    found = report.journeys
    if found is None:
        return ()
    made = (_path(report, found), _leaving(report, found), *_attempts(report, found))
    return tuple(table for table in made if table.rows)


def _path(report: Report, found: Journeys) -> Table:
    others = [variant for variant in report.units if variant != report.control]
    by_variant = {
        variant: {
            step.milestone: step.factor
            for step in steps(found.milestones, control=report.control, variant=variant)
        }
        for variant in others
    }
    rows = []
    for milestone, counts in found.milestones.items():
        reached = (_of(counts[variant], report.units[variant]) for variant in report.units)
        lifts = (_lift(by_variant[variant].get(milestone)) for variant in others)
        rows.append((_NAMES[milestone], *reached, *lifts))
    whole = {
        variant: whole_factor(steps(found.milestones, control=report.control, variant=variant))
        for variant in others
    }
    total = ", ".join(
        f"{signed_percent(whole[v] - 1)} of {v}, up to {_NAMES[[*by_variant[v]][-1]]}"
        for v in others
        if by_variant[v]
    )
    return Table(
        "path",
        "Where the lift comes from",
        ("milestone", *report.units, *(f"step lift of {variant}" for variant in others)),
        tuple(rows),
        "A unit that is known to have got further has passed all before, also where the page did "
        "not tell. A step lift is of the share of those at the milestone before; all of them "
        f"multiply to the whole{f': {total}' if total else ''}. {_DESCRIBES}",
    )


def _leaving(report: Report, found: Journeys) -> Table:
    ways: dict[tuple[Milestone, str, str], list[Leaving]] = defaultdict(list)
    for each in found.leavings:
        ways[each.milestone, each.section, each.last].append(each)
    ordered = sorted(ways.items(), key=lambda way: -_total(way[1]))
    rows = [
        (
            _NAMES[milestone],
            section or "-",
            last or "told nothing",
            *(_by_device(report, variant, left) for variant in report.units),
        )
        for (milestone, section, last), left in ordered[:MOST_LEAVINGS]
    ]
    rest = [each for _, left in ordered[MOST_LEAVINGS:] for each in left]
    if rest:
        others = (_by_device(report, variant, rest) for variant in report.units)
        rows.append((f"{len(ordered) - MOST_LEAVINGS} other ways", "-", "-", *others))
    return Table(
        "leaving",
        "Where and why they leave",
        ("got as far as", "section", "last known", *report.units),
        tuple(rows),
        "Units that have not paid yet, by the last that their page told, as a "
        "share of the variant's exposed, by device. Pages tell it of recorded visitors alone. "
        + _DESCRIBES,
    )


def _total(left: Sequence[Leaving]) -> int:
    return sum(sum(each.units.values()) for each in left)


def _by_device(report: Report, variant: str, left: Sequence[Leaving]) -> str:
    devices: dict[str, int] = defaultdict(int)
    for each in left:
        devices[each.device] += each.units.get(variant, 0)
    total = sum(devices.values())
    parts = ", ".join(
        f"{device} {count(number)}"
        for device, number in sorted(devices.items(), key=lambda each: (-each[1], each[0]))
        if number
    )
    return (
        f"{_of(total, report.units[variant])}{f': {parts}' if len(devices) > 1 and parts else ''}"
    )


def _attempts(report: Report, found: Journeys) -> Iterator[Table]:
    rows = [
        (each.method, *(_rate(each.authorized, each.counted, variant) for variant in report.units))
        for each in found.attempts
    ]
    yield Table(
        "attempts",
        "Authorization by method",
        ("method", *report.units),
        tuple(rows),
        " ".join((*_mixes(report, found), _DESCRIBES)),
    )
    tried = {
        variant: sum(each.counted.get(variant, 0) for each in found.attempts)
        for variant in report.units
    }
    yield Table(
        "declines",
        "Why attempts were not authorized",
        ("reason", *report.units),
        tuple(
            (reason, *(_of(by.get(variant, 0), tried[variant]) for variant in report.units))
            for reason, by in list(found.declines.items())[:_MOST_REASONS]
        ),
        "As a share of the variant's attempts.",
    )


def _mixes(report: Report, found: Journeys) -> Iterator[str]:
    for variant in report.units:
        mix = mix_and_rate(found.attempts, control=report.control, variant=variant)
        if variant == report.control or mix is None:
            continue
        yield (
            f"Of {variant}'s difference of {points(mix.treatment - mix.control)}, other methods "
            f"make {points(mix.mix)} and other rates of the same ones {points(mix.rate)} "
            "(Kitagawa 1955)."
        )


def _rate(authorized: Mapping[str, int], counted: Mapping[str, int], variant: str) -> str:
    tries = counted.get(variant, 0)
    share = authorized.get(variant, 0) / tries if tries else Absent("no attempt")
    return f"{percent(share)} of {count(tries)}"


def _of(units: int, whole: int) -> str:
    return f"{count(units)} ({percent(units / whole)})" if whole else count(units)


def _lift(factor: float | None) -> str:
    return "" if factor is None else signed_percent(factor - 1)
