"""Kinds of liars and of trouble are not only drawn in the runs of the campaign: they do something there.

Of each kind of liar there is a run in which it acts, and in the long form there are three where the members change.
"""

from collections import Counter

import pytest

from mechdesign.group.messages import Compact, EvidenceFound
from mechdesign.testing import runs
from mechdesign.testing.changes import CHANGING_KINDS
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.disk import Disk
from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.testing.frames import frame_reader
from mechdesign.testing.network import Network
from mechdesign.testing.schedule import draw
from mechdesign.testing.view_cluster import ViewCluster
from tests.simulation.acts import TWIN_MAKERS, Twins, after, count_acts

STEADY = {
    "equivocate": 130,
    "split": 54,
    "two-faced": 18,
    "conspire": 119,
    "hide": 362,
    "rewind": 123,
    "withhold": 465,
    "select": 302,
    "snub": 3,
    "race": 20,
    "replay": 25,
    "induce": 214,
    "flood": 55,
    "forge": 46,
    "boast": 14,
    "stall": 222,
    "silent": 51,
    "promise": 140,
}
"""Of each kind a run that heals, of members that stay the same, in which it acts."""

CHANGING = {
    "equivocate": (533, 365, 925),
    "split": (2157, 85, 2733),
    "conspire": (141, 501, 2421),
    "hide": (4741, 1397, 2421),
    "rewind": (2069, 645, 1181),
    "withhold": (1509, 3965, 453),
    "select": (277, 1269, 1605),
    "snub": (885, 437, 317),
    "race": (373, 1501, 957),
    "replay": (2205, 965, 1589),
    "induce": (1309, 5, 973),
    "flood": (1261, 2517, 429),
    "forge": (4485, 541, 2709),
    "boast": (245, 869, 1797),
    "stall": (845, 5141, 693),
    "silent": (389, 101, 1605),
    "unready": (13, 565, 1205),
    "unsigned": (821, 509, 757),
    "two-ended": (229, 3117, 2813),
    "misguide": (293, 941, 53),
    "linger": (309, 1845, 517),
    "haunt": (269, 77, 13),
    "last-wave": (453, 829, 1277),
    "two-groups": (805, 1061, 573),
    "forge-letters": (765, 6317, 3845),
    "replay-letters": (181, 253, 3189),
    "reorder-letters": (261, 2645, 557),
    "swindle": (7165, 2285, 2037),
    "swallow": (381, 3397, 3541),
}
"""Of each kind three runs that heal, of members that come and go, in which it acts."""

FIRST = {kind: CHANGING[kind][0] for kind in CHANGING_KINDS if kind not in STEADY}
"""The first of each kind that acts in no steady run is played by `make test`."""

PLAYED = frozenset({*STEADY.values(), *FIRST.values()})
"""The runs that `make test` plays here."""


def play(seed, acts):
    """Play a run that must hold; adds to the acts those of the makers of twins."""
    scenario = draw(seed)
    cluster = Cluster.of(scenario) if scenario.changes is None else ViewCluster.of(scenario)
    twins = Twins(cluster, frame_reader(cluster.roster) if isinstance(cluster, Cluster) else cluster.epochs.read_frame)
    for effect in (Compact, EvidenceFound):
        cluster.simulator.watch(effect, lambda place, told: acts.update([type(told).__name__]))
    violation = runs._violation(cluster, scenario)
    assert violation is None, f"seed {seed}: {violation}"
    for place, kind in scenario.liars:
        if kind in TWIN_MAKERS:
            acts[kind] += twins.made(place)


def count_trouble(patch):
    """Count what the network and the disks do to the members from now on."""
    trouble: Counter[str] = Counter()
    newest: dict[object, int] = {}

    def arrived(network, instants, source, target, now):
        link = network, source, target
        trouble["cut"] += not network.passes(source, target)
        trouble["lost"] += not instants and network.passes(source, target)
        trouble["repeated"] += len(instants) > 1
        trouble["overtaken"] += any(instant < newest.get(link, 0) for instant in instants)
        newest[link] = max((newest.get(link, 0), *instants))

    def crashed(disk, lost, *_):
        trouble["crashed"] += 1
        trouble["writes lost"] += lost > 0

    after(patch, Network, "arrivals", arrived)
    after(patch, Disk, "crash", crashed)
    return trouble


def test_each_kind_of_liar_and_of_trouble_acts_in_runs_of_members_that_stay_the_same(monkeypatch):
    acts, trouble, idle = count_acts(monkeypatch), count_trouble(monkeypatch), []
    assert {*STEADY} == {*LIAR_KINDS, "promise"}
    for kind, seed in STEADY.items():
        before = acts[kind]
        play(seed, acts)
        idle += [] if acts[kind] > before else [kind]
    assert not idle
    for name in ("cut", "lost", "repeated", "overtaken", "crashed", "writes lost"):
        assert trouble[name] > 0, name
    assert acts["Compact"] > 0
    assert acts["EvidenceFound"] > 0


def changing_cases():
    for kind in CHANGING_KINDS:
        for seed in CHANGING[kind]:
            yield pytest.param(kind, seed, marks=[] if FIRST.get(kind) == seed else pytest.mark.long)


@pytest.mark.parametrize(("kind", "seed"), list(changing_cases()))
def test_a_liar_acts_where_members_come_and_go_and_every_promise_holds_beside_it(kind, seed, monkeypatch):
    acts = count_acts(monkeypatch)
    play(seed, acts)
    assert acts[kind] > 0
