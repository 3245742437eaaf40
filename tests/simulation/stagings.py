"""Situations on the simulator in which theory says what must, and what cannot, happen."""

from mechdesign.group.committer import CommitRule
from mechdesign.group.roster import FaultModel
from mechdesign.testing.cluster import Cluster, settings
from mechdesign.testing.network import Weather

__all__ = ["ROUGH", "SECONDS", "rough_ride", "split_brain", "split_votes"]

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
