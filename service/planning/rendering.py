"""A plan as text for a terminal, as Markdown for a pull request, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from experiments.differences import Change, Changed, Hazard, Leaf
from service.planning.movement import Move, Movement, Standing
from service.planning.proposal import Effect, Proposal
from service.planning.wording import (
    MOVES,
    SIGNS,
    counted,
    doubtful,
    leaf,
    moves,
    standing,
    summary,
    views,
)

Row: TypeAlias = tuple[str, ...]

SCHEMA = "kassa.plan/1"
_SIMULATED = "SIMULATED: these visitors are made up; their shares are the seed's, not your shop's."


def to_text(proposal: Proposal) -> str:
    """As a terminal shows it."""
    lines = [summary(proposal)]
    if proposal.population.simulated and proposal.effects:
        lines.append(_SIMULATED)
    for effect in proposal.effects:
        lines += ["", *_effect_text(effect)]
    for changed in proposal.others:
        lines += ["", *_changed_text(changed)]
        lines += [f"  ! {h.rule}: {h.message}" for h in proposal.hazards.get(changed.key, ())]
    return "\n".join(lines)


def _changed_text(changed: Changed) -> Iterator[str]:
    yield f"{SIGNS[changed.change]} {changed.kind} {changed.key}"
    width = max((len(each.path) for each in changed.differences), default=0)
    for path, before, after in changed.differences:
        yield f"    {path:<{width}}  {_values(changed, before, after)}"


def _values(changed: Changed, before: Leaf | None, after: Leaf | None) -> str:
    shown = [leaf(value) for value in (before, after)]
    return " → ".join(shown) if changed.change is Change.CHANGED else shown[before is None]


def _effect_text(effect: Effect) -> Iterator[str]:
    yield from _changed_text(effect.changed)
    yield ""
    for head, *rows in (_moves(effect), _pairs(effect), *_groups(effect)):
        yield from _columns([head, *rows])
        yield ""
    yield from (f"    {note}" for note in _notes(effect))
    yield from (f"  ! {hazard.rule}: {hazard.message}" for hazard in effect.hazards)


def _columns(rows: list[Row]) -> Iterator[str]:
    """Text on the left and numbers on the right of their columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield f"    {first:<{widths[0]}}  {'  '.join(cells)}".rstrip()


def _moves(effect: Effect) -> list[Row]:
    """How many make each move; a warning stands beside each number it is about."""
    seen = views(effect)
    rows = [
        (name, *(_marked(effect, move, view) for view in seen.values()))
        for move, name in moves(effect).items()
    ]
    others = tuple(counted(view.see_another, view) for view in seen.values())
    if any(view.see_another for view in seen.values()):
        rows.append(("see another variant", *others))
    return [("", *seen), *rows]


def _marked(effect: Effect, move: Move, movement: Movement) -> str:
    mark = "⚠ " if doubtful(effect, move, movement) else ""
    return f"{mark}{counted(movement.count(move), movement)}"


def _pairs(effect: Effect) -> list[Row]:
    """How many go from where to where."""
    seen = views(effect)
    pairs = {pair for view in seen.values() for pair in view.pairs}
    ordered = sorted(pairs, key=lambda pair: (-effect.new.pairs.get(pair, 0), *_between(pair)))
    return [
        ("from → to", *seen),
        *(
            (
                " → ".join(_between(pair)),
                *(counted(view.pairs.get(pair, 0), view) for view in seen.values()),
            )
            for pair in ordered
        ),
    ]


def _between(pair: tuple[Standing, Standing]) -> tuple[str, str]:
    return standing(pair[0]), standing(pair[1])


_SHOWN_VALUES = 10
"""Values of an attribute that people are shown; programs get all."""


def _groups(effect: Effect) -> Iterator[list[Row]]:
    """How many of each country, device and currency make each move, were they new."""
    shown = [move for move in moves(effect) if effect.new.count(move)]
    for attribute, groups in effect.by_attribute.items():
        largest = list(groups.items())[:_SHOWN_VALUES]
        rows = [
            (value, *(counted(movement.count(move), movement) for move in shown))
            for value, movement in largest
        ]
        if len(groups) > len(largest):
            rows.append((f"and {len(groups) - len(largest)} more", *("" for _ in shown)))
        yield [(_titled(effect, attribute), *(MOVES[move] for move in shown)), *rows]


def _titled(effect: Effect, attribute: str) -> str:
    return f"{attribute}, as if new" if effect.exposed else attribute


