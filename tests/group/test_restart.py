"""Members that crash and come back: nothing that was committed is lost, and nothing is said twice."""

import pytest

from mechdesign.group.core import GroupCore
from mechdesign.group.messages import Append, Broadcast
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.errors import JournalError
from mechdesign.transport.messages import LinkUp
from tests.group.lockstep import (
    CONFIG,
    MILLISECOND,
    SCHEME,
    SECOND,
    Lockstep,
    make_roster,
    member,
    rounds,
    signer,
)


def test_one_crash_of_four_stops_nobody_and_the_returned_one_catches_up_and_counts_again() -> None:
    net = Lockstep(4, config=CONFIG.model_copy(update={"rounds_ahead_max": 32}))
    net.say(0, b"first")
    net.run()
    net.crash(3)
    for at in range(40):
        net.say(at % 3, b"%d" % at)
        net.run(4 * MILLISECOND)
    net.run()
    assert len(net.hosts[0].log) == 41
    # It is further behind than blocks from ahead are kept.
    assert rounds(net)[0] > 32 + 4
    net.restart(3)
    net.run(5 * SECOND)
    net.assert_agreement()
    assert len(net.hosts[3].log) == 41
    net.crash(0)
    net.say(3, b"last")
    net.run()
    assert net.hosts[1].said[-1:] == net.hosts[3].said[-1:] == [b"last"]


def test_all_restart_and_nothing_that_was_committed_is_lost() -> None:
    net = Lockstep(4)
    for place in range(4):
        net.say(place, b"%d" % place)
    net.run()
    before = net.hosts[0].said
    for place in range(4):
        net.crash(place)
    for place in range(4):
        net.restart(place)
    assert [host.said for host in net.hosts] == [before] * 4
    net.say(1, b"more")
    net.run()
    assert [host.said for host in net.hosts] == [[*before, b"more"]] * 4
    assert all(host.evidence == [] for host in net.hosts)


def test_a_key_is_said_once_in_this_life_and_in_the_next() -> None:
    net = Lockstep(4)
    net.say(0, b"a", key=b"act")
    net.say(0, b"b", key=b"act")
    net.run()
    net.crash(0)
    net.restart(0)
    net.say(0, b"c", key=b"act")
    net.run()
    assert net.hosts[1].said == [b"a"]


def test_what_was_submitted_before_a_crash_and_not_yet_sent_is_said_after_it() -> None:
    net = Lockstep(4)
    net.run()
    net.say(0, b"hello")
    net.crash(0)
    net.restart(0)
    net.run()
    assert net.hosts[1].said == [b"hello"]


def test_an_own_block_is_durable_before_it_is_sent_and_no_round_is_signed_twice() -> None:
    net = Lockstep(1, FaultModel.UNANIMOUS)
    core = net.hosts[0].core
    appends = core.submit(Broadcast(b"key", 1, b"data"), net.now)
    assert [(effect.table, effect.sync) for effect in appends if isinstance(effect, Append)] == [("own", True)]
    net4 = Lockstep(4)
    net4.run()
    host = net4.hosts[0]
    net4.perform(0, host.core.submit(Broadcast(b"key", 1, b"data"), net4.now))
    effects = host.core.tick(net4.now)
    kinds = [(type(effect).__name__, getattr(effect, "sync", None)) for effect in effects]
    assert kinds == [("Append", True), ("Send", None), ("Send", None), ("Send", None)]
    # It dies after writing and before sending: the block of its next life is the same one.
    written = [effect for effect in effects if isinstance(effect, Append)]
    host.disk += [(effect.table, effect.key, effect.data) for effect in written]
    net4.crash(0)
    net4.restart(0)
    net4.run()
    assert net4.hosts[1].said == [b"data"]
    assert all(other.evidence == [] for other in net4.hosts)


def test_a_member_whose_journal_was_rolled_back_refuses_to_sign() -> None:
    net = Lockstep(4)
    net.say(0, b"first")
    net.run()
    net.crash(0)
    net.hosts[0].disk = [record for record in net.hosts[0].disk if record[0] == "own"][:0]
    net.restart(0)
    net.say(0, b"second")
    net.run()
    status = net.hosts[0].core.status()
    assert status.state == "refusing"
    assert "journal" in status.detail
    assert status.round == -1
    assert net.hosts[0].said == [b"first"]
    assert all(host.evidence == [] for host in net.hosts)


def test_a_member_signs_nothing_before_a_quorum_answered_or_the_round_timeout_passed() -> None:
    roster = make_roster(4)
    core = GroupCore(roster, signer(0), SCHEME, CONFIG)
    core.restore((), 0)
    core.submit(Broadcast(b"key", 1, b"data"), 0)
    assert core.tick(0) == []
    assert core.status().state == "starting"
    core.receive(LinkUp(member(1)), 10)
    assert not any(isinstance(effect, Append) for effect in core.tick(199_000))
    assert any(isinstance(effect, Append) for effect in core.tick(200_010))


def test_a_damaged_record_is_a_journal_error() -> None:
    for table in ("own", "block"):
        core = GroupCore(make_roster(4), signer(0), SCHEME, CONFIG)
        with pytest.raises(JournalError):
            core.restore([(table, b"key", b"\x93garbage")], 0)
