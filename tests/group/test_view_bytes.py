"""The bytes of everything that is said about a change of the members: others rely on them, so they do not change."""

from pathlib import Path

import pytest

from mechdesign.group.evidence import Equivocation, Forking, Former, Signed, encode_evidence
from mechdesign.group.messages import Append, Change, EvidenceFound, Exclude, Expel, Leave, Ready
from mechdesign.group.multicast.letters import Letter, Receipt
from mechdesign.group.topology import Topology
from mechdesign.group.views.annals import Annals
from mechdesign.group.views.epoch import beginning
from mechdesign.group.views.invitation import Invitation
from mechdesign.group.views.packets import Ask, Begun, EpochPacket, Signatures, State, Trail, encode_epoch_packet
from mechdesign.group.views.proofs import Proofs
from mechdesign.group.views.statement import Statement
from mechdesign.group.views.succession import EpochCertificate, Succession
from mechdesign.group.views.view import broadcast_of
from mechdesign.kernel.crypto import KeyedHash
from tests.group.epochs import end, invite, line
from tests.group.lockstep import make_roster, member, signer

GOLDEN = Path(__file__).parent.parent / "golden" / "group" / "views.txt"
FOUR = make_roster(4)
ENDED = end(FOUR, [*FOUR.members[1:], line(4)], b"state")
NEXT = ENDED.successor(FOUR)
INVITATION = invite(FOUR, 4)


def forking() -> bytes:
    ends = [Statement(FOUR.digest, b"c" * 32, b"s" * 32, what * 32) for what in (b"n", b"m")]
    one, other = [(each, each.sign(signer(2))) for each in ends]
    return encode_evidence(Forking(member(2), one, other))


def former() -> bytes:
    inner = Equivocation(Signed(b"one header", b"x" * 64), Signed(b"another", b"y" * 64))
    return encode_evidence(Former(FOUR.encoded, encode_evidence(inner)))


def links(address: str) -> bytes:
    topology = Topology(FOUR, signer(0), KeyedHash(), address)
    topology.link_up(1, 0)
    topology.link_up(3, 0)
    return topology.tick(0)[0].data


def record(append: Append) -> bytes:
    return append.table.encode() + b"/" + append.key + b"=" + append.data


def proof() -> Append:
    kept = Proofs().keep(EvidenceFound(member(2), forking()), FOUR)
    assert kept is not None
    return kept[1]


def everything() -> dict[str, bytes]:
    changes: dict[str, Change | Ready] = {
        "join": INVITATION.join,
        "leave": Leave(),
        "exclude": Exclude(b"evidence"),
        "expel": Expel(member(3), b"d" * 32),
        "ready": Ready(b"state"),
    }
    entries = {name: broadcast_of(change) for name, change in changes.items()}
    packets: dict[str, EpochPacket] = {
        "signatures": Signatures(b"c" * 32, b"s" * 32, b"n" * 32, ENDED.signatures),
        "ask": Ask(b"d" * 32),
        "ask for nothing": Ask(b""),
        "trail": Trail((ENDED.encoded,)),
        "state": State(b"state"),
        "begun": Begun(),
    }
    return {
        **{f"entry {name}": bytes([entry.kind]) + entry.data for name, entry in entries.items()},
        **{f"key of {name}": entry.key for name, entry in entries.items()},
        "statement": ENDED.statement(FOUR).message,
        "certificate": ENDED.encoded,
        "succession": Succession((ENDED, end(NEXT, NEXT.members))).encoded,
        "next roster": NEXT.encoded,
        "invitation": INVITATION.encoded,
        **{f"packet {name}": encode_epoch_packet(packet) for name, packet in packets.items()},
        "evidence forking": forking(),
        "evidence former": former(),
        "links": links(""),
        "links and address": links("tcp://192.0.2.7:7411"),
        "letter": Letter(0, (1, 3), (0, 7), 2, b"envelope").signed(FOUR, signer(0)),
        "receipt": Receipt(1, (0,), 8, 7, 2).signed(FOUR, signer(1)),
        "record beginning": record(beginning(NEXT, b"state")),
        "record end": record(Annals().add([(FOUR, ENDED)])[0][0]),
        "record proof": record(proof()),
    }


@pytest.mark.parametrize("name", everything())
def test_the_bytes_do_not_change(name: str) -> None:
    golden = dict(each.split(": ") for each in GOLDEN.read_text().splitlines())
    assert everything()[name].hex() == golden[name]


def test_nothing_golden_is_left_unlooked_at() -> None:
    assert [each.split(": ")[0] for each in GOLDEN.read_text().splitlines()] == list(everything())


def test_what_is_kept_in_files_is_read_back() -> None:
    assert Invitation.parse(INVITATION.encoded) == INVITATION
    assert EpochCertificate.parse(ENDED.encoded) == ENDED
    assert ENDED.follow(FOUR, KeyedHash()) == NEXT
