"""One run of a seed from beginning to end, and its outcome as a value."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from mechdesign.group.committer import CommitRule
from mechdesign.testing.cluster import Cluster
from mechdesign.testing.equivocators import EQUIVOCATING_KINDS
from mechdesign.testing.schedule import Scenario, draw
from mechdesign.testing.simulator import Violation

__all__ = ["Outcome", "play", "run_seed"]

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
        ordered: entries of the log.
        violation: what did not hold, or None.
    """

    seed: int
    digest: str
    events: int
    ordered: int
    violation: str | None

    def __str__(self) -> str:
        what = "holds" if self.violation is None else f"VIOLATION: {self.violation}"
        return f"seed {self.seed} ({self.events} events, {self.ordered} ordered, history {self.digest[:16]}): {what}"


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
    cluster.assert_agreed(PATIENCE_S)
    for place, kind in scenario.liars:
        if kind in EQUIVOCATING_KINDS or kind == "rewind":  # whoever rewinds signs twins as well
            # A core that lives with twins under its name may never see its words ordered and so talks for ever, block
            # by empty block; whoever says something keeps the others awake, and this one is not held to silence.
            cluster.simulator.crash(place)
    cluster.assert_quiet()
    # A group that went quiet must wake up for the next word, whoever says it, also when some have only their disks.
    live = cluster.live
    for place in scenario.naps:
        cluster.simulator.crash(place)
    for place in live:
        cluster.start(place)
    for place in live:
        cluster.say(place, b"again %d" % place)
    cluster.assert_agreed(PATIENCE_S)
    if scenario.brisk:
        cluster.assert_prompt()
        # Signatures over checkpoints that were lost are made good by the next exchange of tips.
        cluster.run(SAFETY_S)
        cluster.assert_compact()


def run_seed(seed: int, *, rule: CommitRule | None = None, history: Path | None = None) -> Outcome:
    """Play the scenario of a seed; every exception of a core becomes a violation.

    Args:
        seed: names the run.
        rule: the commit rule, if another than the right one is to be tried.
        history: write every input and effect to this file, a line each.
    """
    scenario = draw(seed)
    cluster = Cluster.of(scenario, rule=rule, keep_history=history is not None)
    try:
        play(cluster, scenario)
        violation = None
    except Violation as error:
        violation = str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        violation = f"{type(error).__name__}: {error} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    simulator = cluster.simulator
    if history is not None:
        history.write_text("\n".join(simulator.history or ()) + "\n")
    return Outcome(seed, simulator.digest, simulator.events, len(cluster.log.entries), violation)
