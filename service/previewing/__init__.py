"""An experiment as if it had run: what it would have been, and how often its plan cries wolf."""

from service.previewing.rendering import to_json, to_text
from service.previewing.replay import Past, Replay, read_past, replay, split_of

__all__ = ["Past", "Replay", "read_past", "replay", "split_of", "to_json", "to_text"]
