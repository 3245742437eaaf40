"""Every mechanism settles over the whole stack, with an adversary among the members, on the pure result."""

from typing import Any

import pytest

from mechdesign.mechanisms import registry
from mechdesign.mechanisms.base import Mechanism
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.describe import needs_funder
from mechdesign.mechanisms.flow import Account
from mechdesign.mechanisms.inputs import strategies_for
from mechdesign.mechanisms.play import run_pure
from mechdesign.settlement import settle
from mechdesign.testing.distributed_checks import (
    ADVERSARIES,
    check_distributed_run,
    check_the_distributed_run_is_the_pure_one,
    one_value_each,
)
from mechdesign.testing.samples import built

CLASSES = [registry.load(name) for name in registry.BUILT_IN]


def of_each_family() -> list[type[Mechanism[Any, Any, Any]]]:
    """The first mechanism of each family; none of them tosses a coin on its example."""
    chosen: dict[str, type[Mechanism[Any, Any, Any]]] = {}
    for cls in CLASSES:
        chosen.setdefault(cls.name.partition(".")[0], cls)
    return list(chosen.values())


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_four_members_of_whom_one_cheats_settle_on_the_pure_result(cls: type[Mechanism[Any, Any, Any]]) -> None:
    check_the_distributed_run_is_the_pure_one(cls)


@pytest.mark.parametrize("kind", ADVERSARIES)
@pytest.mark.parametrize("name", ["auction.second-price", "voting.borda", "public.sequential-groves"])
def test_no_kind_of_adversary_changes_the_result(name: str, kind: str) -> None:
    check_distributed_run(registry.load(name), kind, seed=2)


@pytest.mark.parametrize("cls", of_each_family(), ids=lambda cls: cls.name)
async def test_one_of_each_family_settles_over_zeromq(cls: type[Mechanism[Any, Any, Any]]) -> None:
    mechanism = built(cls)
    values = one_value_each(mechanism)
    strategies = strategies_for(mechanism, values)
    seats = {player: (lambda asked, answer=answer: answer(asked.ask)) for player, answer in strategies.items()}
    outside = {"FUNDER": "the treasury"} if needs_funder(cls) and Account.FUNDER in cls.accounts else {}
    settled = await settle(mechanism, seats, transport="tcp", accounts=outside)
    pure = run_pure(mechanism, Context(tuple(values)), strategies)
    assert mechanism.canonical_result(settled.result) == mechanism.canonical_result(pure)
