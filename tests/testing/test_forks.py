"""Who holds two ends of an epoch that one member signed convicts it, however they came; else the checker says so."""

from collections.abc import Callable

import pytest

from mechdesign.group.channel import channel_of, frame
from mechdesign.group.roster import Roster
from mechdesign.group.views.annals import Annals
from mechdesign.group.views.closing import Closing
from mechdesign.group.views.packets import Signatures, Trail, encode_epoch_packet
from mechdesign.group.views.statement import Statement, carried_digest
from mechdesign.group.views.succession import EpochCertificate
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster
from tests.group.epochs import last_checkpoint

SHOWN, AWAY, LIAR, JOINER = 0, 2, 3, 4


class Staged:
    """Four members in their first epoch, and what one of them shows another, besides what it honestly says."""

    def __init__(self) -> None:
        self.cluster = ViewCluster(4, 5, 1, liars={LIAR: "haunt"})
        for place in range(4):
            self.cluster.start(place)
        self.cluster.run(1)
        self.roster: Roster = self.cluster.machine(SHOWN).roster

    def join(self) -> None:
        """A fifth member joins while one is away, so that the liar signs the certificate; then that is all there is."""
        self.cluster.simulator.crash(AWAY)
        self.cluster.want(joins=[JOINER])
        self.cluster.run_until(lambda: len(self.cluster.machine(SHOWN).channels) == 2, 60)
        self.cluster.run(5)
        assert len(self.cluster.machine(SHOWN).epochs) == 1

    def show(self, *packets: Signatures | Trail) -> None:
        simulator = self.cluster.simulator
        for packet in packets:
            data = frame(channel_of(self.roster), encode_epoch_packet(packet))
            simulator._arrive(SHOWN, (LIAR, data), simulator.processes[SHOWN].life)

    def half(self, word: bytes, by: int = LIAR) -> Signatures:
        """A signature under an end of the first epoch."""
        statement = Statement(self.roster.digest, b"c" * 32, b"s" * 32, word * 32)
        signature = statement.sign(self.cluster.signers[by])
        return Signatures(statement.checkpoint, statement.state, statement.successor, ((self.at(by), signature),))

    def trail(self) -> Trail:
        """The certificate of an end after which nobody came or went."""
        bare = EpochCertificate(last_checkpoint(self.roster), carried_digest(b""), self.roster.members, ())
        statement = bare.statement(self.roster)
        signed = {self.at(place): statement.sign(self.cluster.signers[place]) for place in (1, AWAY, LIAR)}
        whole = EpochCertificate(bare.checkpoint, bare.state, bare.members, tuple(sorted(signed.items())))
        return Trail((whole.encoded,))

    def at(self, place: int) -> int:
        """Where in the roster a member stands."""
        found = self.roster.place(self.cluster.signers[place].public)
        assert found is not None
        return found

    @property
    def convicted(self) -> list[bytes]:
        return list(self.cluster.evidence.convicted[SHOWN])


def two_halves(staged: Staged) -> None:
    staged.show(staged.half(b"1"), staged.half(b"2"))


def a_half_and_then_a_certificate(staged: Staged) -> None:
    staged.show(staged.half(b"1"), staged.trail())


def a_certificate_and_then_a_half(staged: Staged) -> None:
    staged.show(staged.trail(), staged.half(b"1"))


def a_half_when_the_epoch_is_served_no_more(staged: Staged) -> None:
    staged.join()
    staged.show(staged.half(b"1"))


def convicts_nobody(right: Callable[..., tuple[object, ...]]) -> Callable[..., tuple[object, ...]]:
    """The same, without its proofs, which are next to the last that it gives."""

    def blind(*arguments: object) -> tuple[object, ...]:
        *rest, _, hold = right(*arguments)
        return (*rest, [], hold)

    return blind


WAYS = {
    two_halves: (Closing, "heard", convicts_nobody(Closing.heard)),
    a_half_and_then_a_certificate: (Closing, "certified", lambda self, certificate: []),
    a_certificate_and_then_a_half: (Closing, "heard", convicts_nobody(Closing.heard)),
    a_half_when_the_epoch_is_served_no_more: (Annals, "doubled", convicts_nobody(Annals.doubled)),
}


@pytest.mark.parametrize("shown", WAYS)
def test_whoever_shows_two_ends_of_an_epoch_is_convicted(shown):
    staged = Staged()
    shown(staged)
    assert staged.convicted == [staged.cluster.signers[LIAR].public]


@pytest.mark.parametrize("shown", WAYS)
def test_a_member_that_lets_it_pass_is_found_out(shown, monkeypatch):
    monkeypatch.setattr(*WAYS[shown])
    staged = Staged()
    with pytest.raises(Violation, match="member 0 holds two ends of an epoch that 3 signed, and found no Forking"):
        shown(staged)


def test_nothing_is_owed_for_one_end_or_for_what_nobody_signed():
    staged = Staged()
    said = staged.half(b"1")
    forged = Signatures(said.checkpoint, said.state, b"2" * 32, said.signatures)
    staged.show(said, said, forged)
    assert staged.convicted == []
