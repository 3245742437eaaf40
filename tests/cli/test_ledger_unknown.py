"""`mechdesign ledger` over an epoch in which somebody proposed what nobody else has the code of."""

from fractions import Fraction
from functools import partial
from pathlib import Path

from mechdesign.cli.roster_files import render_roster
from mechdesign.group.journal import Journal
from mechdesign.kernel.machine import SECOND
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import ProposeSession
from mechdesign.mechanisms.session import lookup_with
from mechdesign.testing.stacks import StackCluster, phases
from tests.cli.command_line import run

HOUSE = {"SELLER": "the house"}


class Unknown(SecondPrice):
    """A rule that the liar alone has."""

    name = "auction.unknown"


def bid(place: int, asked: object) -> Fraction:
    return Fraction(10 + 10 * place)


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
