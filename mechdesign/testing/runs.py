"""One run of a seed from beginning to end, and its outcome as a value."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechdesign.group.committer import CommitRule
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import EQUIVOCATING_KINDS
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.remembered import remembered_reading
from mechdesign.testing.rounds import rounds_promised
from mechdesign.testing.scenario import Scenario
from mechdesign.testing.schedule import draw
from mechdesign.testing.simulated import SimulatedGroup
from mechdesign.testing.simulator import Violation
from mechdesign.testing.view_cluster import ViewCluster

__all__ = ["Outcome", "play", "play_changing", "run_seed"]

SAFETY_S = 3.0
"""Virtual seconds for which a run that does not heal goes on."""

PATIENCE_S = 120.0
"""Virtual seconds after the healing within which everything said must be ordered everywhere."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    Attributes:
        seed: replays it.
        digest: of its history up to the end or the violation.
        events: how many events the driver went through.
        ordered: entries of the log, of all epochs together.
        epochs: how many there were.
        violation: what did not hold, or None.
    """

    seed: int
    digest: str
    events: int
    ordered: int
    epochs: int
    violation: str | None

    def __str__(self) -> str:
        what = "holds" if self.violation is None else f"VIOLATION: {self.violation}"
        epochs = f" in {self.epochs} epochs" if self.epochs > 1 else ""
        did = f"{self.events} events, {self.ordered} ordered{epochs}"
        return f"seed {self.seed} ({did}, history {self.digest[:16]}): {what}"


def play(cluster: Cluster, scenario: Scenario) -> None:
    """Let a scenario happen and hold the group to everything that theory promises of it.

    Raises:
        Violation: a promise was broken.
    """
    cluster.simulator.run(scenario.heal)
    if not scenario.live:
        # Safety alone is promised; the checkers look on for a while.
        cluster.run(SAFETY_S)
        return
    if scenario.load:
        # While the others go on.
        cluster.simulator.run(scenario.load[-1].at)
        cluster.assert_prompt(_promised(cluster, scenario))
    cluster.assert_agreed(PATIENCE_S)
    _stop_equivocators(cluster, scenario)
    cluster.assert_quiet()
    # A group that went quiet must wake up for the next word, whoever says it, also when some have only their disks.
    _nap(cluster, scenario)
    cluster.assert_agreed(PATIENCE_S)
    cluster.assert_prompt(_promised(cluster, scenario))
    if scenario.brisk:
        # Signatures over checkpoints that were lost are made good by the next exchange of tips.
        cluster.run(SAFETY_S)
        cluster.assert_compact()


def _promised(cluster: Cluster, scenario: Scenario) -> int:
    return rounds_promised(scenario, cluster.roster, cluster.config, cluster.queued)


def play_changing(cluster: ViewCluster, scenario: Scenario) -> None:
    """As :func:`play`, where members come and go: those that are wanted have to become the members.

    Raises:
        Violation: a promise was broken.
    """
    assert scenario.changes is not None
    changes, simulator = scenario.changes, cluster.simulator
    simulator.run(scenario.heal)
    if not scenario.live:
        cluster.run_until(lambda: False, SAFETY_S)
        return
    cluster.heal([*scenario.dead, *(sleep.place for sleep in changes.sleeps)], scenario.after)
    cluster.absent = cluster.absent | scenario.dead
    asked = max([scenario.heal, *(step.at for step in changes.steps), *(sleep.back for sleep in changes.sleeps)])
    cluster.run_until(lambda: simulator.now > asked, PATIENCE_S)
    cluster.assert_settled(PATIENCE_S)
    _stop_equivocators(cluster, scenario)
    cluster.assert_quiet()
    _nap(cluster, scenario)
    cluster.assert_settled(PATIENCE_S)
    cluster.assert_quiet()


def _stop_equivocators(cluster: SimulatedGroup, scenario: Scenario) -> None:
    for place, kind in scenario.liars:
        if kind in EQUIVOCATING_KINDS or kind in EPOCH_LIAR_KINDS:
            # A core that lives with twins under its name may never see its words ordered and so talks for ever, block
            # by empty block; whoever says something keeps the others awake, and this one is not held to silence.
            cluster.simulator.crash(place)


def _nap(cluster: Cluster | ViewCluster, scenario: Scenario) -> None:
    """Some of those that are up crash and come back, and then everybody says something."""
    live = cluster.live
    for place in scenario.naps:
        if place in live:
            cluster.simulator.crash(place)
    for place in live:
        cluster.start(place)
    for place in live:
        cluster.say(place, b"again %d" % place)


def _violation(cluster: Cluster | ViewCluster, scenario: Scenario) -> str | None:
    try:
        if isinstance(cluster, Cluster):
            play(cluster, scenario)
        else:
            play_changing(cluster, scenario)
        for place in cluster.live:
            cluster.bounds.look(place)
    except Violation as error:
        return str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    return None


def run_seed(
    seed: int, *, rule: CommitRule | None = None, history: Path | None = None, changing: bool | None = None
) -> Outcome:
    """Play the scenario of a seed; every exception of a core becomes a violation.

    Args:
        seed: names the run.
        rule: the commit rule, if another than the right one is to be tried.
        history: write every input and effect to this file, a line each.
        changing: whether members come and go, if not as the seed says.
    """
    scenario = draw(seed, changing=changing)
    cluster: Cluster | ViewCluster
    options: dict[str, Any] = {"rule": rule, "keep_history": history is not None}
    with remembered_reading():
        cluster = Cluster.of(scenario, **options) if scenario.changes is None else ViewCluster.of(scenario, **options)
        violation = _violation(cluster, scenario)
    simulator = cluster.simulator
    if history is not None:
        history.write_text("\n".join(simulator.history or ()) + "\n")
    told = (
        (len(cluster.log.entries), 1) if isinstance(cluster, Cluster) else (cluster.epochs.ordered, len(cluster.chain))
    )
    return Outcome(seed, simulator.digest, simulator.events, *told, violation)
