"""Every kind of entry reads as it was written, and nothing else reads as an entry."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.ballots.ballot import Ballot
from mechdesign.decision.ballots.notice import notice_of
from mechdesign.decision.ballots.roll import Roll
from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.custody.receipts import PayoutEntry, ReceiptEntry
from mechdesign.decision.entries import (
    REASON_BYTES_MAX,
    STEPS_MAX,
    AttestEntry,
    CarryEntry,
    CoinEntry,
    DeclineEntry,
    EnrolEntry,
    EntryValue,
    EvidenceEntry,
    Kind,
    OpenEntry,
    ReportEntry,
    SealEntry,
    ShareEntry,
    TimerEntry,
    Verdict,
    parse,
)
from mechdesign.decision.policing import false_opening, wrong_outcome
from mechdesign.decision.record import Record
from mechdesign.decision.sealing.commit_reveal import commitment, pad
from mechdesign.decision.secret import Secret
from mechdesign.decision.session import Session
from mechdesign.group.messages import Delivered, Inclusion, Submission
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.wire import Value, encode
from tests.decision.toys import Cluster, make_proposal, make_roster

GOLDEN = Path(__file__).parent.parent / "golden" / "decision.txt"
ID = bytes(range(32))
SAMPLES: list[tuple[Kind, EntryValue]] = [
    (Kind.ENROL, EnrolEntry(ID)),
    (Kind.DECLINE, DeclineEntry(ID, "no such code", False)),
    (Kind.DECLINE, DeclineEntry(ID, "", True)),
    (Kind.SEAL, SealEntry(ID, 0, bytes(32))),
    (Kind.SEAL, SealEntry(ID, 3, None)),
    (Kind.REPORT, ReportEntry(ID, STEPS_MAX - 1, b"\x12")),
    (Kind.REPORT, ReportEntry(ID, 0, None)),
    (Kind.OPEN, OpenEntry(ID, 1, bytes(32), b"\0\0\0\1x\0\0\0")),
    (Kind.TIMER, TimerEntry(ID, 2, "sealing")),
    (Kind.ATTEST, AttestEntry(ID, 12, ID, Verdict.SETTLED, ID)),
    (Kind.ATTEST, AttestEntry(ID, 0, ID, Verdict.FAILED, ID)),
    (Kind.EVIDENCE, EvidenceEntry(b"proof")),
    (Kind.SEAL, SealEntry(ID, 1, b"a dealing")),
    (Kind.SHARE, ShareEntry(ID, 1, b"a share")),
    (Kind.COIN, CoinEntry(ID, 2, b"a dealing")),
    (Kind.CARRY, CarryEntry(ID, 0, (b"a ballot", b"another"))),
    (Kind.RECEIPT, ReceiptEntry(ID, MemberId(ID), Fraction(25, 2), "bank 4711")),
    (Kind.PAYOUT, PayoutEntry(ID, "the harbour")),
]


ROLL = Roll(((MemberId(bytes(range(32))), "vera"), (MemberId(bytes(range(1, 33))), "viola")))
BALLOT = Ballot(ID, 0, 1, *ROLL.lines[1], ROLL.paths[1], 3, b"21", bytes(64))


@pytest.mark.parametrize(("kind", "entry"), SAMPLES, ids=str)
def test_an_entry_reads_as_it_was_written_and_as_no_other_kind(kind: Kind, entry: EntryValue) -> None:
    assert parse(kind, entry.encoded) == entry
    same_shape = [{Kind.SEAL, Kind.REPORT, Kind.SHARE, Kind.COIN}, {Kind.ENROL, Kind.EVIDENCE}]
    for other in Kind:
        if other is not kind and not any({kind, other} <= shape for shape in same_shape):
            assert parse(other, entry.encoded) is None


BAD: list[tuple[Kind, Value]] = [
    (Kind.ENROL, (ID[:31],)),
    (Kind.ENROL, ID),
    (Kind.DECLINE, (ID, "x" * (REASON_BYTES_MAX + 1), False)),
    (Kind.DECLINE, (ID, "", 1)),
    (Kind.SEAL, (ID, -1, None)),
    (Kind.SEAL, (ID, STEPS_MAX, None)),
    (Kind.SEAL, (ID, True, None)),
    (Kind.SHARE, (ID, 0, None)),
    (Kind.SHARE, (ID[:31], 0, b"")),
    (Kind.COIN, (ID, 0, None)),
    (Kind.COIN, (ID, STEPS_MAX, b"")),
    (Kind.SEAL, (ID, 0, False)),
    (Kind.REPORT, (ID, 0, "text")),
    (Kind.REPORT, (ID, 0)),
    (Kind.OPEN, (ID, 0, bytes(31), b"")),
    (Kind.OPEN, (ID, 0, bytes(32), None)),
    (Kind.TIMER, (ID, 0, b"sealing")),
    (Kind.ATTEST, (ID, -1, ID, "settled", ID)),
    (Kind.ATTEST, (ID, 2**63, ID, "settled", ID)),
    (Kind.ATTEST, (ID, False, ID, "settled", ID)),
    (Kind.ATTEST, (ID, 0, ID, "maybe", ID)),
    (Kind.ATTEST, (ID, 0, ID[:5], "failed", ID)),
    (Kind.ATTEST, (ID, 0, ID, "failed", b"")),
    (Kind.EVIDENCE, (None,)),
    (Kind.RECEIPT, (ID, ID, 0, "bank")),
    (Kind.RECEIPT, (ID, ID, -1, "bank")),
    (Kind.RECEIPT, (ID, ID, True, "bank")),
    (Kind.RECEIPT, (ID, ID[:31], 1, "bank")),
    (Kind.RECEIPT, (ID, ID, 1, "")),
    (Kind.RECEIPT, (ID, ID, 1, "x" * 65)),
    (Kind.RECEIPT, (ID, ID, 1, "a\nb")),
    (Kind.PAYOUT, (ID, "")),
    (Kind.PAYOUT, (ID, "x" * 129)),
    (Kind.PAYOUT, (ID[:31], "x")),
    (Kind.PROPOSE, (ID,)),
]


@pytest.mark.parametrize(("kind", "value"), BAD, ids=str)
def test_what_is_not_exactly_an_entry_is_none(kind: Kind, value: Value) -> None:
    assert parse(kind, encode(value)) is None


@given(kind=st.integers(0, 255), data=st.binary(max_size=200))
def test_arbitrary_bytes_of_any_kind_never_raise(kind: int, data: bytes) -> None:
    assert parse(kind, data) is None or parse(kind, data).encoded == data  # type: ignore[union-attr]


atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**65),
    st.just(ID),
    st.binary(max_size=40),
    st.sampled_from(["settled", "x"]),
)


@given(kind=st.sampled_from(Kind), values=st.lists(atoms, max_size=6))
def test_values_of_any_shape_never_raise(kind: Kind, values: list[Value]) -> None:
    said = parse(kind, encode(tuple(values)))
    assert said is None or said.encoded == encode(tuple(values))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), st.binary(max_size=120)), max_size=12))
def test_hostile_entries_never_raise_and_a_session_beside_them_settles(noise: list[tuple[int, int, bytes]]) -> None:
    cluster = Cluster(4)
    cluster.propose()
    for place, kind, data in noise:
        cluster.step()
        cluster.order(place, kind, data)
    cluster.settle()
    assert cluster.decided(0).agrees
    assert cluster.decided(0) == cluster.decided(3)


@given(data=st.data())
def test_well_formed_entries_at_the_wrong_time_never_raise(data: st.DataObject) -> None:
    cluster = Cluster(4)
    cluster.propose()
    cluster.step()
    sent = cluster.log[0].submission
    founding = Entry(0, sent, cluster.log[0].inclusion)
    session = Session.found(cluster.roster, founding)
    assert session is not None
    name = session.id
    step = st.integers(0, 1)
    entries = st.one_of(
        st.just((Kind.ENROL, EnrolEntry(name))),
        st.builds(lambda f: (Kind.DECLINE, DeclineEntry(name, "", f)), st.booleans()),
        st.builds(lambda s, c: (Kind.SEAL, SealEntry(name, s, c)), step, st.sampled_from([None, bytes(32)])),
        st.builds(lambda s: (Kind.SHARE, ShareEntry(name, s, b"share")), step),
        st.builds(lambda s: (Kind.COIN, CoinEntry(name, s, b"dealing")), step),
        st.builds(lambda s: (Kind.REPORT, ReportEntry(name, s, b"\1")), step),
        st.builds(lambda s: (Kind.OPEN, OpenEntry(name, s, bytes(32), bytes(20))), step),
        st.builds(
            lambda s, p: (Kind.TIMER, TimerEntry(name, s, p)),
            step,
            st.sampled_from(["sealing", "opening", "attesting"]),
        ),
        st.builds(lambda p: (Kind.ATTEST, AttestEntry(name, p, ID, Verdict.SETTLED, ID)), st.integers(0, 20)),
        st.builds(lambda: (Kind.EVIDENCE, EvidenceEntry(b"x"))),
    )
    # One member of four says anything at any time; the others stay honest.
    for kind, entry in data.draw(st.lists(entries, max_size=25)):
        cluster.step()
        cluster.order(3, kind, entry.encoded)
    cluster.settle()
    for _ in range(6):
        cluster.wait(5000)
    assert cluster.decided(0) == cluster.decided(2)
    assert {member for member, _ in cluster.convicted(0)} <= {"dave"}


def golden_lines() -> dict[str, bytes]:
    """Everything of this layer that is signed, stored or hashed, for fixed inputs."""
    roster = make_roster(4)
    proposal = make_proposal(roster, nonce=bytes(range(16)))
    sent = Submission(Kind.PROPOSE, roster.ids[0], 0, proposal.encoded)
    inclusion = Inclusion(b"header", bytes(64), 0, (bytes(32),))
    founding = Entry(0, sent, inclusion)
    session = Session.found(roster, founding)
    assert session is not None
    padded = pad(b"21", 8)
    entry = Entry(7, Submission(Kind.ATTEST, roster.ids[1], 4, SAMPLES[9][1].encoded), inclusion)
    statement = SAMPLES[9][1]
    assert isinstance(statement, AttestEntry)
    certificate = Certificate(statement, ((entry.submission, inclusion),))
    lines = {f"{kind.name} {entry!r}": entry.encoded for kind, entry in SAMPLES}
    return lines | {
        "proposal": proposal.encoded,
        "session id": session.id,
        "roll": ROLL.encoded,
        "roll root": ROLL.root,
        "ballot": BALLOT.encoded,
        "ballot signed": BALLOT.signed(session.setting),
        "notice": notice_of(session.setting),
        "padded report": padded,
        "commitment": commitment(roster, session.id, 2, roster.ids[3], bytes(32), padded),
        "secret key": Secret(ID, 2, bytes(32), b"21").key,
        "secret data": Secret(ID, 2, bytes(32), b"21").data,
        "transcript": Record(make_roster(1), (founding,), (entry,)).encoded,
        "false opening": false_opening(founding, entry),
        "wrong outcome": wrong_outcome(certificate, entry, 1),
    }


def test_golden_bytes_stay() -> None:
    lines = [line.split(" => ") for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert {name: bytes.fromhex(data) for name, data in lines} == golden_lines()


def test_a_delivered_entry_of_no_session_is_ignored() -> None:
    cluster = Cluster(2)
    for kind, entry in SAMPLES[:-1]:
        delivered: Delivered = cluster.order(0, kind, entry.encoded)
        assert delivered.submission.kind == kind
    assert cluster.pending == []
    assert all(session.events == [] for session in cluster.sessions)


def test_a_report_longer_than_its_padding_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        pad(bytes(9), 8)
