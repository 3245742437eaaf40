"""Whole stacks under the simulator: crashes, bad weather and cheaters, and still one outcome, the pure one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import Field

import mechdesign
from mechdesign.group.roster import FaultModel
from mechdesign.kernel.machine import SECOND
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.auction.first_price import FirstPrice
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.cost.equal_share import EqualShare
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.flow import Account, pay
from mechdesign.mechanisms.play import PASS, Ask, Run, ask
from mechdesign.mechanisms.result import Outcome, Result
from mechdesign.mechanisms.session import lookup_with
from mechdesign.testing.bookkeeper import bookkept
from mechdesign.testing.misbehaviour import KINDS, misbehave
from mechdesign.testing.network import CALM, Weather
from mechdesign.testing.stacks import NAMES, StackCluster, phases

MILLISECOND = SECOND // 1000


@pytest.fixture(autouse=True)
def books() -> Iterator[None]:
    """In every run somebody else keeps the members' books, too, and compares at every position of the log."""
    with bookkept() as keepers:
        yield
    assert all(keeper.looked for keeper in keepers.values())


class Price(Outcome):
    """Who stayed longest, and at which price."""

    winner: str | None = None
    price: Amount = Fraction(0)


class Clock(Mechanism[Amount, bool, Price]):
    """The price rises by steps, and whoever says no is out; the last one in buys at the price it stands at."""

    name, version = "auction.test-clock", 1
    accounts = (Account.SELLER,)
    step: Amount = Field(default=Fraction(5))
    sealed: bool = True

    def play(self, context):
        active, price = context.players, self.step
        while len(active) > 1 and price < 100:
            answers = yield from ask(bool, of=active, sealed=self.sealed, price=str(price))
            staying = tuple(player for player in active if answers.get(player, False))
            if not staying:
                break
            active, price = staying, price + self.step
        winner = active[0]
        return Result(Price(winner=winner, price=price), pay(winner, Account.SELLER, price, "price"))

    def truthful(self, value, ask):
        return value >= Fraction(ask.info["price"])


MECHANISMS: tuple[Mechanism[Any, Any, Any], ...] = (
    SecondPrice(reserve=Fraction(2)),
    FirstPrice(),
    EqualShare(cost=Fraction(10)),
    Clock(),
    Clock(sealed=False, step=Fraction(8)),
)
WEATHERS = (
    CALM,
    Weather(delay_us=5_000, jitter_us=20_000),
    Weather(loss=0.1, repeat=0.1, straggle=0.05, straggle_us=300_000),
)


def answers_of(mechanism, value):
    """A strategy that answers truthfully, or passes where the value is None."""

    def strategy(asked):
        return PASS if value is None else mechanism.truthful(value, asked.ask)

    return strategy


WITHOUT = ("crash", "withhold", "rubbish")
# Crashes are drawn apart; the last two do nothing where there is no roll.


