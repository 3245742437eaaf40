"""Which entry of a values file answers in which session: what a player has no part in moves nothing."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mechdesign.cli.node_files import ValuesFile, load_values_file
from mechdesign.cli.notebook import Counted
from mechdesign.cli.values import ValuesStrategy
from mechdesign.decision.proposal import nonce_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import Asked, ProposeSession, SessionProposed, Settled
from mechdesign.player import truthful
from mechdesign.testing.stacks import StackCluster, phases

VALUES = ValuesFile.model_validate({"answer": [{"mechanism": "*", "value": "90"}, {"mechanism": "*", "value": "2"}]})


BOB = MemberId(bytes([2]) * 32)
OF_BOB = ValuesFile.model_validate(
    {
        "answer": [
            {"value": "1"},
            {"value": "2"},
            {"proposer": "bob", "value": "10"},
            {"proposer": "bob", "value": "20"},
            {"proposer": "bob", "label": "boat", "value": "100"},
        ]
    }
)


def proposed(
    session: int, answer: str = "enrolled", mechanism: str = "m/1", proposer: str = "carol", label: str = ""
) -> SessionProposed:
    key = BOB if proposer == "bob" else MemberId(bytes([3]) * 32)
    of = SimpleNamespace(proposer=proposer, key=key, nonce=nonce_of(label, key) if label else bytes(16))
    event = SimpleNamespace(mechanism=mechanism, session=bytes([session]), answer=answer, **vars(of))
    return cast(SessionProposed, event)


def asked(session: int, mechanism: str = "m/1") -> Asked:
    about: Any = SimpleNamespace(
        identifier=mechanism, type_schema=lambda: Fraction, truthful=lambda value, ask: Fraction(value)
    )
    return cast(Asked, SimpleNamespace(session=bytes([session]), player="alice", ask=None, mechanism=about))


def bids(cluster: StackCluster) -> list[Any]:
    """What alice bid in each session."""
    return [end.reports["alice"] for end in cluster.ended[1].values() if isinstance(end, Settled)]


def test_the_second_entry_answers_in_the_second_session_and_in_all_later_ones() -> None:
    strategy = ValuesStrategy(VALUES)
    for session in range(3):
        strategy.proposed(proposed(session))
    assert [strategy(asked(session)) for session in range(3)] == [90, 2, 2]


@pytest.mark.parametrize("answer", ["declined", "not asked"])
def test_a_session_that_it_has_no_part_in_moves_no_answer(answer: str) -> None:
    strategy = ValuesStrategy(VALUES)
    strategy.proposed(proposed(0, answer))
    strategy.proposed(proposed(1))
    assert strategy(asked(1)) == 90


def test_a_session_that_is_told_again_counts_once_and_each_mechanism_by_itself() -> None:
    strategy = ValuesStrategy(VALUES)
    for event in (proposed(0), proposed(0), proposed(1, mechanism="other/1"), proposed(2)):
        strategy.proposed(event)
    assert [strategy(asked(0)), strategy(asked(1, "other/1")), strategy(asked(2))] == [90, 90, 2]


def test_nobody_moves_the_answers_to_another_members_proposals_nor_any_proposal_that_of_a_label() -> None:
    strategy = ValuesStrategy(OF_BOB)
    for event in (
        proposed(0),
        proposed(1, proposer="bob"),
        proposed(2, label="boat"),
        proposed(3, proposer="bob", label="boat"),
        proposed(4, proposer="bob"),
        proposed(5),
    ):
        strategy.proposed(event)
    assert [strategy(asked(session)) for session in range(6)] == [1, 10, 2, 100, 20, 2]


def test_a_rivals_auction_that_its_policy_joins_does_not_change_its_bid_in_the_one_it_came_for() -> None:
    values = [{"proposer": "bob", "value": "90"}, {"value": "2"}]
    alice = ValuesStrategy(ValuesFile.model_validate({"answer": values}))
    cluster = StackCluster([alice, *(truthful(Fraction(10 + place)) for place in range(3))], 3)
    cluster.simulator.watch(SessionProposed, lambda place, event: alice.proposed(event) if place == 0 else None)
    cluster.start()
    cluster.run(1, seconds=1)
    cluster.propose(3, ProposeSession(mechanism=SecondPrice(), asked=("alice",), **phases(300)))
    assert cluster.run(1, seconds=30)
    cluster.propose(1, ProposeSession(mechanism=SecondPrice(), **phases(300)))
    assert cluster.run(2, seconds=30)
    assert bids(cluster)[-1] == 90


def test_the_label_is_the_one_under_which_the_proposal_was_made() -> None:
    values = [{"value": "2"}, {"proposer": "bob", "label": "boat", "value": "90"}]
    alice = ValuesStrategy(ValuesFile.model_validate({"answer": values}))
    cluster = StackCluster([alice, *(truthful(Fraction(10 + place)) for place in range(3))], 3)
    cluster.simulator.watch(SessionProposed, lambda place, event: alice.proposed(event) if place == 0 else None)
    cluster.start()
    cluster.run(1, seconds=1)
    for many, (place, label) in enumerate(((3, "boat"), (1, "house"), (1, "boat")), start=1):
        cluster.propose(place, ProposeSession(mechanism=SecondPrice(), label=label, **phases(300)))
        assert cluster.run(many, seconds=30)
    assert bids(cluster) == [2, 2, 90]


def test_a_player_that_is_started_again_in_a_later_epoch_goes_on_with_the_same_count() -> None:
    noted: list[Counted] = []
    first = ValuesStrategy(VALUES, note=noted.append)
    first.proposed(proposed(0))
    again = ValuesStrategy(VALUES, noted)
    for strategy in (first, again):
        strategy.proposed(proposed(1))  # the journal brings back this epoch only
        assert strategy(asked(1)) == 2


def test_a_session_for_which_no_entry_is_there_is_named() -> None:
    strategy = ValuesStrategy(ValuesFile.model_validate({"answer": [{"proposer": "bob", "value": "10"}]}))
    strategy.proposed(proposed(0))
    with pytest.raises(ConfigError, match="no entry for this session of m/1: alice passes"):
        strategy(asked(0))


def test_a_label_needs_its_proposer(tmp_path: Path) -> None:
    file = tmp_path / "values.toml"
    file.write_text('[[answer]]\nlabel = "boat"\nvalue = 1\n')
    with pytest.raises(ConfigError, match=r"answer\[0\].*the label 'boat' is one of somebody's proposals"):
        load_values_file(file)
