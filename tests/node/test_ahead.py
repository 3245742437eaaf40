"""Dealings are checked in a thread before they are ordered, and the answer is that of the function itself."""

import threading

import pytest

from mechdesign.decision.coin import contribute
from mechdesign.decision.entries import CoinEntry, Kind, SealEntry
from mechdesign.decision.sealing.threshold import Context, Purpose, deal, verify_dealing
from mechdesign.decision.setting import Setting
from mechdesign.group.block import genesis, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.mechanisms.events import Progress
from mechdesign.node.ahead import Ahead
from tests.decision.toys import make_proposal, make_roster, seeded

ROSTER = make_roster(4)
PROPOSAL = make_proposal(ROSTER, seal="threshold")
SESSION = bytes(range(32))
SETTING = Setting(ROSTER, PROPOSAL, SESSION, None, verify_dealing)  # type: ignore[arg-type] # no founding entry is looked at
ALICE = ROSTER.ids[0]
NAMES = tuple(member.name for member in ROSTER.members)


def context(step=0):
    return Context(ROSTER.digest, 0, SESSION, step, Purpose.REPORT, ALICE)


def dealing(step=0, report=b"18"):
    return deal(SETTING.committee, context(step), report, PROPOSAL.report_bytes, bytes(32))


def coin(step=0, dealer=ALICE):
    about = Context(ROSTER.digest, 0, SESSION, step, Purpose.COIN, dealer)
    return contribute(SETTING.committee, about, bytes(32))


def block(*datas, kind=4, place=0):
    sender = ROSTER.ids[place]
    leaves = [encode_leaf(Submission(kind, sender, number, data)) for number, data in enumerate(datas)]
    return make_block(ROSTER, seeded(NAMES[place]), 0, [genesis(ROSTER, place)], (), leaves).wire


def stage(phase="sealing", step=0, missing=NAMES):
    return Progress(SESSION, phase, step, len(NAMES) - len(missing), len(NAMES), missing)


def taken(ahead):
    """Wait until the thread has taken every look."""
    if ahead._pool is not None:
        ahead._pool.shutdown()


@pytest.fixture
def ahead():
    made = Ahead(ROSTER, {SESSION: SETTING}.get)
    made.progress(stage())
    yield made
    made.close()


def counted(monkeypatch):
    calls = []

    def verify(*arguments):
        calls.append(arguments)
        return verify_dealing(*arguments)

    monkeypatch.setattr("mechdesign.node.ahead.verify_dealing", verify)
    return calls


def test_a_dealing_that_was_looked_at_is_checked_once(ahead, monkeypatch):
    calls = counted(monkeypatch)
    ahead.look(block(SealEntry(SESSION, 0, dealing().encoded).encoded))
    assert ahead.check(SETTING.committee, context(), dealing())
    assert len(calls) == 1


def test_what_the_thread_has_not_come_to_is_not_waited_for(ahead, monkeypatch):
    """A liar can put a thousand dealings before an honest one, and nothing but the loop would stand still for them."""
    begun, held = threading.Event(), threading.Event()

    def verify(committee, about, dealt):
        if about.step == 1:
            begun.set()
            held.wait(60)
        return verify_dealing(committee, about, dealt)

    monkeypatch.setattr("mechdesign.node.ahead.verify_dealing", verify)
    ahead.look(block(SealEntry(SESSION, 1, dealing(1).encoded).encoded))
    assert begun.wait(60)
    ahead.look(block(SealEntry(SESSION, 0, dealing().encoded).encoded))
    assert ahead.check(SETTING.committee, context(), dealing())
    assert not held.is_set()
    held.set()


def test_another_dealing_for_the_same_place_is_checked_for_itself(ahead):
    """An equivocator may have one dealing accepted and another one ordered."""
    ahead.look(block(SealEntry(SESSION, 0, dealing().encoded).encoded))
    other = dealing(report=b"99")
    broken = type(other)(other.commitments, other.encrypted, other.proof, dealing().ciphertext)
    assert not ahead.check(SETTING.committee, context(), broken)
    assert ahead.check(SETTING.committee, context(), other)


def test_each_dealing_for_one_place_is_looked_at_since_a_ballot_is_revised(ahead, monkeypatch):
    threads = []

    def verify(*arguments):
        threads.append(threading.current_thread())
        return verify_dealing(*arguments)

    monkeypatch.setattr("mechdesign.node.ahead.verify_dealing", verify)
    first, revised = dealing(), dealing(report=b"99")
    again = SealEntry(SESSION, 0, revised.encoded).encoded
    ahead.look(block(SealEntry(SESSION, 0, first.encoded).encoded, again, again))
    taken(ahead)
    assert ahead.check(SETTING.committee, context(), revised)
    assert ahead.check(SETTING.committee, context(), first)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_an_invalid_dealing_is_found_in_the_thread_too(ahead, monkeypatch):
    calls = counted(monkeypatch)
    good = dealing()
    broken = type(good)(good.encrypted, good.commitments, good.proof, good.ciphertext)
    ahead.look(block(SealEntry(SESSION, 0, broken.encoded).encoded))
    assert not ahead.check(SETTING.committee, context(), broken)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "data",
    [
        SealEntry(bytes(32), 0, dealing().encoded).encoded,
        SealEntry(SESSION, 0, None).encoded,
        SealEntry(SESSION, 0, bytes(900)).encoded,
        CoinEntry(SESSION, 0, bytes(900)).encoded,
        bytes(900),
    ],
)
def test_what_is_no_dealing_of_an_open_session_is_passed_over(ahead, data, monkeypatch):
    calls = counted(monkeypatch)
    ahead.look(block(data))
    ahead.look(block(data, kind=11))
    ahead.look(data)
    assert calls == []


