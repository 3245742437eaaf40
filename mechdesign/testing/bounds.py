"""How much a member may hold: for each thing that it keeps a bound, stated as a function of its group and settings.

Three numbers of rounds are taken as they are, since no rule bounds them while the network does what it likes: those
that are kept, those that are undecided, and those at or above the collection round. Everything else is bounded by the
roster, the settings and these, and they are tied to what moves them: the collection round follows the commits, and
what is kept begins where the newest certified checkpoint says. How many rounds those may be in a group that had time to
certify its checkpoints is stated too.

What can be counted at once is looked at after every step, what has to be walked over after every sixteenth of a member.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, get_args

from mechdesign.group.core import GroupCore
from mechdesign.group.evidence import Evidence
from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig
from mechdesign.testing.simulator import Violation

__all__ = ["Bounds", "Steps", "holdings", "rounds_max", "walked"]

_EVERY = 16
_TWINS = 3
# Two of an author and round are accepted, and a third for each that some honest block rests on: in all of its rounds
# together an author has at most so many times as many as an honest one.
_KINDS = len(get_args(Evidence))


def holdings(core: GroupCore, roster: Roster, config: GroupConfig) -> dict[str, tuple[int, int]]:
    """By name how much a member holds that can be counted at once, and how much it may."""
    dag, manager, sync, committer = core._dag, core._manager, core._sync, core._order.committer
    proposer, watch, certifier = core._proposer, core._watch, core._keeping._certifier
    n, depth = roster.n, roster.depth
    # In a round: one block of everybody who is not known to sign more.
    wide = n + (_TWINS - 1) * len(watch.equivocators)
    kept = max(dag.highest - dag.floor + 1, 0)
    fresh = max(dag.highest - dag.collection + 1, 0)
    undecided = max(dag.highest - committer.undecided_round + 1, 0)
    # A checkpoint names blocks that are out before anything is known of their authors.
    named = _TWINS * n * (depth + 3)
    lacking = max(4 * config.parked_per_author, 8 * n)
    return {
        "rounds below the certified collection round": (certifier.floor - dag.floor, 0),
        "rounds from collection to commit": (
            core._order.committed_round - dag.collection,
            depth,
        ),
        "blocks": (len(dag), wide * kept),
        "rounds of blocks": (len(dag._rounds), kept),
        "ordered digests": (len(dag._ordered), wide * kept + named),
        "certificates": (len(committer._certs), wide * undecided),
        "certifying blocks": (len(committer._certifies), wide * undecided),
        "blames": (len(committer._blames), n * undecided),
        "verdicts": (len(committer._verdicts), n * undecided),
        "committed slots": (len(committer._committed), roster.slots_per_round * (depth + 1)),
        "parked blocks": (max(map(len, manager._of_author)), config.parked_per_author),
        "references vouched for": (len(manager._vouched), lacking),
        "pulls": (sync.pulls, 2 * n * lacking),
        "shown blocks": (len(sync._shown), 32 * n),
        "uncovered blocks": (len(proposer._uncovered), wide * fresh),
        "speaking blocks": (len(proposer._speaking), wide * fresh),
        "compared rounds": (len(watch._slots), n * (kept + _TWINS)),
        "compared predecessors": (len(watch._predecessors), wide * kept + _TWINS * n),
        "proofs": (len(watch._proved), _KINDS * n),
        "carried submissions": (len(core._outbox._carried), fresh),
        "quorum instants": (len(core._pacing._quorum_at), 64),
        "pending checkpoints": (len(certifier._pending), 4),
        "early signatures": (max(map(len, certifier._early)), 4),
        "blocks in the journal": (len(core._keeping.records._rounds), wide * kept + named),
    }


def walked(core: GroupCore, roster: Roster, config: GroupConfig) -> dict[str, tuple[int, int]]:
    """By name how much a member holds that has to be walked over, and how much it may."""
    dag, manager = core._dag, core._manager
    n, kept = roster.n, max(dag.highest - dag.floor + 1, 0)
    wide = n + (_TWINS - 1) * len(core._watch.equivocators)
    lacks = (sum(len(manager._lacks[digest]) for digest in parked) for parked in manager._of_author)
    shown = [at[0] for numbers in core._order.linearizer._numbers for at in numbers.where.values()]
    return {
        "tips": (sum(map(len, dag._chains)), wide * kept),
        "missing references": (max(lacks), max(4 * config.parked_per_author, 8 * n)),
        # One that a checkpoint names counts as held, and comes with its descendants if anybody still needs it.
        "entries in blocks that were let go": (sum(digest not in dag._ordered for digest in shown), 0),
    }


def rounds_max(roster: Roster) -> int:
    """How many rounds of blocks a member keeps at most where the signatures over checkpoints get through.

    Up to the collection depth below a commit; from one checkpoint to the next, as many commits as the depth times the
    slots of a round, of which a quorum's share may be all that is committed; and the same again until it is certified.
    """
    between = -(-roster.depth * roster.n // roster.q)
    return roster.depth + 2 * between + 3 * (roster.b + 2)


class Steps(Protocol):
    """What tells of each step of a member; a simulator is one."""

    def watch_steps(self, watcher: Callable[[int], None]) -> None:
        """Call ``watcher(place)`` whenever a member has done all that one event brought about."""
        ...


class Bounds:
    """What honest members hold stays within its bounds, looked at after every step.

    Args:
        steps: the steps that are watched.
        honest: places of the members that are looked at.
        config: their settings.
        cores: what runs in a member that is up.
    """

    def __init__(
        self, steps: Steps, honest: Iterable[int], config: GroupConfig, cores: Callable[[int], Iterable[GroupCore]]
    ) -> None:
        self._config = config
        self._cores = cores
        self._until = {place: 1 + place % _EVERY for place in honest}
        steps.watch_steps(self._step)

    def _step(self, place: int) -> None:
        if place not in self._until:
            return
        self._look(place, holdings)
        self._until[place] -= 1
        if not self._until[place]:
            self._until[place] = _EVERY
            self._look(place, walked)

    def look(self, place: int) -> None:
        """Compare one member's holdings with their bounds now.

        Raises:
            Violation: it holds more of something than it may.
        """
        self._look(place, holdings)
        self._look(place, walked)

    def _look(self, place: int, found: Callable[[GroupCore, Roster, GroupConfig], dict[str, tuple[int, int]]]) -> None:
        for core in self._cores(place):
            for name, (held, bound) in found(core, core._roster, self._config).items():
                if held > bound:
                    raise Violation(f"member {place} holds {held} {name} where {bound} is the most")
