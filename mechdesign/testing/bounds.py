"""How much a member may hold: for each thing that it keeps a bound, stated as a function of its group and settings.

Everything is bounded by the rounds between the floor below which blocks were let go and the highest round that was
accepted. How many those may be is stated too, for groups that had time to certify their checkpoints.
"""

from collections.abc import Callable, Iterable

from mechdesign.group.core import GroupCore
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.testing.simulator import Simulator, Violation

__all__ = ["Bounds", "holdings", "rounds_max"]

_EVERY = 64
_TWINS = 3
# Two of an author and round are accepted, and a third for each that some honest block rests on: in all of its rounds
# together an author has at most so many times as many as an honest one.


def holdings(core: GroupCore, roster: Roster, config: GroupConfig) -> dict[str, tuple[int, int]]:
    """By name how much a member holds, and how much it may."""
    dag, manager, sync, committer = core._dag, core._manager, core._sync, core._order.committer
    n, rounds = roster.n, dag.highest - dag.floor + 1
    blocks = _TWINS * n * max(rounds, 0)
    above = _TWINS * n * max(dag.highest - committer.undecided_round + 2, 0)
    lacking = n * max(4 * config.parked_per_author, 8 * n)
    certifier = core._keeping._certifier
    waiting = len(core._outbox)
    return {
        "blocks": (len(dag), blocks),
        "rounds of blocks": (len(dag._rounds), max(rounds, 0)),
        "tips": (sum(map(len, dag._chains)), len(dag)),
        # What a checkpoint brought without its block counts too.
        "ordered digests": (len(dag._ordered), blocks + _TWINS * n * (roster.depth + 3)),
        "certificates": (len(committer._certs), above),
        "certifying blocks": (len(committer._certifies), above + _TWINS * n * 3),
        "blames": (len(committer._blames), above),
        "verdicts": (len(committer._verdicts), above),
        "committed slots": (len(committer._committed), n * (roster.depth + max(rounds, 0) + 1)),
        "parked blocks": (max(map(len, manager._of_author)), config.parked_per_author),
        "missing references": (len(manager._waiters), lacking),
        "pulls": (sync.pulls, 2 * lacking),
        "shown blocks": (len(sync._shown), 32 * n),
        "uncovered blocks": (len(core._proposer._uncovered), len(dag)),
        "speaking blocks": (len(core._proposer._speaking), len(dag)),
        "compared rounds": (len(core._watch._slots), len(dag) + _TWINS * n),
        "compared predecessors": (len(core._watch._predecessors), len(dag) + _TWINS * n),
        "proofs": (len(core._watch._proved), 3 * n),
        "carried submissions": (len(core._outbox._carried), waiting + len(dag)),
        "quorum instants": (len(core._pacing._quorum_at), 64),
        "pending checkpoints": (len(certifier._pending), 4),
        "early signatures": (sum(map(len, certifier._early)), 4 * n),
        "blocks in the journal": (len(core._keeping.records._rounds), blocks + _TWINS * n * (roster.depth + 3)),
    }


def rounds_max(roster: Roster) -> int:
    """How many rounds of blocks a member keeps at most where the signatures over checkpoints get through.

    Up to the collection depth below a commit; from one checkpoint to the next, as many commits as the depth times the
    slots of a round, of which a quorum's share may be all that is committed; and the same again until it is certified.
    """
    between = -(-roster.depth * roster.n // roster.q)
    return roster.depth + 2 * between + 3 * (roster.b + 2)


class Bounds:
    """What honest members hold stays within its bounds, looked at again and again.

    Args:
        simulator: whose steps are watched.
        honest: places of the members that are looked at.
        config: their settings.
        cores: what runs in a member that is up.
    """

    def __init__(
        self,
        simulator: Simulator,
        honest: Iterable[int],
        config: GroupConfig,
        cores: Callable[[int], Iterable[GroupCore]],
    ) -> None:
        self._config = config
        self._cores = cores
        self._until = {place: 1 + place for place in honest}
        simulator.watch_steps(self._step)

    def _step(self, place: int) -> None:
        if place not in self._until:
            return
        self._until[place] -= 1
        if not self._until[place]:
            self._until[place] = _EVERY
            self.look(place)

    def look(self, place: int) -> None:
        """Compare one member's holdings with their bounds now.

        Raises:
            Violation: it holds more of something than it may.
        """
        for core in self._cores(place):
            for name, (held, bound) in holdings(core, core._roster, self._config).items():
                if held > bound:
                    raise Violation(f"member {place} holds {held} {name} where {bound} is the most")
