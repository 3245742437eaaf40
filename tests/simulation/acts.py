"""How often the liars of a run did otherwise than an honest member in their place, by the kind of their lie.

A kind that is drawn need not act: a selective sender may favour everybody, a hider may meet no twin. So what a run
shows about a kind is judged by what is counted here, and not by who took part in it.
"""

from collections import Counter
from functools import partial

from mechdesign.group.channel import unframe
from mechdesign.group.messages import Ready
from mechdesign.group.views.packets import is_epoch_packet
from mechdesign.testing.adversaries import Boaster, Forger, Liar, Promiser, Replayer, Silent, Withholder
from mechdesign.testing.equivocators import EQUIVOCATING_KINDS, Hider, Rewinder
from mechdesign.testing.letter_liars import LetterLiar
from mechdesign.testing.saboteurs import Flooder, PullInducer, Racer, SelectiveReferencer, SelectiveSender, Staller
from mechdesign.testing.view_liars import ViewLiar
from mechdesign.transport.messages import Packet

__all__ = ["TWIN_MAKERS", "Twins", "count_acts"]

TWIN_MAKERS = (*EQUIVOCATING_KINDS, "last-wave", "two-groups")
"""Kinds that act where two blocks of theirs for one round come to honest members; :class:`Twins` counts those."""

_TWISTING = {
    Silent: "silent",
    Withholder: "withhold",
    SelectiveSender: "select",
    Forger: "forge",
    Boaster: "boast",
    Promiser: "promise",
    Flooder: "flood",
    Staller: "stall",
}
_INVENTING = {
    Hider: ("hide", "_proposer", "parents"),
    Rewinder: ("rewind", "_proposer", "parents"),
    SelectiveReferencer: ("snub", "_proposer", "parents"),
    PullInducer: ("induce", "_proposer", "weak"),
}


class Twins:
    """Rounds for which blocks that differ came to honest members, straight from the liar that made them.

    Args:
        cluster: whose members are watched; they stay the same or change.
        read: what reads the blocks of a frame: (round, author, digest) of each.
    """

    def __init__(self, cluster, read):
        self._places = {process.member: process.place for process in cluster.simulator.processes}
        self._honest = frozenset(cluster.honest)
        self._read = read
        # By the liar's place and the round, which block came to whom.
        self._shown: dict[tuple[int, object], dict[bytes, set[int]]] = {}
        cluster.simulator.watch(Packet, self._arrived)

    def _arrived(self, place, packet):
        liar = self._places[packet.peer]
        if place not in self._honest or liar in self._honest:
            return
        for round_, author, digest in self._read(packet.data):
            if author == packet.peer:
                self._shown.setdefault((liar, round_), {}).setdefault(digest, set()).add(place)

    def made(self, liar):
        """How many rounds of a liar have twins."""
        return sum(author == liar and len(shown) > 1 for (author, _), shown in self._shown.items())

    def parted(self, liar, camps):
        """In how many rounds of a liar each of two camps got a block that the other did not get from it."""
        count = 0
        for (author, _), shown in self._shown.items():
            one, other = (any(met & camp and met <= camp for met in shown.values()) for camp in camps)
            count += author == liar and one and other
        return count


def after(patch, owner, name, look):
    """Call ``look(self, result, *arguments)`` behind each call of a method."""
    right = getattr(owner, name)

    def looked(self, *arguments):
        result = right(self, *arguments)
        look(self, result, *arguments)
        return result

    patch.setattr(owner, name, looked)


def count_acts(patch):
    """Have every kind of liar but the makers of twins count its acts from now on; gives the counts by kind."""
    acts: Counter[str] = Counter()

    def twisted(liar, said, send, now):
        # A hider withholds too, but that is not what it is for.
        acts[_TWISTING.get(type(liar), "")] += said != [send]

    def begun(liar, core, now):
        kind, part, name = _INVENTING[type(liar)]
        _compare(getattr(core, part), name, lambda said, honest: acts.update({kind: said != honest}))

    def raced(liar, core, now):
        _compare(core._turn, "_causes", lambda said, honest: acts.update(race=bool(said) and not honest))

    def heard(liar, said, packet, now):
        liar.plain = len(said)

    def replayed(liar, said, packet, now):
        acts["replay"] += len(said) > liar.plain

    def changed(liar, said, send, *_):
        acts[liar._kind] += said != [send]

    def extra(liar, said):
        acts[liar._kind] += bool(said)

    def lingered(liar, said, incoming, now):
        told = isinstance(incoming, Packet) and is_epoch_packet(unframe(incoming.data)[1])
        acts["linger"] += liar._kind == "linger" and told

    def requested(liar, said, request, now):
        acts["unready"] += liar._kind == "unready" and isinstance(request, Ready)

    for maker in _TWISTING:
        after(patch, maker, "_twist", twisted)
    for maker in _INVENTING:
        after(patch, maker, "fresh", begun)
    after(patch, Racer, "fresh", raced)
    after(patch, Liar, "_hear", heard)
    after(patch, Replayer, "_hear", replayed)
    after(patch, ViewLiar, "_sent", changed)
    after(patch, ViewLiar, "_haunt", extra)
    after(patch, ViewLiar, "receive", lingered)
    after(patch, ViewLiar, "submit", requested)
    after(patch, LetterLiar, "_sent", changed)
    after(patch, LetterLiar, "_replay", extra)
    return acts


def _compare(part, name, look):
    """Call ``look(what, honest)`` with what a changed method gives and what the honest one would have given."""
    lie, honest = getattr(part, name), partial(getattr(type(part), name), part)

    def looked(*arguments):
        found = lie(*arguments)
        look(list(found), list(honest(*arguments)))
        return found

    setattr(part, name, looked)