@pytest.mark.parametrize(
    ("now", "looked_at"),
    [
        (stage("enrolling"), ["seal 0", "coin 0"]),  # a member that is ahead of us may have begun what comes next
        (stage("sealing"), ["seal 0", "seal 1", "coin 1"]),
        (stage("sealing", missing=NAMES[1:]), ["seal 1", "coin 1"]),
        (stage("tossing"), ["coin 0", "seal 1", "coin 1"]),
        (stage("tossing", missing=NAMES[1:]), ["seal 1", "coin 1"]),
        (stage("opening"), ["seal 1", "coin 1"]),
        (stage("attesting", step=1), ["seal 2", "coin 2"]),
        (stage("settled"), []),
    ],
)
def test_only_what_can_count_where_the_session_stands_or_next_is_looked_at(ahead, monkeypatch, now, looked_at):
    calls = counted(monkeypatch)
    ahead.progress(now)
    for step in range(4):
        ahead.look(block(SealEntry(SESSION, step, dealing(step).encoded).encoded))
        ahead.look(block(CoinEntry(SESSION, step, coin(step).encoded).encoded, kind=Kind.COIN))
    taken(ahead)
    called = {Purpose.REPORT: "seal", Purpose.COIN: "coin"}
    assert [f"{called[about.purpose]} {about.step}" for _, about, _ in calls] == looked_at


def test_a_liar_that_fills_its_room_takes_none_of_the_others(ahead, monkeypatch):
    """Junk for sessions that nobody else speaks in: what an honest member has dealt before is not dropped for it."""
    monkeypatch.setattr("mechdesign.node.ahead._WAITING_MAX", 4 * ROSTER.n)
    ahead.look(block(SealEntry(SESSION, 0, dealing().encoded).encoded))
    for number in range(50):
        other = bytes([number + 100]) * 32
        setting = Setting(ROSTER, PROPOSAL, other, None, verify_dealing)  # type: ignore[arg-type] # as above
        ahead._setting_of = {SESSION: SETTING, other: setting}.get
        ahead.progress(Progress(other, "tossing", 0, 0, 4, NAMES))
        ahead.look(block(CoinEntry(other, 0, coin(dealer=ROSTER.ids[1]).encoded).encoded, kind=Kind.COIN, place=1))
    assert len(ahead._waiting) == 1 + 4
    taken(ahead)
    calls = counted(monkeypatch)
    assert ahead.check(SETTING.committee, context(), dealing())
    assert calls == []


def test_what_was_dropped_is_checked_when_it_is_asked_for(ahead, monkeypatch):
    monkeypatch.setattr("mechdesign.node.ahead._SENDER_MIN", 1)
    monkeypatch.setattr("mechdesign.node.ahead._WAITING_MAX", 1)
    for step in range(2):
        ahead.look(block(SealEntry(SESSION, step, dealing(step).encoded).encoded))
    assert len(ahead._waiting) == 1
    assert all(ahead.check(SETTING.committee, context(step), dealing(step)) for step in range(2))
    assert ahead._waiting == {}


def test_the_nodes_of_a_group_check_dealings_beside_their_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four nodes settle a sealed auction in one process: in which thread each dealing is checked is written down."""
    from mechdesign.mechanisms.auction.second_price import SecondPrice
    from mechdesign.node import ahead as module
    from mechdesign.settlement import settle_sync

    loop = threading.get_ident()
    beside: list[tuple[object, ...]] = []
    on_it: list[tuple[object, ...]] = []

    def noted(*about):
        (on_it if threading.get_ident() == loop else beside).append(about)
        return verify_dealing(*about)

    monkeypatch.setattr(module, "verify_dealing", noted)
    values = {"alice": 18, "bob": 24, "carol": 21, "dave": 7}
    settled = settle_sync(SecondPrice(), values, seal="threshold")
    assert str(settled.outcome) == "bob wins, pays 21"
    # Each of four nodes checks the dealings of all others, and its own where it does not know it.
    assert len(beside) + len(on_it) >= 12
    # One that the loop comes to before the thread has begun it is not waited for.
    assert len(beside) >= 4
