"""Situations on the simulator in which theory says what must, and what cannot, happen."""

from random import Random

from mechdesign.group.block import Block, genesis, make_block
from mechdesign.group.committer import Commit, CommitRule, Committer
from mechdesign.group.dag import Dag
from mechdesign.group.roster import FaultModel
from mechdesign.testing.cluster import Cluster, settings
from mechdesign.testing.network import Weather
from mechdesign.testing.simulator import Violation
from mechdesign.transport.messages import LinkUp
from tests.group.liar import Liar
from tests.group.lockstep import MILLISECOND, Lockstep, make_roster, member, signer

__all__ = [
    "ROUGH",
    "SECONDS",
    "last_word_of_a_liar",
    "rough_ride",
    "split_brain",
    "split_votes",
    "three_faces",
    "triplets",
    "two_checkpoints",
]

SECONDS = 5
"""How long a staging goes on, in virtual seconds."""

ROUGH = Weather(delay_us=1_000, jitter_us=10_000, straggle=0.4, straggle_us=200_000)
"""Many frames are late."""


def split_brain(seed, n, faults, liars, camp):
    """The liars show each camp a face of its own, while the network keeps the camps apart."""
    cluster = Cluster(n, faults, seed, liars=dict.fromkeys(liars, "two-faced"), sides=camp)
    across = [(a, b) for a in cluster.honest for b in cluster.honest if (a in camp) != (b in camp)]
    cluster.simulator.cut(across, noticed=False)
    cluster.start_all()
    for place in range(n):
        cluster.say(place, b"word of %d" % place)
    cluster.run(SECONDS)
    return cluster


def rough_ride(seed, wave=3, words=100):
    """Three honest members that hardly wait for one another, majority quorums, many late frames; nobody lies."""
    rule = CommitRule(wave=wave)
    cluster = Cluster(3, FaultModel.MAJORITY, seed, weather=ROUGH, rule=rule, config=settings(hasty=True))
    cluster.start_all()
    for number in range(words):
        cluster.say(number % 3, b"word %d" % number)
        cluster.run(0.02)
    cluster.heal()
    cluster.assert_agreed()


def split_votes(seed, rotate=True):
    """A liar in the first place of the roster shows one honest member a block and the other two its twin, always."""
    cluster = Cluster(
        4,
        FaultModel.BYZANTINE,
        seed,
        liars={0: "split"},
        sides={1, 2},
        twins=10_000,
        weather=Weather(delay_us=20_000, jitter_us=0),
        rule=CommitRule(rotate=rotate),
    )
    cluster.start_all()
    for place in cluster.honest:
        cluster.say(place, b"word of %d" % place)
    cluster.run(SECONDS)
    return cluster


def last_word_of_a_liar(seed):
    """A liar that has not lied yet is the last to say something; says what does not hold then."""
    cluster = Cluster(4, FaultModel.BYZANTINE, seed, liars={3: "race"})
    cluster.start_all()
    try:
        for place in (*cluster.honest, 3):
            cluster.say(place, b"word of %d" % place)
            cluster.run(1)
        cluster.assert_agreed(SECONDS)
    except Violation as violation:
        return str(violation)
    return None


def two_checkpoints(seed):
    """A liar signs two checkpoints of each index; says what does not hold then."""
    cluster = Cluster(4, FaultModel.BYZANTINE, seed, liars={3: "vouch-twice"}, depth=4)
    cluster.start_all()
    try:
        for number in range(30):
            cluster.say(cluster.honest[number % 3], b"word %d" % number)
            cluster.run(0.1)
        cluster.assert_agreed(SECONDS)
    except Violation as violation:
        return str(violation)
    return None


def triplets(seed):
    """A liar of four signs up to three blocks a round, whose votes differ, on a network that mixes up what is sent.

    Says where a slot is decided twice, or the logs differ.
    """
    net = Lockstep(4, silent=[3])
    net.liars[3] = Liar(net, 3, Random(seed), invalid=False, twins=3).hear
    for place in net.live:
        net.perform(place, net.hosts[place].core.receive(LinkUp(member(3)), net.now))
    chance = Random(f"delays/{seed}")

    def late(source, target, data):
        delayed = chance.random() < 0.4
        if delayed:
            net.wire.append((net.now + chance.randrange(2, 12) * MILLISECOND, source, target, data))
        return delayed

    net.lose = late
    for number in range(12):
        net.say(number % 3, b"word %d" % number)
        net.run(4 * MILLISECOND)
    net.lose = lambda source, target, data: False
    net.run()
    forks = [host.core.order.committer.forked for host in net.hosts[:3]]
    if any(forks):
        return f"slots that are decided twice: {forks}"
    logs = sorted((net.hosts[place].core.log_digests() for place in net.live), key=len)
    return "logs differ" if any(log != logs[-1][: len(log)] for log in logs) else None


def three_faces(seed):
    """A liar signs three blocks for a round: two certify a leader, on one an anchor rests. There is no chance in it.

    Of the leader C of round 2 there are two certificates in round 4 by authors, A's and the liar's, and three by
    blocks. B's block of round 5 rests on none of them and is committed. Says where two members decide differently: one
    that hears of the certificates first, and one that hears of the liar's after everything else.
    """
    a, b, c, liar = range(4)
    roster = make_roster(4, slots=1)
    made: dict[tuple[object, ...], Block] = {}

    def make(author, round_, others, face=b""):
        names = [(author, round_ - 1), *((place, round_ - 1) for place in others if place != author)]
        parents = [made[name].ref for name in names] if round_ else [genesis(roster, author)]
        block = make_block(roster, signer(author), round_, parents, (), [face] if face else [])
        return made.setdefault((author, round_, face) if face else (author, round_), block)

    early = [make(author, round_, range(4)) for round_ in range(3) for author in range(4)]
    votes = {a: (a, c, liar), b: (a, b, liar), c: (a, b, c), liar: (a, c, liar)}
    early += [make(author, 3, seen) for author, seen in votes.items()]
    certifies = [make(a, 4, (b, c, liar))]
    certifies_twice = [make(liar, 4, (a, c), face) for face in (b"one", b"other")]
    rest = [make(author, 4, (a, b, c)) for author in (b, c)]
    rest += [make(liar, 4, (a, b))]
    rest += [make(b, 5, (c, liar)), make(a, 5, (b, c)), make(c, 5, (a, b))]
    rest += [make(author, round_, (a, b, c)) for round_ in range(6, 9) for author in (a, b, c)]
    told = [
        _decisions(roster, [*early, *certifies, *certifies_twice, *rest]),
        _decisions(roster, [*early, *certifies, *rest, *certifies_twice]),
    ]
    assert min(map(len, told)) > 3
    return None if told[0] == told[1] else f"logs differ: {told[0]} and {told[1]}"


def _decisions(roster, blocks):
    """The slots that one who accepts blocks in this order decides, each with whether it is committed."""
    dag = Dag(roster)
    committer = Committer(roster, dag)
    decided = []
    for block in blocks:
        dag.add(block)
        committer.add(block)
        decided += committer.decide()
    return [(slot, isinstance(verdict, Commit)) for slot, verdict in decided]