def _notes(effect: Effect) -> Iterator[str]:
    if effect.exposed:
        yield (
            f"returning: {effect.exposed:,} of them were exposed before, and keep what they saw "
            "where they can; as if new: all of them by their hash alone"
        )
    else:
        yield "none of them was exposed to it before: all are counted by their hash alone"
    yield from effect.notes


def to_markdown(proposal: Proposal) -> str:
    """As a pull request shows it: the sentence first, then a table for each question."""
    lines = [f"**{summary(proposal)}**"]
    if proposal.population.simulated and proposal.effects:
        lines += ["", f"> **{_SIMULATED}**"]
    for effect in proposal.effects:
        lines += ["", *_heading(effect.changed), *_warnings(effect.hazards)]
        lines += [*_differences(effect.changed), *_effect_markdown(effect)]
    for changed in proposal.others:
        lines += ["", *_heading(changed), *_warnings(proposal.hazards.get(changed.key, ()))]
        lines += _differences(changed)
    return "\n".join(lines)


def _heading(changed: Changed) -> list[str]:
    return [f"### `{SIGNS[changed.change]}` {changed.kind} `{changed.key}`: {changed.change}", ""]


def _warnings(hazards: tuple[Hazard, ...]) -> Iterator[str]:
    for hazard in hazards:
        yield f"> ⚠ **{hazard.rule}**: {hazard.message}"
        yield ""


def _table(rows: list[Row], *, numbers: bool) -> list[str]:
    head, *body = rows
    rule = ("---", *("---:" if numbers else "---" for _ in head[1:]))
    return [_row(head), _row(rule), *map(_row, body), ""]


def _row(cells: Row) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _differences(changed: Changed) -> list[str]:
    if not changed.differences:
        return []
    if changed.change is not Change.CHANGED:
        rows = [
            (f"`{d.path}`", _code(d.after if d.before is None else d.before))
            for d in changed.differences
        ]
        return _table([("value", changed.change.value), *rows], numbers=False)
    changes = [(f"`{d.path}`", _code(d.before), _code(d.after)) for d in changed.differences]
    return _table([("value", "before", "after"), *changes], numbers=False)


def _code(value: Leaf | None) -> str:
    text = " ".join(leaf(value).replace("`", "'").split())
    return text if value is None else f"`{text}`"


def _effect_markdown(effect: Effect) -> Iterator[str]:
    for rows in (_moves(effect), _pairs(effect), *_groups(effect)):
        yield from _table(rows, numbers=True)
    yield from (f"- {note}" for note in _notes(effect))


def to_json(proposal: Proposal) -> dict[str, Any]:
    """As programs read it: counts and shares at full precision."""
    population = proposal.population
    return {
        "schema": SCHEMA,
        "against": proposal.against,
        "generated_at": proposal.generated_at.isoformat().replace("+00:00", "Z"),
        "summary": summary(proposal),
        "population": {
            "visitors": len(population.visitors),
            "simulated": population.simulated,
            "described": population.described,
        },
        "experiments": [_effect_document(effect) for effect in proposal.effects],
        "others": [
            {**_changed_document(each), "warnings": _hazards(proposal.hazards.get(each.key, ()))}
            for each in proposal.others
        ],
    }


def _changed_document(changed: Changed) -> dict[str, Any]:
    return {
        "kind": changed.kind,
        "key": changed.key,
        "change": changed.change.value,
        "differences": [each._asdict() for each in changed.differences],
    }


def _hazards(hazards: tuple[Hazard, ...]) -> list[dict[str, str]]:
    return [hazard._asdict() for hazard in hazards]


def _effect_document(effect: Effect) -> dict[str, Any]:
    return {
        **_changed_document(effect.changed),
        "at": effect.at.isoformat().replace("+00:00", "Z"),
        "exposed": effect.exposed,
        "returning": _movement_document(effect.returning),
        "new": _movement_document(effect.new),
        "by_attribute": {
            attribute: {value: _movement_document(each) for value, each in groups.items()}
            for attribute, groups in effect.by_attribute.items()
        },
        "warnings": _hazards(effect.hazards),
        "notes": list(effect.notes),
    }


def _movement_document(movement: Movement) -> dict[str, Any]:
    counts = {move.value: movement.count(move) for move in Move}
    counts["see_another"] = movement.see_another
    return {
        "visitors": movement.units,
        **{
            name: {"count": count, "share": movement.share(count)} for name, count in counts.items()
        },
        "by_variant": [
            {
                "before": before._asdict(),
                "after": after._asdict(),
                "count": count,
                "share": movement.share(count),
            }
            for (before, after), count in movement.pairs.items()
        ],
    }
