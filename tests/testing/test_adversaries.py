"""Each kind of liar really does what its name says, and four members with one of them get their words ordered."""

import pytest

from mechdesign.group.block import parse_block
from mechdesign.group.evidence import ConflictingSubmissions, Equivocation, InvalidBlock, decode_evidence
from mechdesign.group.messages import Append, EvidenceFound
from mechdesign.group.packets import Blocks, Tips, Want, decode_packet
from mechdesign.kernel.machine import SECOND
from mechdesign.testing import frames
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.transport.messages import Send
from tests.long_form import mostly_long

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


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", [*LIAR_KINDS, "promise"])
def test_honest_members_agree_beside(kind, seed):
    cluster, _, _ = group_with(kind, seed)
    talk(cluster)
    cluster.assert_quiet()


@pytest.mark.parametrize("kind", mostly_long(["equivocate", "split", "two-faced"], short=2))
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


def own_blocks(cluster, sent):
    """Blocks of the liar as it showed them: (peer, block)."""
    found = []
    for peer, data in sent:
        packet = decode_packet(cluster.roster, data)
        for wire in packet.blocks if isinstance(packet, Blocks) else ():
            block = parse_block(wire, cluster.roster)
            if block is not None and block.author == LIAR:
                found.append((peer, block))
    return found


def test_a_selective_sender_says_nothing_at_all_to_some():
    spoken_to = set()
    for seed in range(4):
        cluster, sent, _ = group_with("select", seed)
        talk(cluster)
        spoken_to.add(len({peer for peer, _ in sent}))
    assert min(spoken_to) < 3


def test_a_selective_referencer_refers_to_a_quorum_and_no_more():
    cluster, sent, _ = group_with("snub", 1)
    talk(cluster)
    blocks = [block for _, block in own_blocks(cluster, sent) if block.round > 0]
    assert blocks
    assert all(len(block.header.parents) <= 4 and not block.header.weak for block in blocks)
    assert all(sum(link.round == block.round - 1 for link in block.header.parents) == 3 for block in blocks)


def test_a_racer_makes_blocks_without_a_reason_until_it_had_enough():
    cluster, sent, _ = group_with("race", 1)
    cluster.run(5)
    made = {block.round for _, block in own_blocks(cluster, sent)}
    assert len(made) >= 80
    cluster.assert_quiet()


def test_a_pull_inducer_refers_to_what_nobody_has():
    cluster, sent, _ = group_with("induce", 1)
    talk(cluster, 12)
    links = {link for _, block in own_blocks(cluster, sent) for link in block.links if link.round >= 0}
    held = {block.digest for block in cluster.simulator.processes[0].machine._dag.blocks()}
    assert len([link for link in links if link.digest not in held]) > 3
    assert cluster.simulator.processes[0].machine.status().parked > 0


def test_a_flooder_says_things_several_times_and_asks_without_end():
    cluster, sent, _ = group_with("flood", 1)
    talk(cluster)
    assert len(sent) - len(set(sent)) > 20
    assert sum(isinstance(decode_packet(cluster.roster, data), Want) for _, data in sent) > 5


def test_a_staller_speaks_a_little_before_the_round_timeout():
    cluster, _, _ = group_with("stall", 1)
    cluster.run(1)
    shown = []
    cluster.simulator.watch(
        Append, lambda place, record: shown.append((cluster.simulator.now, record.table)) if place == 0 else None
    )
    asked = cluster.simulator.now
    cluster.say(LIAR, b"late")
    cluster.run(1)
    first = min(instant for instant, table in shown if table == "block")
    timeout = cluster.config.round_timeout_s * SECOND
    assert 0.9 * timeout <= first - asked <= timeout + 10_000


def test_a_rewinder_names_one_predecessor_twice_and_is_convicted_for_it():
    cluster, sent, proofs = group_with("rewind", 1)
    talk(cluster, 20)
    blocks = {block.digest: block for _, block in own_blocks(cluster, sent)}
    named = [block.header.parents[0] for block in blocks.values()]
    assert len(set(named)) < len(named)
    assert {type(proof) for proof in proofs} == {Equivocation}
    cluster.assert_convicted(LIAR)


LEAGUES = [("conspire", "hide"), ("conspire", "conspire"), ("two-faced", "two-faced")]


@pytest.mark.parametrize("kinds", mostly_long(map(pytest.param, LEAGUES), short=1))
def test_two_liars_of_seven_in_league_split_nothing_and_those_who_equivocate_are_convicted(kinds):
    twins_met = 0
    for seed in range(2):
        cluster = Cluster(7, seed=seed, liars={1: kinds[0], 5: kinds[1]}, sides={0, 2})
        cluster.start_all()
        for number in range(5):
            cluster.say(number, b"word %d" % number)
            cluster.run(0.05)
        cluster.assert_agreed()
        twins_met += sum(len(cluster.evidence.convicted[place]) for place in cluster.honest)
    assert twins_met > 0


def test_conspirators_rest_on_the_twins_of_each_other():
    cluster = Cluster(7, seed=2, liars={1: "conspire", 5: "conspire"}, sides={0, 2})
    cluster.start_all()
    for number in range(10):
        cluster.say(number % 7, b"word %d" % number)
        cluster.run(0.1)
    twins = cluster.plan.twins.values()
    resting = [twin for twin in twins if any(link.digest in cluster.plan.wires for link in twin.header.parents[1:])]
    assert len(resting) > 3


def test_a_promiser_tells_one_member_with_every_block_that_it_is_far_ahead_and_lies_to_nobody_else():
    cluster, sent, _ = group_with("promise", 1)
    talk(cluster)
    far: dict[bytes, set[bool]] = {}
    for peer, data in sent:
        content = decode_packet(cluster.roster, data)
        if isinstance(content, Tips):
            far.setdefault(peer, set()).add(min(content.rounds) == 2**40)
    assert sorted(map(sorted, far.values())) == [[False], [False], [True]]
