"""In how many rounds what honest members say is ordered at all of them, once the network is good: our promise.

Let n, b and q be those of the roster, and W = 3(b + 2) the rounds above the last committed leader after which a member
waits for everybody, for twice as long after each further W. The argument, for a word that is said now:

* It is in the next block of its author, or in one of the next where more waits than a payload holds; and the last
  member may see it ordered while the first begin another round: 3 rounds, one more for each block in the queue, and one
  where not every block may be a leader.
* Where every honest member's block is heard in time, a slot of one that is heard and does not lie is committed at its
  second round. A slot that a *disturber* spoils (a liar, a dead member, one that is heard by some in time and by others
  not, a network that loses frames) may be left to an anchor three rounds later, and its anchor again; the slots rotate,
  so there is another first slot each time: 3 rounds for each disturber, and 3 for the slot that decides.
* Chance may leave out an honest member so that nothing is committed for W rounds. Liars that choose whom a quorum is
  made of may go on with it, and so may the network where a quorum has to be made with members that are always late, for
  then it leaves out the same ones again and again: for W more with each doubling that the wait needs until it is longer
  than the slowest frame takes between members of which a quorum has to be made. No such stretch is there where a quorum
  is everybody.
* Where a quorum is there without the *late* (those with a slow link, slow frames or lagging timers), liars among it or
  not, it makes rounds as fast as its frames pass. A word of a late member takes its time to reach them, and the log to
  come back: as many rounds more as fit into that. But with nothing else to order the quick ones stop: then it takes no
  more than what the quick ones wanted ordered, and itself. Where the depth is small its word may be collected
  meanwhile; when that has happened twice it says nothing until they are silent (``group/turn.py``).

A late member is heard beside others that never fall silent only where what it says is not collected before it arrives:
see :func:`bears`. Else it waits until they have nothing to say.
"""

from collections.abc import Collection, Sequence

from mechdesign.group.roster import Roster
from mechdesign.kernel.config import GroupConfig, microseconds
from mechdesign.kernel.machine import Instant
from mechdesign.testing.scenario import Scenario
from mechdesign.testing.topologies import diameter

__all__ = ["bears", "patience", "rounds_promised"]

_DOUBLINGS_MAX = 6


def patience(roster: Roster) -> int:
    """After how many rounds of its own above the last committed leader a member waits for everybody."""
    return 3 * (roster.b + 2)


def rounds_promised(
    scenario: Scenario,
    roster: Roster,
    config: GroupConfig,
    queued: int = 0,
    *,
    lasting: Collection[int] | None = None,
    liars: int | None = None,
) -> int:
    """Within how many rounds anything said after the healing of a scenario is ordered at all honest members.

    Args:
        scenario: who lies, is dead or slow, and what the network is like from the healing on.
        roster: of the group.
        config: how long its members wait.
        queued: how many blocks a member needs for what waits at the healing already.
        lasting: places of the honest members of the roster that are there; by default all that the scenario leaves.
        liars: how many others of the roster lie; by default all that do.
    """
    here = scenario.lasting if lasting is None else tuple(sorted(lasting))
    lying = len(scenario.liars) if liars is None else liars
    late = _late(scenario, here)
    disturbers = roster.n - len(here) + late + bool(scenario.after.loss)
    rounds = 3 + queued + (roster.slots_per_round < roster.n) + 3 * (disturbers + 1)
    if roster.q < roster.n:
        needed = len(here) - late < roster.q
        slowest = _slowest(scenario, here) + (2 * _extra(scenario, here) if needed else 0)
        rounds += patience(roster) * (1 + (_doublings(config, slowest) if lying or needed else 0))
    if late and len(here) - _fewest_late(scenario, here) + lying >= roster.q:
        rounds += _behind(scenario, here) if scenario.load else rounds
    return rounds


def bears(scenario: Scenario) -> bool:
    """Whether the collection depth leaves late members the rounds to have their words ordered beside others'."""
    here = scenario.lasting
    return not _late(scenario, here) or scenario.depth > _behind(scenario, here) + 3 * (len(scenario.liars) + 2)


def _late(scenario: Scenario, here: Sequence[int]) -> int:
    """How many honest members last from or to which something takes longer than between the others."""
    ends = {place for source, target, _ in scenario.slow_links for place in (source, target)}
    slow = scenario.slowness_us, scenario.lags_us
    return sum(place in ends or any(by_place[place] for by_place in slow) for place in here)


def _fewest_late(scenario: Scenario, here: Sequence[int]) -> int:
    """How many have to be left out, at the least, until nothing slow is between the others."""
    out = {place for place in here if scenario.slowness_us[place] or scenario.lags_us[place]}
    fewest = len(out)
    for source, target, _ in scenario.slow_links:
        if source in here and target in here and not {source, target} & out:
            out |= {source, target}
            fewest += 1
    return fewest


def _slowest(scenario: Scenario, here: Sequence[int]) -> Instant:
    """How long a frame takes at most between two that are not late, over as many links as that needs."""
    weather = scenario.after
    hops = 1 if scenario.edges is None else diameter(scenario.edges, here)
    # One that is lost is asked for by whoever meets a reference to it, and sent again.
    again = 3 if weather.loss else 1
    return hops * again * (weather.delay_us + 4 * weather.jitter_us)


def _extra(scenario: Scenario, here: Sequence[int]) -> Instant:
    """How much longer a frame from or to a late member takes at most."""
    slow, links = scenario.slowness_us, {(source, target): us for source, target, us in scenario.slow_links}
    pairs = [(source, target) for source in here for target in here if source != target]
    frames = (slow[source] + slow[target] + links.get((source, target), 0) for source, target in pairs)
    return max(frames, default=0) + max(scenario.lags_us)


def _behind(scenario: Scenario, here: Sequence[int]) -> int:
    """How many rounds the quick ones make while something goes to the slowest member and comes back."""
    return -(-2 * _extra(scenario, here) // scenario.after.delay_us)


def _doublings(config: GroupConfig, slowest: Instant) -> int:
    """How often the wait doubles until it is longer than that; when it is first the whole, it has doubled once."""
    wait = 2 * microseconds(config.round_timeout_s)
    doublings = 0
    while wait << doublings < slowest and doublings < _DOUBLINGS_MAX:
        doublings += 1
    return doublings
