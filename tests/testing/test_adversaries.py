"""Each kind of liar really does what its name says, and four members with one of them get their words ordered."""

import pytest

from mechdesign.group.evidence import ConflictingSubmissions, Equivocation, InvalidBlock, decode_evidence
from mechdesign.group.messages import EvidenceFound
from mechdesign.group.packets import Blocks, Tips, decode_packet
from mechdesign.testing import frames
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.transport.messages import Send

LIAR = 3


def group_with(kind, seed, **options):
    cluster = Cluster(4, seed=seed, liars={LIAR: kind}, **options)
    frames_of_liar = []
    cluster.simulator.watch(
        Send, lambda place, effect: frames_of_liar.append((effect.peer, effect.data)) if place == LIAR else None
    )
    proofs = []
    cluster.simulator.watch(
        EvidenceFound, lambda place, event: proofs.append(decode_evidence(event.data)) if place != LIAR else None
    )
    cluster.start_all()
    return cluster, frames_of_liar, proofs


def talk(cluster, words=6):
    for number in range(words):
        cluster.say(number % 4, b"word %d" % number)
        cluster.run(0.2)
    cluster.assert_agreed()


@pytest.mark.parametrize("kind", LIAR_KINDS)
def test_honest_members_agree_beside(kind):
    for seed in range(3):
        cluster, _, _ = group_with(kind, seed)
        talk(cluster)
        cluster.assert_equivocators_convicted()
        cluster.assert_quiet()


@pytest.mark.parametrize("kind", ["equivocate", "split", "two-faced"])
def test_honest_members_convict_who_signs_two_blocks_for_one_round(kind):
    convictions = 0
    for seed in range(4):
        cluster, _, proofs = group_with(kind, seed, sides={1})
        talk(cluster)
        convictions += len(proofs)
        # Two faces also say two things under one sequence number.
        assert all(isinstance(proof, Equivocation | ConflictingSubmissions) for proof in proofs)
        if proofs:
            cluster.assert_convicted(LIAR)
        else:
            cluster.assert_convicted()
    assert convictions >= 4


def test_a_splitter_shows_each_camp_one_of_the_two_blocks():
    cluster, sent, _ = group_with("split", 1, sides={1})
    talk(cluster)
    read = frames.frame_reader(cluster.roster)
    own: dict[int, dict[bytes, set[int | None]]] = {}
    for peer, data in sent:
        for round_, author, digest in read(data):
            if author == cluster.roster.ids[LIAR]:
                own.setdefault(round_, {}).setdefault(digest, set()).add(cluster.roster.place(peer))
    doubled = [camps for camps in own.values() if len(camps) > 1]
    assert len(doubled) >= 5
    assert all(camp <= {1} or camp <= {0, 2} for camps in doubled for camp in camps.values())


def test_a_silent_member_falls_silent():
    cluster, sent, _ = group_with("silent", 1)
    talk(cluster)
    before = len(sent)
    talk(cluster, 10)
    assert len(sent) == before


def test_a_withholder_keeps_blocks_from_somebody():
    counts: dict[bytes, int] = {}
    cluster, sent, _ = group_with("withhold", 2)
    talk(cluster, 12)
    for peer, data in sent:
        if isinstance(decode_packet(cluster.roster, data), Blocks):
            counts[peer] = counts.get(peer, 0) + 1
    assert len(set(counts.values())) > 1


def test_a_replayer_says_again_what_it_heard_from_others():
    cluster, sent, _ = group_with("replay", 1)
    talk(cluster)
    assert len(sent) - len(set(sent)) > 5


def test_a_forger_is_convicted_of_the_invalid_blocks_that_it_signs_and_of_nothing_that_it_signs_for_others():
    kinds = set()
    for seed in range(4):
        cluster, sent, proofs = group_with("forge", seed)
        talk(cluster, 12)
        kinds |= {type(proof) for proof in proofs}
        assert any(decode_packet(cluster.roster, data) is None for _, data in sent)
    assert InvalidBlock in kinds


def test_a_boaster_claims_tips_that_nobody_has():
    cluster, sent, _ = group_with("boast", 1)
    talk(cluster)
    tips = [packet for _, data in sent if isinstance(packet := decode_packet(cluster.roster, data), Tips)]
    assert max(max(packet.rounds) for packet in tips) >= 2**40