class Story:
    """What happens in the run that a seed names."""

    def __init__(self, seed: int) -> None:
        chance = Random(f"stack-story4/{seed}")
        self.n = chance.choice((1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 6, 7))
        self.mechanism = chance.choice(MECHANISMS)
        self.values = [None if chance.random() < 0.1 else Fraction(chance.randrange(25)) for _ in range(self.n)]
        self.faults = chance.choice((FaultModel.default(self.n), FaultModel.default(self.n), FaultModel.MAJORITY))
        bears_liars = self.faults is FaultModel.BYZANTINE and self.faults.liars(self.n) > 0
        self.cheater = chance.randrange(self.n) if bears_liars and chance.random() < 0.6 else None
        self.kind = chance.choice([kind for kind in KINDS if kind not in WITHOUT])
        self.crashes = [
            (chance.randrange(200) * MILLISECOND, chance.randrange(self.n), chance.randrange(5, 2000) * MILLISECOND)
            for _ in range(chance.randrange(4))
        ]
        # Long beside every pause in the story where all are honest: then nobody is late, and every report counts.
        phase_ms = 60_000 if self.cheater is None else 9_000
        self.proposal = ProposeSession(
            mechanism=self.mechanism,
            seal=chance.choice(("threshold", "threshold", "commit_reveal", "open")),
            deposit=Fraction(chance.choice((0, 5))),
            **phases(phase_ms),
            label="the one session",
        )
        self.cluster = StackCluster(
            [answers_of(self.mechanism, value) for value in self.values],
            seed,
            faults=self.faults,
            cheaters={} if self.cheater is None else {self.cheater: misbehave(self.kind)},
            weather=chance.choice(WEATHERS),
            real=seed % 20 == 0,
            lookup=lookup_with(Clock),
        )

    def play(self) -> None:
        """Start everybody, propose, crash and restart as the story says, until all honest members saw the end."""
        cluster, simulator = self.cluster, self.cluster.simulator
        cluster.start()
        proposer = cluster.honest[0]
        cluster.propose(proposer, self.proposal)
        for start, place, pause in self.crashes:
            if place != self.cheater:
                simulator.at(simulator.now + start, partial(simulator.crash, place, 3))
                simulator.at(simulator.now + start + pause, partial(self._restart, place, proposer))
        assert cluster.run(seconds=600), f"no end: {[list(ended) for ended in cluster.ended]}"

    def truthful_result(self):
        """What the mechanism makes of the truth, with no network at all."""
        values = dict(zip(NAMES, self.values, strict=False))
        run = Run(self.mechanism, Context(tuple(values)))
        while isinstance(ask := run.request, Ask):
            present = [player for player in ask.of if values[player] is not None]
            run.answer({player: self.mechanism.truthful(values[player], ask) for player in present})
        assert run.result is not None
        return run.result

    def _restart(self, place: int, proposer: int) -> None:
        simulator = self.cluster.simulator
        simulator.crash(place)
        simulator.start(place)
        if place == proposer:
            simulator.submit(place, self.proposal)  # its configuration still says so; the label makes it the same one


SEEDS = 64


def test_the_stories_tell_what_they_are_meant_to():
    stories = [Story(seed) for seed in range(SEEDS)]
    assert {story.n for story in stories} == set(range(1, 8))
    assert {type(story.mechanism) for story in stories} == {type(mechanism) for mechanism in MECHANISMS}
    assert sum(bool(story.crashes) for story in stories) >= SEEDS // 2
    cheaters = [story.kind for story in stories if story.cheater is not None]
    assert {"equivocate", "wrong-outcome", "no-reveal", "bad-opening", "bad-report", "early-share"} <= set(cheaters)
    assert sum(None in story.values for story in stories) >= 5


@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_honest_members_settle_on_the_pure_result(seed):
    story = Story(seed)
    story.play()
    cluster = story.cluster
    ends = cluster.settled()
    assert len(ends) == len(cluster.honest), "one proposal, one session, although it was proposed again"
    assert len({end.digest for end in ends}) == 1
    assert len({end.transcript for end in ends}) == 1
    end = ends[0]
    pure = Run(story.mechanism, Context(end.players))
    for answers in end.answers:
        pure.answer(answers)
    assert pure.result == end.result
    assert pure.result is not None
    exact = pure.result.transfers(end.players)
    assert all(abs(exact[player] - end.transfers[player]) < 1 for player in end.players)
    assert sum(end.transfers.values()) + sum(end.accounts.values()) == 0
    honest_names = {NAMES[place] for place in cluster.honest}
    convicts = {member for place in cluster.honest for member, _ in cluster.convicted[place]}
    assert not convicts & honest_names, "an honest member was convicted"
    if story.cheater is None:
        assert end.players == NAMES[: story.n]
        assert end.outcome == story.truthful_result().outcome


@pytest.mark.parametrize("seed", [3, 11])
def test_a_seed_replays_to_the_same_history(seed):
    histories = []
    for _ in range(2):
        story = Story(seed)
        story.play()
        histories.append(story.cluster.simulator.digest)
    assert histories[0] == histories[1]


def test_the_hash_seed_of_the_process_changes_nothing():
    script = f"import runpy; story = runpy.run_path({__file__!r})['Story'](9)"
    script += "; story.play(); print(story.cluster.simulator.digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(mechdesign.__file__).parent.parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
