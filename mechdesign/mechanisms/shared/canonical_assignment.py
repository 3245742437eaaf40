"""Which of several best assignments is taken: players choose, in the order of the tie rule, what they can have."""

from collections.abc import Sequence

from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.shared.optimisation_assignment import Assignment
from mechdesign.mechanisms.ties import Tie

__all__ = ["canonical"]


def canonical(
    best: Assignment, players: Sequence[Player], names: Sequence[str], about: str, context: Context
) -> tuple[tuple[int | None, ...], tuple[Tie, ...]]:
    """Return the column of each player in one of the best assignments, and the ties that decided which.

    The tie rule orders the players that fare differently in them. Each in turn has one of the columns that it can have
    then: where there are several, the tie rule picks; a nameless one it has only where it can have no other.

    Args:
        best: one row for each player.
        players: the names of the rows.
        names: of the columns; further ones stand for getting nothing.
        about: what the assignments are equal in.
        context: the tie rule.
    """
    order, tied = context.rank([players[row] for row in best.varying()], about)
    ties = list(tied)

    def choose(row: int, columns: tuple[int, ...]) -> int:
        named = [names[column] for column in columns if column < len(names)]
        if not named:
            return columns[0]
        name, more = context.pick(named, f"{about}, for {players[row]}")
        ties.extend(more)
        return names.index(name)

    return best.first([players.index(player) for player in order], choose), tuple(ties)
