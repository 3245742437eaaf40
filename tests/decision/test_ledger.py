"""Every booking sums to zero, to the last minor unit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.entries import Kind
from mechdesign.decision.ledger import Ledger, split
from mechdesign.decision.messages import Aborted, Answers, Decided
from mechdesign.group.messages import Broadcast
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.flow import DEPOSIT, Flow, net
from tests.decision.toys import NAMES, Cluster, Plan

minor = st.integers(0, 10**9)


@given(units=minor, parties=st.integers(1, 9), decimals=st.integers(0, 4))
def test_a_split_is_exact_fair_and_in_roster_order(units: int, parties: int, decimals: int) -> None:
    unit = Fraction(1, 10**decimals)
    shares = [share for _, share in split(units * unit, NAMES[:parties], decimals)]
    assert sum(shares) == units * unit
    assert all((share / unit).denominator == 1 for share in shares)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] in {0, unit}


@given(units=minor, players=st.integers(0, 6), lost=st.sets(st.sampled_from(NAMES[:6])))
def test_closing_empties_the_deposits_whoever_forfeits(units: int, players: int, lost: set[str]) -> None:
    names = NAMES[:players]
    ledger = Ledger(names, Fraction(units, 100), 2)
    assert sum(amount for _, amount in ledger.balances) == 0
    ledger.close(lost)
    ends = net(ledger.flows)
    assert sum(ends.values()) == 0
    assert ends.get(DEPOSIT, 0) == 0
    for name in names:
        if name in lost and units:
            assert ends[name] == -Fraction(units, 100)
        else:
            assert ends.get(name, 0) >= 0


@pytest.mark.parametrize(
    ("payer", "payee"), [("alice", "zoe"), ("alice", DEPOSIT), (DEPOSIT, "alice"), ("NOBODY", "alice")]
)
def test_a_mechanism_moves_money_between_players_and_named_accounts_only(payer: str, payee: str) -> None:
    ledger = Ledger(("alice", "bob"), Fraction(1), 0)
    with pytest.raises(LocalProtocolError):
        ledger.check([Flow(payer, payee, Fraction(1), "price")])
    ledger.check([Flow("alice", "bob", Fraction(1), "price"), Flow("bob", "SELLER", Fraction(1), "price")])


@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_balances_sum_to_zero_at_every_log_position(n: int) -> None:
    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        return [] if place == 0 and said.kind == Kind.OPEN else [said]

    cluster = Cluster(n, plan=Plan((True, True)), twist=twist)
    cluster.propose(deposit=Fraction(7, 2), decimals=1, sanctions=("forfeit",))
    seen = 0

    def check() -> int:
        events = cluster.sessions[0].events
        for event in events[seen:]:
            if isinstance(event, Answers):
                assert sum(amount for _, amount in event.balances) == 0
                assert dict(event.balances)[DEPOSIT] == n * Fraction(7, 2)
            if isinstance(event, Decided | Aborted):
                assert net(event.flows)[DEPOSIT] == 0
                held = {line.party: line.amount for line in cluster.cores[0].balances}
                assert held == {party: amount for party, amount in net(event.flows).items() if amount}
                assert sum(held.values()) == 0
        return len(events)

    while True:
        if not cluster.step():
            if not cluster.cores[0].status():
                break
            cluster.wait(5000)
        seen = check()
    assert cluster.decided(0).agrees
