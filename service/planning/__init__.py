"""What a change of definitions would do, and to whom."""

from service.planning.population import Population, seen, simulated
from service.planning.proposal import Proposal, propose
from service.planning.rendering import to_json, to_markdown, to_text

__all__ = [
    "Population",
    "Proposal",
    "propose",
    "seen",
    "simulated",
    "to_json",
    "to_markdown",
    "to_text",
]
