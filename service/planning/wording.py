"""The words of a plan, the same in every rendering."""

from __future__ import annotations

from experiments.differences import Change, Leaf
from service.planning.movement import MOVING, Move, Movement, Standing
from service.planning.proposal import Effect, Proposal

SIGNS = {Change.ADDED: "+", Change.CHANGED: "~", Change.REMOVED: "-"}

# What people call each move, in the order they read them.
MOVES = {
    Move.ENTERS: "enter",
    Move.LEAVES: "leave",
    Move.SWITCHES: "switch variant",
    Move.STAYS: "stay",
    Move.OUTSIDE: "stay outside",
}


def counted(count: int, movement: Movement) -> str:
    """A count with its share."""
    return f"{count:,} ({movement.share(count):.1%})"


def summary(proposal: Proposal) -> str:
    """The change in one sentence."""
    if not proposal.changes:
        return f"Nothing changes against {proposal.against}."
    changes = _changes(proposal)
    if not proposal.effects:
        return (
            f"{changes} against {proposal.against}, none of them an experiment.{_warned(proposal)}"
        )
    who = f"{len(proposal.population.visitors):,} {proposal.population.described}"
    moved = ", and ".join(_moved(effect) for effect in proposal.effects)
    return f"{changes} against {proposal.against}: of {who}, {moved}.{_warned(proposal)}"


def _changes(proposal: Proposal) -> str:
    total = proposal.changes
    return f"{total} definition{'s' if total > 1 else ''} change{'s' if total == 1 else ''}"


def _moved(effect: Effect) -> str:
    counts = counted(effect.new.moved, effect.new)
    if effect.exposed:
        counts = f"{counted(effect.returning.moved, effect.returning)} ({counts} if they were new)"
    return f"{counts} would enter, leave or switch variant in {effect.changed.key}"


def _warned(proposal: Proposal) -> str:
    hazards = [*(h for e in proposal.effects for h in e.hazards)]
    hazards += [h for each in proposal.hazards.values() for h in each]
    if not hazards:
        return ""
    many = len(hazards) > 1
    return f" {len(hazards)} warning{'s' if many else ''} about the analysis below."


def leaf(value: Leaf | None) -> str:
    """A value as the file would say it; a dash where nothing is written."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def standing(value: Standing) -> str:
    """Where a unit stands."""
    if value.variant is None:
        return "no experiment"
    return value.variant if value.counted else f"outside, sees {value.variant}"


def views(effect: Effect) -> dict[str, Movement]:
    """The movements worth showing: one where nobody was exposed, for then they are the same."""
    if not effect.exposed:
        return {"visitors": effect.new}
    return {"returning": effect.returning, "as if new": effect.new}


def moves(effect: Effect) -> dict[Move, str]:
    """The moves that anybody makes, with what people call them."""
    seen = views(effect).values()
    return {move: name for move, name in MOVES.items() if any(view.count(move) for view in seen)}


def doubtful(effect: Effect, move: Move, movement: Movement) -> bool:
    """Whether a warning makes this number one that no analysis will hold for."""
    return bool(effect.hazards) and move in MOVING and movement.count(move) > 0
