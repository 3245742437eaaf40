"""`mechdesign ledger` over an epoch in which somebody proposed what nobody else has the code of."""

from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from mechdesign.cli.roster_files import render_roster
from mechdesign.decision.messages import Receipt
from mechdesign.group.journal import Journal
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession, SessionProposed
from mechdesign.mechanisms.session import lookup_with
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run

HOUSE = {"SELLER": "the house"}


class Unknown(SecondPrice):
    """A rule that the liar alone has."""

    name = "auction.unknown"


def bid(place: int, asked: object) -> Fraction:
    return Fraction(10 + 10 * place)


@pytest.mark.parametrize("seed", range(3))
def test_what_a_custodian_received_for_a_session_that_too_few_have_the_code_of_is_in_the_export(
    tmp_path: Path, seed: int
) -> None:
    cluster = StackCluster([partial(bid, place) for place in range(4)], seed, real=True)
    cluster.lookups[0] = cluster.lookups[3] = lookup_with(Unknown)

    def pay(place: int, told: SessionProposed) -> None:
        if place == 0:
            receipt = Receipt(told.session, cluster.roster.ids[3], Fraction(5), "by hand")
            cluster.simulator.at(cluster.simulator.now, lambda: cluster.simulator.submit(0, receipt))

    cluster.simulator.watch(SessionProposed, pay)
    cluster.start()
    terms = {"accounts": HOUSE, "asked": ("dave",), "deposit": Fraction(5), "custodian": "alice", **phases(9_000)}
    cluster.propose(3, ProposeSession(mechanism=Unknown(), **terms))
    assert cluster.run(1)
    roster = tmp_path / "roster.toml"
    roster.write_text(render_roster(cluster.roster, {}))
    held = []
    for place in (0, 1):
        path = tmp_path / f"journal-{place}.sqlite3"
        with Journal(path, cluster.roster.ids[place], cluster.roster.digest) as journal:
            journal.write(cluster.simulator.processes[place].disk.records())
        told = run("ledger", "balances", path, "--roster", roster, "--json")
        assert told.code == 0, told.err
        held.append({each["party"]: Fraction(each["amount"]) for each in told.json["balances"]})
    assert held == [{"dave": 5, "CUSTODY": -5}] * 2


def test_a_session_that_nobody_could_follow_keeps_no_journal_from_being_read(tmp_path: Path) -> None:
    cluster = StackCluster([partial(bid, place) for place in range(4)], 1, real=True)
    cluster.lookups[3] = lookup_with(Unknown)
    cluster.start()
    terms = {"accounts": HOUSE, "asked": ("dave",), "deposit": Fraction(5), **phases(9_000)}
    cluster.propose(3, ProposeSession(mechanism=Unknown(), **terms))
    cluster.simulator.run(5 * SECOND)
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(), accounts=HOUSE, **phases(9_000)))
    assert cluster.run(2)
    path = tmp_path / "journal.sqlite3"
    with Journal(path, cluster.roster.ids[0], cluster.roster.digest) as journal:
        journal.write(cluster.simulator.processes[0].disk.records())
    roster = tmp_path / "roster.toml"
    roster.write_text(render_roster(cluster.roster, {}))
    told = run("ledger", "balances", path, "--roster", roster, "--json")
    assert told.code == 0, told.err
    assert {each["party"]: Fraction(each["amount"]) for each in told.json["balances"]} == {"dave": -30, "the house": 30}
