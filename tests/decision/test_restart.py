"""A restarted member says the same bytes again, and the log alone decides what everyone hears."""

import hashlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from mechdesign.decision.core import DecisionCore
from mechdesign.decision.entries import Kind
from mechdesign.decision.messages import Submit
from mechdesign.decision.secret import Secret
from mechdesign.group.messages import Append, Broadcast
from mechdesign.kernel.crypto import KeyedHash
from mechdesign.kernel.errors import JournalError, LocalProtocolError
from tests.decision.toys import SILENT, Cluster, Plan, bids, make_roster, sealing_key

PLAN = Plan((True, False, True))


def said(cluster: Cluster, place: int) -> list[tuple[bytes, int, bytes]]:
    """What a member had broadcast in this life, each act once, in order."""
    made = [effect for effect in cluster.effects[place] if isinstance(effect, Broadcast)]
    return list(dict.fromkeys((effect.key, effect.kind, effect.data) for effect in made))


def history(cluster: Cluster, place: int) -> bytes:
    """Everything that a member's decision core emitted, as text with a digest."""
    return hashlib.sha256("\n".join(map(repr, cluster.effects[place])).encode()).digest()


@pytest.mark.parametrize("seal", ["commit_reveal", "open"])
def test_a_restart_after_any_entry_says_the_same_bytes_again(seal: str) -> None:
    whole = Cluster(4, plan=PLAN).run(seal=seal, deposit=Fraction(2))
    expected = whole.decided()
    for at in range(len(whole.log)):
        cluster = Cluster(4, plan=PLAN)
        cluster.propose(seal=seal, deposit=Fraction(2))
        for _ in range(at + 1):
            assert cluster.step()
        before = said(cluster, 1)
        cluster.restart(1)
        assert said(cluster, 1) == before
        cluster.settle()
        assert cluster.decided(1) == expected
        assert said(cluster, 1) == said(whole, 1)
        assert cluster.convicted() == []


def test_a_member_that_lost_the_race_between_its_secret_and_its_seal_seals_the_same_after_a_restart() -> None:
    cluster = Cluster(2, report=lambda place, step: SILENT if place == 1 else bids(place, step)).run()
    session = cluster.cores[1].status()[0].session
    effects = cluster.cores[1].submit(Submit(session, 0, b"\x09"), 0)
    append, first = effects
    assert isinstance(append, Append)
    assert isinstance(first, Broadcast)
    cluster.secrets[1][append.key] = append.data  # durable, and then the crash
    cluster.restart(1)
    assert first in cluster.effects[1]
    assert cluster.cores[1].submit(Submit(session, 0, b"\x77"), 0) == [first]
    cluster.settle()
    assert cluster.decided(0).agrees


def test_the_secret_is_appended_before_the_seal_that_it_serves() -> None:
    cluster = Cluster(4, plan=PLAN).run()
    for place in range(4):
        effects = cluster.effects[place]
        seals = [at for at, effect in enumerate(effects) if isinstance(effect, Broadcast) and effect.kind == Kind.SEAL]
        reports = [
            at for at, effect in enumerate(effects) if isinstance(effect, Broadcast) and effect.kind == Kind.REPORT
        ]
        assert len(seals) == 2
        assert len(reports) == 1
        for at in (*seals, *reports):
            before = effects[at - 1]
            assert isinstance(before, Append)
            assert before.table == "secret"
            assert before.sync


def test_salts_are_never_used_twice() -> None:
    cluster = Cluster(4, plan=PLAN).run()
    salts = [Secret.parse(key, data).salt for kept in cluster.secrets for key, data in kept.items()]
    assert len(salts) == len(set(salts)) == 12


def test_a_second_report_of_our_own_side_is_not_said() -> None:
    cluster = Cluster(2, report=lambda place, step: SILENT if place else bids(place, step)).run()
    session = cluster.cores[1].status()[0].session
    first = cluster.cores[1].submit(Submit(session, 0, b"\x01"), 0)
    again = cluster.cores[1].submit(Submit(session, 0, b"\x02"), 0)
    assert first[1:] == again


def test_a_member_whose_seal_in_the_log_is_not_its_own_secret_does_not_convict_itself() -> None:
    cluster = Cluster(4)
    cluster.propose()
    while not any(entry.submission.kind == Kind.SEAL for entry in cluster.log):
        assert cluster.step()
    for key, data in cluster.secrets[3].items():
        secret = Secret.parse(key, data)
        cluster.secrets[3][key] = Secret(secret.session, secret.step, bytes(32), secret.report).data
    cluster.said[3] = {key: each for key, each in cluster.said[3].items() if each.kind != Kind.OPEN}
    cluster.restart(3)
    cluster.settle()
    cluster.wait(3000)
    assert cluster.convicted() == []
    assert not any(
        entry.submission.kind == Kind.OPEN for entry in cluster.log if entry.submission.sender == cluster.roster.ids[3]
    )


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x92\xc4\x00\xc0", b"\xff" * 40])
def test_a_damaged_record_is_refused_in_words(data: bytes) -> None:
    roster = make_roster(1)
    core = DecisionCore(roster, roster.ids[0], KeyedHash(), entropy=bytes, sealing=sealing_key("alice"))
    good = Secret(bytes(32), 0, bytes(32), None)
    with pytest.raises(JournalError):
        core.restore([(good.key, data)])
    with pytest.raises(JournalError):
        core.restore([(data, good.data)])
    core.restore([(good.key, good.data)])


def test_a_stranger_has_no_decision_core() -> None:
    with pytest.raises(LocalProtocolError):
        DecisionCore(make_roster(1), make_roster(2).ids[1], KeyedHash(), entropy=bytes, sealing=sealing_key("bob"))


def test_a_member_that_left_in_an_earlier_life_follows_again_and_attests_nothing() -> None:
    cluster = Cluster(4)
    cluster.sessions[3].enrols = "left"
    cluster.propose()
    for _ in range(5):
        cluster.step()
    cluster.sessions[3].enrols = True
    cluster.restart(3)
    cluster.settle()
    assert cluster.decided(3) == cluster.decided(0)
    assert not [each for each in cluster.effects[3] if isinstance(each, Broadcast) and each.kind == Kind.ATTEST]


def digest_of_a_busy_run() -> str:
    """Many sessions at once, with liars, silence and a restart; printed by the test below in other processes."""

    def twist(place: int, each: Broadcast) -> list[Broadcast]:
        return [] if (place, each.kind) in {(2, Kind.OPEN), (5, Kind.ATTEST)} else [each]

    cluster = Cluster(7, plan=PLAN, twist=twist)
    cluster.sessions[4].lie = b"lie"
    for number in range(5):
        cluster.propose(number, nonce=bytes([number]) * 16, deposit=Fraction(number + 1), sanctions=("forfeit",))
    cluster.settle()
    for _ in range(8):
        cluster.wait(3000)
    cluster.restart(1)
    assert len(cluster.sessions[1].events) > 100
    return hashlib.sha256(b"".join(history(cluster, place) for place in range(7))).hexdigest()


def test_the_same_log_gives_the_same_events_under_any_hash_seed() -> None:
    root = Path(__file__).resolve().parents[2]
    script = "from tests.decision.test_restart import digest_of_a_busy_run as run; print(run())"
    seen = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        run = subprocess.run(
            [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
        )
        seen.add(run.stdout)
    assert len(seen) == 1
    assert seen == {digest_of_a_busy_run() + "\n"}
