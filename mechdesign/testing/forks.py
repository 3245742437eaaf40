"""What a member that signed two ends of one epoch owes to an honest one that holds both signatures.

Two honest members never sign different ends, and none signs two. So whoever is shown a signature under a second end has
convicted the signer by the end of the same step, if it has the first one: of the epoch that it runs and of the one that
it still serves it has all that it heard in its present life, of older ones what stands in their certificates.
"""

from collections.abc import Iterable

from mechdesign.group.channel import channel_of, unframe
from mechdesign.group.evidence import Forking, decode_evidence
from mechdesign.group.group import Group
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.roster import Roster
from mechdesign.group.views.packets import Signatures, Trail, decode_epoch_packet, is_epoch_packet
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.group.views.transition import Transition
from mechdesign.kernel.crypto import MemberId, SignatureScheme
from mechdesign.testing.simulator import Simulator, Violation
from mechdesign.transport.messages import Packet

__all__ = ["Forks"]


class _Known:
    """What one member was told in one life."""

    def __init__(self) -> None:
        # Of each epoch, by the digest of its roster, the end that each member signed first.
        self.heard: dict[bytes, dict[int, Statement]] = {}
        # What goes to the end of the present epoch, while a certificate of that may be in what is being taken.
        self.waiting: Transition | None = None
        self.owed: dict[MemberId, None] = {}
        self.proved: dict[MemberId, None] = {}


class Forks:
    """Looks whether honest members convict who signed two ends of an epoch, also of one that is over.

    Args:
        simulator: whose steps are watched.
        honest: places of the members that are to convict.
        scheme: checks signatures.

    Attributes:
        past: how often somebody had to be convicted for an epoch in which the member was no more.
    """

    def __init__(self, simulator: Simulator, honest: Iterable[int], scheme: SignatureScheme) -> None:
        self._simulator = simulator
        self._scheme = scheme
        self._known = {place: _Known() for place in honest}
        self.past = 0
        simulator.watch(EvidenceFound, self._found)
        simulator.watch(Packet, self._packet)
        simulator.watch_lives(self._life)
        simulator.watch_steps(self._step)

    def _life(self, place: int, begins: bool) -> None:
        if place in self._known:
            self._known[place] = _Known()

    def _packet(self, place: int, packet: Packet) -> None:
        process = self._simulator.processes[place]
        group = getattr(process.machine, "group", process.machine)
        channel, data = unframe(packet.data)
        if place not in self._known or not isinstance(group, Group) or not is_epoch_packet(data):
            return
        if not group._reception.reads(packet.peer, self._simulator.now + process.clock_offset):
            return
        match decode_epoch_packet(data):
            case Signatures() as said:
                self._signatures(self._known[place], group, packet.peer, channel, said)
            case Trail() if not group._transition.pursuit.certificates:
                self._known[place].waiting = group._transition

    def _signatures(self, known: _Known, group: Group, peer: MemberId, channel: bytes, said: Signatures) -> None:
        runs = next((epoch for epoch in group.epochs if epoch.channel == channel), None)
        if runs is not None and not runs.over and runs.roster.place(peer) is None:
            return
        past = [(end.roster, end.certificate) for end in group._guide.annals._ends.values()]
        over = [*past, *group._transition.pursuit.ended]
        roster, certified = next(
            ((roster, _signed(roster, certificate)) for roster, certificate in over if channel_of(roster) == channel),
            (None if runs is None else runs.roster, {}),
        )
        if roster is None:
            return
        heard = {} if runs is None else known.heard.setdefault(roster.digest, {})
        statement = Statement(roster.digest, said.checkpoint, said.state, said.successor)
        for author, signature in said.signatures:
            held = heard.get(author), certified.get(author)
            if author >= roster.n or held[0] == statement or (runs is None and held[1] is None):
                continue
            if not statement.signed(roster.ids[author], signature, self._scheme):
                # Nobody honest passes that on, and nothing behind it is looked at.
                return
            if any(end not in (None, statement) for end in held):
                known.owed[roster.ids[author]] = None
                self.past += roster != group.roster
            heard.setdefault(author, statement)

    def _found(self, place: int, event: EvidenceFound) -> None:
        if place in self._known and isinstance(decode_evidence(event.data), Forking):
            self._known[place].proved[event.member] = None

    def _step(self, place: int) -> None:
        known = self._known.get(place)
        if known is None:
            return
        if known.waiting is not None:
            for roster, certificate in known.waiting.pursuit.ended[:1]:
                heard, certified = known.heard.get(roster.digest, {}), _signed(roster, certificate)
                forked = [author for author in heard if certified.get(author, heard[author]) != heard[author]]
                known.owed.update(dict.fromkeys(roster.ids[author] for author in forked))
            known.waiting = None
        for member in known.owed:
            if member not in known.proved:
                forker = next(other.place for other in self._simulator.processes if other.member == member)
                raise Violation(f"member {place} holds two ends of an epoch that {forker} signed, and found no Forking")
        known.owed.clear()


def _signed(roster: Roster, certificate: EpochCertificate) -> dict[int, Statement]:
    """The end that a certificate tells of, by the members that signed it."""
    return dict.fromkeys((place for place, _ in certificate.signatures), certificate.statement(roster))
