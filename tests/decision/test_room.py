"""What is longer than a session's terms allow is silence: a liar fills neither memory nor transcripts with it."""

from dataclasses import replace
from typing import Any

import pytest

from mechdesign.decision.entries import CoinEntry, EntryValue, Kind, OpenEntry, ReportEntry, SealEntry, ShareEntry
from mechdesign.decision.room import fits
from mechdesign.decision.sealing.commit_reveal import commitment, pad
from mechdesign.decision.transcript import audit
from tests.decision.polls import Poll
from tests.decision.spoilers import HIGHEST
from tests.decision.toys import SILENT, Cluster, Plan, bids, nets

SIZE = 16
HUGE = bytes(60_000)
STEPS = 12

SAID: dict[str, tuple[Kind, Any]] = {
    "report": (Kind.REPORT, lambda session, step: ReportEntry(session, step, HUGE)),
    "seal": (Kind.SEAL, lambda session, step: SealEntry(session, step, HUGE)),
    "opening": (Kind.OPEN, lambda session, step: OpenEntry(session, step, bytes(32), HUGE)),
    "share": (Kind.SHARE, lambda session, step: ShareEntry(session, step, HUGE)),
    "coin": (Kind.COIN, lambda session, step: CoinEntry(session, step, HUGE)),
}


def silent_at(place: int, step: int) -> object:
    return SILENT if place == HIGHEST else bids(place, step)


def say_huge_things(cluster: Cluster) -> None:
    """Have dave say each of them in every phase of every step."""
    seen: set[object] = set()
    while True:
        (status,) = cluster.cores[0].status() or (None,)
        if status is not None and (status.phase, status.step) not in seen:
            seen.add((status.phase, status.step))
            for kind, make in SAID.values():
                cluster.order(HIGHEST, kind, make(status.session, status.step).encoded)
        if not cluster.step():
            if status is None:
                return
            cluster.wait(5_000)


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_what_a_session_keeps_does_not_grow_with_what_a_liar_says(seal: str) -> None:
    plan = Plan(sealed=(seal != "open",) * STEPS, tosses=(STEPS,))
    quiet, loud = (Cluster(4, plan=plan, report=silent_at) for _ in range(2))
    for cluster, drive in ((quiet, Cluster.settle), (loud, say_huge_things)):
        cluster.propose(0, seal=seal, report_bytes=SIZE)
        drive(cluster)
    while quiet.cores[0].status():
        quiet.wait(5_000)
    decided = loud.decided(0)
    assert all(loud.decided(place) == decided for place in range(4))
    assert HUGE not in decided.transcript
    assert len(decided.transcript) < len(quiet.decided(0).transcript) + 4_000
    assert loud.convicted(0) == []
    assert audit(decided.transcript, loud.scheme, loud.recompute, loud.roster).flows == decided.flows


def test_what_is_too_long_counts_for_nothing_and_a_report_behind_it_counts() -> None:
    cluster = Cluster(4, plan=Plan((False,)), report=silent_at)
    cluster.propose(0, seal="open")
    cluster.settle()
    (status,) = cluster.cores[0].status()
    for data in (bytes(SIZE + 1), b"\x63", b"\x01"):
        cluster.order(HIGHEST, Kind.REPORT, ReportEntry(status.session, 0, data).encoded)
    cluster.settle()
    assert nets(cluster.decided(2).flows) == {"dave": -99, "SELLER": 99}


def test_an_opening_that_is_too_long_is_a_seal_that_stays_shut_and_no_offence() -> None:
    cluster = Cluster(4, report=silent_at)
    cluster.propose(0, seal="commit_reveal", sanctions=("forfeit",), deposit=9)
    cluster.settle()
    (status,) = cluster.cores[0].status()
    padded = pad(b"\x63", SIZE) + b"\0"
    made = commitment(cluster.roster, status.session, 0, cluster.roster.ids[HIGHEST], bytes(32), padded)
    cluster.order(HIGHEST, Kind.SEAL, SealEntry(status.session, 0, made).encoded)
    cluster.settle()
    cluster.order(HIGHEST, Kind.OPEN, OpenEntry(status.session, 0, bytes(32), padded).encoded)
    assert cluster.cores[0].status()[0].missing == ("dave",)
    cluster.wait(5_000)
    assert cluster.convicted() == []
    assert nets(cluster.decided().flows)["dave"] == -9


LONGEST: list[tuple[str, str, Any]] = [
    ("open", "report", ReportEntry(bytes(32), 0, bytes(SIZE))),
    ("commit_reveal", "padded", OpenEntry(bytes(32), 0, bytes(32), bytes(4 + SIZE))),
    ("commit_reveal", "sealed", SealEntry(bytes(32), 0, bytes(32))),
    ("threshold", "sealed", SealEntry(bytes(32), 0, bytes(SIZE + 96 * 4 + 320))),
    ("threshold", "dealing", CoinEntry(bytes(32), 0, bytes(96 * 4 + 128))),
    ("threshold", "share", ShareEntry(bytes(32), 0, bytes(32 * 4 + 128))),
]


@pytest.mark.parametrize(("seal", "field", "longest"), LONGEST)
def test_the_longest_that_fits_is_as_the_specification_says(seal: str, field: str, longest: EntryValue) -> None:
    cluster = Cluster(4)
    cluster.propose(0, seal=seal)
    cluster.step()
    setting = cluster.cores[0].setting(cluster.cores[0].status()[0].session)
    assert setting is not None
    assert fits(longest, setting)
    assert not fits(replace(longest, **{field: getattr(longest, field) + b"\0"}), setting)


def test_an_electorate_makes_room_for_a_share_of_each_ballot() -> None:
    poll = Poll(40, seal="threshold")
    assert fits(ShareEntry(poll.session, 0, bytes(32 * 40 + 128)), poll.setting)
    assert not fits(ShareEntry(poll.session, 0, bytes(32 * 40 + 129)), poll.setting)
    assert fits(SealEntry(poll.session, 0, None), poll.setting)
