"""A node proposes each of its sessions at most once in all its lives, and again what surely founded none."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mechdesign.cli.foundings import Founding, foundings, read_founding
from mechdesign.cli.notebook import Notebook
from mechdesign.cli.proposals import Proposals
from mechdesign.decision.proposal import nonce_of
from mechdesign.decision.record import Record
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import CongestionError
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession, Settled, ViewBegun
from mechdesign.mechanisms.terms import proposal_of
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases

ME, OTHER = MemberId(bytes([1]) * 32), MemberId(bytes([2]) * 32)


def request(label: str) -> ProposeSession:
    return ProposeSession(mechanism=SecondPrice(), label=label, **phases(SECOND // 1000))


EPOCHS = tuple(bytes([digest]) * 32 for digest in range(3))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notebook.jsonl"


def proposals(notes: Path, *labels: str, after: int = 0, epoch: int = 0) -> Proposals:
    made = Proposals([(after, request(label)) for label in labels], ME, Notebook(notes))
    made.enter(EPOCHS[epoch])
    return made


def handed_in(proposals: Proposals) -> list[str]:
    made: list[ProposeSession] = []
    proposals.hand_in(made.append)
    return [each.label for each in made]


def of(label: str, session: int = 0, proposer: MemberId = ME) -> Founding:
    return Founding(bytes([session]) * 32, proposer, nonce_of(label, proposer))


def end(proposals: Proposals, founding: Founding) -> None:
    proposals.end(founding.session, founding)


@pytest.fixture(scope="module")
def cluster() -> StackCluster:
    made = StackCluster([truthful(10), truthful(20)], 2, real=True)
    made.start()
    made.propose(0, request("boat"))
    assert made.run(1)
    return made


@pytest.fixture(scope="module")
def settled(cluster: StackCluster) -> Settled:
    (found,) = cluster.ended[0].values()
    assert isinstance(found, Settled)
    return found


def test_the_nonce_is_the_one_that_a_proposal_with_the_label_has() -> None:
    terms = proposal_of(request("boat"), ME, {ME: "alice"}, bytes)
    assert terms.nonce == nonce_of("boat", ME)


def test_a_transcript_says_who_proposed_under_which_label(cluster: StackCluster, settled: Settled) -> None:
    alice = cluster.roster.ids[0]
    expected = Founding(settled.session, alice, nonce_of("boat", alice))
    cut = [settled.transcript[at : at + 7] for at in range(0, len(settled.transcript), 7)]
    assert read_founding(cut, cluster.roster.group) == expected
    assert read_founding([settled.transcript], "another group") is None


def test_a_proposal_that_its_proposer_did_not_sign_is_nobodys(cluster: StackCluster, settled: Settled) -> None:
    record = Record.parse(settled.transcript)
    first = record.frozen[0]
    lied = replace(first, submission=replace(first.submission, sender=cluster.roster.ids[1]))
    forged = replace(record, frozen=(lied, *record.frozen[1:])).encoded
    assert read_founding([forged], cluster.roster.group) is None


def test_whatever_else_lies_in_the_folder_is_passed_over(
    cluster: StackCluster, settled: Settled, tmp_path: Path
) -> None:
    whole = settled.transcript
    rubbish = [b"", b"\xc1", b"nonsense", bytes(100), whole[:150], whole[:40], b"\xdd\xff\xff\xff\xff"]
    for place, data in enumerate(rubbish):
        (tmp_path / f"{place}.transcript").write_bytes(data)
    (tmp_path / "folder.transcript").mkdir()
    (tmp_path / "gone.transcript").symlink_to(tmp_path / "nothing")
    (tmp_path / "whole.transcript").write_bytes(whole)
    (tmp_path / "whole.copy").write_bytes(whole)
    assert [each.session for each in foundings(tmp_path, cluster.roster.group)] == [settled.session]
    assert list(foundings(tmp_path / "none", cluster.roster.group)) == []


def test_what_ended_in_an_earlier_life_is_not_proposed_again(notes: Path) -> None:
    again = proposals(notes, "boat", "house")
    end(again, of("boat"))
    assert handed_in(again) == ["house"]
    assert not again.waiting


def test_a_session_of_another_member_under_the_same_label_is_not_ours(notes: Path) -> None:
    again = proposals(notes, "boat")
    end(again, of("boat", proposer=OTHER))
    again.founded(OTHER, nonce_of("boat", ME))  # anybody can copy a nonce
    assert handed_in(again) == ["boat"]


def test_a_session_that_ended_counts_once_however_often_it_is_told(notes: Path) -> None:
    later = proposals(notes, "second", after=2)
    for _ in range(3):
        end(later, of("first", session=1, proposer=OTHER))
    assert handed_in(later) == []
    assert later.waiting
    later.end(bytes(32), None)  # one that left no transcript counts as well
    assert handed_in(later) == ["second"]


def test_what_was_handed_in_and_founded_nothing_is_handed_in_again_in_the_next_epoch(notes: Path) -> None:
    group = proposals(notes, "cut", "lost")
    assert handed_in(group) == ["cut", "lost"]
    assert handed_in(group) == []
    group.founded(ME, nonce_of("cut", ME))  # it may end with the epoch: it was proposed
    group.begin_epoch(EPOCHS[1], missed=False)
    assert handed_in(group) == ["lost"]


def test_in_the_same_epoch_a_further_life_hands_in_again_what_is_known_by_its_name(notes: Path) -> None:
    assert handed_in(proposals(notes, "boat")) == ["boat"]
    assert handed_in(proposals(notes, "boat")) == ["boat"]


def test_what_an_epoch_may_have_founded_whose_end_was_missed_is_never_handed_in_again(notes: Path) -> None:
    group = proposals(notes, "boat", "house", after=1)
    group.end(bytes(32), None)
    assert handed_in(group) == ["boat", "house"]
    group.founded(ME, nonce_of("house", ME))
    group.begin_epoch(EPOCHS[1], missed=True)
    assert (handed_in(group), group.doubtful, group.waiting) == ([], ("boat",), False)
    group.begin_epoch(EPOCHS[2], missed=False)  # what this one founded is known, which says nothing of the first
    assert (handed_in(group), group.doubtful) == ([], ("boat",))
    later = proposals(notes, "boat", "boat again", epoch=2)
    assert (handed_in(later), later.doubtful) == (["boat again"], ("boat",))


def test_whoever_is_cut_off_while_it_hands_in_does_not_do_it_again_in_a_later_epoch(notes: Path) -> None:
    class Cut(Exception):
        pass

    def cut(_: ProposeSession) -> None:
        raise Cut

    with pytest.raises(Cut):
        proposals(notes, "boat").hand_in(cut)
    assert proposals(notes, "boat", epoch=1).doubtful == ("boat",)
    assert handed_in(proposals(notes, "boat", epoch=1)) == []
    assert handed_in(proposals(notes, "boat")) == ["boat"]


def test_what_surely_founded_nothing_is_free_in_all_later_lives(notes: Path) -> None:
    group = proposals(notes, "boat")
    assert handed_in(group) == ["boat"]
    group.begin_epoch(EPOCHS[1], missed=False)
    assert handed_in(proposals(notes, "boat", epoch=2)) == ["boat"]


def test_a_node_that_was_no_member_meanwhile_does_not_know_what_came_of_its_proposals(notes: Path) -> None:
    group = proposals(notes, "boat")
    assert handed_in(group) == ["boat"]
    group.leave()
    group.begin_epoch(EPOCHS[1], missed=False)
    assert group.doubtful == ("boat",)


def test_a_member_knows_that_it_has_missed_the_end_of_an_epoch() -> None:
    cluster = StackCluster([truthful(Fraction(10 + place)) for place in range(5)], 3)
    cluster.start()
    assert not cluster.run(1, seconds=1)
    cluster.propose(3, request("boat"))
    arrive, deaf = cluster.simulator._arrive, [True]

    def deafened(place: int, sent: Any, life: int) -> None:
        if place != 3 or not deaf[0]:
            arrive(place, sent, life)

    cluster.simulator._arrive = deafened  # type: ignore[method-assign]
    assert cluster.run(1, seconds=60, places=[0, 1, 2, 4])
    cluster.leave(4)
    assert cluster.in_epoch(1, places=[0, 1, 2])
    deaf[0] = False
    links = [(3, other) for other in (0, 1, 2, 4)]
    cluster.simulator.cut(links)
    cluster.simulator.mend(links)
    assert cluster.in_epoch(1, places=[0, 1, 2, 3])
    missed = [[view.missed for view in cluster.views[place] if isinstance(view, ViewBegun)] for place in range(4)]
    assert missed == [[False], [False], [False], [True]]


def test_what_finds_no_room_still_waits_in_its_order(notes: Path) -> None:
    group = proposals(notes, "first", "second")

    def full(_: ProposeSession) -> None:
        raise CongestionError("too much waits")

    with pytest.raises(CongestionError):
        group.hand_in(full)
    assert handed_in(group) == ["first", "second"]
