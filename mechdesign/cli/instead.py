"""What other ways to break the ties of a result would have given, as lines for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mechdesign.cli.output import exact

if TYPE_CHECKING:
    from mechdesign.mechanisms.alternatives import Alternatives
    from mechdesign.mechanisms.result import Result
    from mechdesign.mechanisms.ties import Tie

__all__ = ["instead"]

_NAMES_MAX = 6
"""So many of the tied are named in a line."""


def instead(result: "Result[Any]", players: Sequence[str], alternatives: "Alternatives[Any]", more: str) -> list[str]:
    """A line for each result that ties broken otherwise would have given, and what these lines leave open.

    Args:
        result: the actual one.
        players: in roster order.
        alternatives: the others.
        more: how to have more of them computed, or empty.
    """
    actual = result.transfers(players)
    lines = []
    for other in alternatives.others:
        text = str(other.result.outcome)
        if text == str(result.outcome):  # what differs is who pays what
            moved = other.result.transfers(players)
            changed = [f"{one} {exact(net)}" for one, net in moved.items() if net != actual[one]]
            text += f", transfers {', '.join(changed)}"
        lines.append(f"{text} ({'; '.join(map(_broken, other.ties))})")
    if not alternatives.complete:
        return [*lines, f"and perhaps more: there are more ways to break the ties than were computed{more}"]
    return lines or ["nothing else: every way to break the tie gives this result"]


def _broken(tie: "Tie") -> str:
    shown = [*tie.order[:_NAMES_MAX], *(["…"] if len(tie.order) > _NAMES_MAX else [])]
    return f"{tie.about}: {' before '.join(shown)}"
