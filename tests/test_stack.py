"""The stack: three cores as one machine."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechdesign.decision.messages import Attest, Enrol, Enrolled, Request, Submit, Verdict
from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.group.messages import Append, Broadcast, Delivered, EvidenceFound, Inclusion, Submission
from mechdesign.group.roster import FaultModel, Member, Roster
from mechdesign.kernel.config import LOCAL
from mechdesign.kernel.crypto import KeyedHash, MemberId
from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import Asked, Progress, ProposeSession, Report, SessionProposed, Settled
from mechdesign.player import truthful
from mechdesign.stack import Stack
from mechdesign.testing.stacks import StackCluster
from mechdesign.transport.messages import LinkDown, LinkUp, Packet, Send

KEY = EncryptionKey(b"a" * 32)
ME, PEER = MemberId(bytes(31) + b"\1"), MemberId(bytes(31) + b"\2")
INCLUSION = Inclusion(b"", b"", 0, ())


class Recorder:
    """A core that answers from a table, and writes down what it was given and in which order."""

    def __init__(self, name, log, table):
        self._name, self._log, self._table = name, log, table
        self.deadline = None
        self.overfull = None

    def _take(self, what):
        self._log.append((self._name, what))
        return self._table.get(what, ())

    def submit(self, request, now):
        return self._take(request)

    def receive(self, incoming, now):
        return self._take(incoming)

    def tick(self, now):
        return self._take("tick")


def delivered(position):
    return Delivered(position, Submission(1, PEER, position, b""), INCLUSION)


def recorded(group=None, decision=None, session=None):
    log: list[Any] = []
    tables = {"group": group or {}, "decision": decision or {}, "session": session or {}}
    cores: list[Any] = [None, None, *(Recorder(name, log, table) for name, table in tables.items())]
    return Stack(*cores), log


def test_an_event_is_handed_up_and_answered_before_the_next_one_is_looked_at():
    packet = Packet(PEER, b"")
    enrolled = Enrolled(b"s", (), 0)
    request = Request(b"s", 0, (ME,), True)
    said = Broadcast(b"key", 4, b"seal")
    record = Append("own", b"key", b"seal")
    stack, log = recorded(
        group={packet: [Send(PEER, b"1"), delivered(0), delivered(1), Send(PEER, b"2")], said: [record]},
        decision={delivered(0): [enrolled], request: [said]},
        session={enrolled: [request]},
    )
    out = stack.receive(packet, 0)
    assert log == [
        ("group", packet),
        ("decision", delivered(0)),
        ("session", enrolled),
        ("decision", request),
        ("group", said),
        ("decision", delivered(1)),
    ]
    assert out == [Send(PEER, b"1"), record, Send(PEER, b"2")], "what leaves keeps the order in which it was caused"


@pytest.mark.parametrize("request_", [Enrol(b"s"), Submit(b"s", 0, None), Attest(b"s", Verdict.SETTLED, b"", ())])
def test_what_the_session_core_asks_goes_to_decision(request_):
    stack, log = recorded(session={"anything": [request_]})
    stack.submit("anything", 0)
    assert log[-1] == ("decision", request_)


def test_evidence_goes_up_and_an_event_for_the_party_goes_out():
    found = EvidenceFound(PEER, b"proof")
    progress = Progress(b"s", "sealing", 0, 1, 2, ())
    stack, log = recorded(group={"tick": [found, progress]})
    stack.group.deadline = 5
    assert stack.deadline == 5
    assert stack.tick(5) == [progress]
    assert ("decision", found) in log


def test_only_cores_that_are_due_are_ticked():
    stack, log = recorded()
    stack.group.deadline, stack.decision.deadline = 10, 5
    assert stack.deadline == 5
    stack.tick(7)
    assert log == [("decision", "tick")]


def test_an_effect_of_no_layer_is_a_bug():
    stack, _ = recorded(session={"anything": [object()]})
    with pytest.raises(TypeError):
        stack.submit("anything", 0)


def alone(records=(), now=0):
    """A group of one: it needs nobody, so everything happens within its own calls."""
    roster = Roster("alone", (Member(ME, "alice", bytes(32), KEY.public),), FaultModel.UNANIMOUS)
    signer = KeyedHash.Signer(ME)
    stack = Stack.build(roster, signer, KeyedHash(), LOCAL.group, lambda n: bytes(range(n)), sealing_seed=b"a" * 32)
    return stack, list(stack.restore(records, now))


def drive(stack, effects, now=0):
    """Tick as long as something is due at once."""
    effects = list(effects)
    while stack.deadline is not None and stack.deadline <= now:
        effects += stack.tick(now)
    return effects


def records_of(effects):
    newest = {(each.table, each.key): each.data for each in effects if isinstance(each, Append)}
    return [(table, key, data) for (table, key), data in newest.items()]


def events_of(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]


def run_alone():
    stack, effects = alone()
    effects += drive(stack, stack.submit(ProposeSession(mechanism=SecondPrice(reserve=5), label="x"), 0))
    (asked,) = events_of(effects, Asked)
    return stack, effects, asked


def test_a_member_alone_runs_a_whole_session():
    stack, effects, asked = run_alone()
    effects += drive(stack, stack.submit(Report(asked.session, 0, 18), 0))
    (end,) = events_of(effects, Settled)
    assert str(end.outcome) == "alice wins, pays 5"
    assert end.agrees
    assert stack.status().sessions == ()


def test_an_ask_without_an_answer_is_asked_again_after_a_restart():
    _, effects, asked = run_alone()
    stack, replayed = alone(records_of(effects), now=99)
    assert [(each.session, each.step) for each in events_of(replayed, Asked)] == [(asked.session, asked.step)]
    later = drive(stack, stack.submit(Report(asked.session, 0, 18), 99), 99)
    assert len(events_of(later, Settled)) == 1


def test_an_answered_ask_is_not_asked_again_and_the_end_is_told_again():
    stack, effects, asked = run_alone()
    effects += drive(stack, stack.submit(Report(asked.session, 0, 18), 0))
    records = records_of(effects)
    again, replayed = alone(records, now=7)
    assert events_of(replayed, Asked) == []
    (first,), (second,) = events_of(effects, Settled), events_of(replayed, Settled)
    assert (first.digest, first.transcript, first.booked) == (second.digest, second.transcript, second.booked)
    assert len(events_of(replayed, SessionProposed)) == 1
    assert records_of(replayed + drive(again, (), 7)) in ([], records), "a replay says nothing that was not said"


def test_the_same_proposal_after_a_restart_founds_no_second_session():
    _, effects, _ = run_alone()
    stack, _ = alone(records_of(effects))
    more = drive(stack, stack.submit(ProposeSession(mechanism=SecondPrice(reserve=5), label="x"), 0))
    assert events_of(more, SessionProposed) == []


def test_the_first_report_stands():
    stack, effects, asked = run_alone()
    effects += stack.submit(Report(asked.session, 0, 18), 0)
    effects += drive(stack, stack.submit(Report(asked.session, 0, 40), 0))
    (end,) = events_of(effects, Settled)
    assert end.reports == {"alice": 18}


def test_a_report_of_another_type_raises_and_changes_nothing():
    stack, _, asked = run_alone()
    with pytest.raises(InputError):
        stack.submit(Report(asked.session, 0, "a lot"), 0)
    effects = drive(stack, stack.submit(Report(asked.session, 0, 18), 0))
    assert len(events_of(effects, Settled)) == 1


frames = st.binary(max_size=300)


@settings(max_examples=40)
@given(
    st.lists(st.one_of(frames.map(lambda data: Packet(PEER, data)), st.sampled_from([LinkUp(PEER), LinkDown(PEER)])))
)
def test_nothing_that_a_peer_sends_makes_a_stack_raise(incoming):
    peer = Member(PEER, "bob", bytes(32), EncryptionKey(b"b" * 32).public)
    roster = Roster("two", (Member(ME, "alice", bytes(32), KEY.public), peer), FaultModel.UNANIMOUS)
    stack = Stack.build(roster, KeyedHash.Signer(ME), KeyedHash(), LOCAL.group, bytes, sealing_seed=b"a" * 32)
    stack.restore((), 0)
    for now, each in enumerate(incoming):
        stack.receive(each, now)
        if stack.deadline is not None and stack.deadline <= now:
            stack.tick(now)
    assert stack.status().group.delivered == 0


@pytest.mark.parametrize("n", range(1, 8))
def test_a_group_of_any_size_settles_on_the_pure_result(n):
    values = (18, 24, 21, 5, 6, 7, 8)[:n]
    cluster = StackCluster([truthful(value) for value in values], seed=n)
    cluster.start()
    cluster.propose(n - 1, ProposeSession(mechanism=SecondPrice(reserve=5)))
    assert cluster.run()
    ends = cluster.settled()
    assert len(ends) == n
    assert len({end.digest for end in ends}) == 1
    expected = {1: "alice wins, pays 5", 2: "bob wins, pays 18"}.get(n, "bob wins, pays 21")
    assert {str(end.outcome) for end in ends} == {expected}


def test_many_sessions_run_at_once_and_each_ends_once():
    cluster = StackCluster([truthful(value) for value in (18, 24, 21, 5)], seed=5)
    cluster.start()
    for number in range(6):
        cluster.propose(number % 4, ProposeSession(mechanism=SecondPrice(reserve=number), label=f"session {number}"))
    assert cluster.run(sessions=6)
    assert [len(ended) for ended in cluster.ended] == [6] * 4
    assert len({(end.session, end.digest) for end in cluster.settled()}) == 6


def test_a_member_without_the_code_stays_out_and_the_others_settle():
    class Rare(SecondPrice):
        """A second-price auction that one member does not have."""

        name = "auction.rare"

    cluster = StackCluster([truthful(value) for value in (18, 24, 21, 5)], seed=6)
    for place in (0, 1, 2):
        cluster.lookups[place] = lambda name, version: Rare if name == Rare.name else None
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=Rare()))
    assert cluster.run()
    ends = cluster.settled()
    assert [end.result is not None for end in ends] == [True, True, True, False]
    assert {end.players for end in ends[:3]} == {("alice", "bob", "carol")}
    assert len({end.digest for end in ends}) == 1
