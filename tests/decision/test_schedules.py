"""Whatever the order, the crashes and the liars: everyone hears the same, and no honest member is convicted."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechdesign.decision.entries import AttestEntry, Kind, OpenEntry, SealEntry, parse
from mechdesign.decision.messages import Aborted, Convicted, Decided
from mechdesign.decision.transcript import audit, verify_evidence
from mechdesign.group.messages import Broadcast, Exclude
from mechdesign.kernel.flow import DEPOSIT, net
from tests.decision.toys import SILENT, Cluster, Plan, bids

LIES = ("none", "silent", "no opening", "false opening", "other outcome", "copied seal", "two seals")
plans = st.builds(Plan, st.sampled_from([(True,), (False,), (True, True), (False, True), ()]))


def lying(kind: str, liar: int, broadcast: Broadcast, place: int) -> list[Broadcast]:
    """What a liar of this kind has ordered instead of what its honest core would say."""
    said = parse(broadcast.kind, broadcast.data)
    if place != liar:
        return [broadcast]
    match kind, said:
        case ("silent", _) | ("no opening", OpenEntry()):
            return []
        case "false opening", OpenEntry(session, step, _, padded):
            return [Broadcast(broadcast.key, Kind.OPEN, OpenEntry(session, step, bytes(32), padded).encoded)]
        case "copied seal", SealEntry(session, step, _):
            return [Broadcast(broadcast.key, Kind.SEAL, SealEntry(session, step, bytes([7]) * 32).encoded)]
        case "two seals", SealEntry(session, step, _):
            return [broadcast, Broadcast(broadcast.key, Kind.SEAL, SealEntry(session, step, bytes(32)).encoded)]
        case "other outcome", AttestEntry(session, position, inputs, verdict, _):
            other = AttestEntry(session, position, inputs, verdict, bytes(32))
            return [Broadcast(broadcast.key, Kind.ATTEST, other.encoded)]
    return [broadcast]


def shuffled(data: st.DataObject, cluster: Cluster, honest: list[int]) -> None:
    """Order what waits in any order, with restarts and passing time in between."""
    for _ in range(200):
        if not cluster.pending:
            cluster.wait(5000)
            if not cluster.pending and not any(cluster.cores[place].status() for place in honest):
                return
            continue
        at = data.draw(st.integers(0, len(cluster.pending) - 1))
        cluster.pending.insert(0, cluster.pending.pop(at))
        cluster.step()
        if data.draw(st.integers(0, 9)) == 0:
            cluster.restart(data.draw(st.sampled_from(honest)))
        if data.draw(st.integers(0, 19)) == 0:
            cluster.now += 2_000_000
            for place in range(cluster.roster.n):
                cluster.route(place, cluster.cores[place].tick(cluster.now))


@given(
    data=st.data(),
    n=st.sampled_from([4, 5, 7]),
    kind=st.sampled_from(LIES),
    plan=plans,
    sanctions=st.sampled_from(
        [(), ("recompute",), ("forfeit",), ("abort",), ("recompute", "forfeit", "abort"), ("default_report", "exclude")]
    ),
)
def test_every_schedule_ends_alike_for_all_honest_members(
    data: st.DataObject, n: int, kind: str, plan: Plan, sanctions: tuple[str, ...]
) -> None:
    liar = data.draw(st.integers(0, n - 1))
    honest = [place for place in range(n) if place != liar or kind == "none"]
    quiet = data.draw(st.sets(st.sampled_from(honest), max_size=2))
    cluster = Cluster(
        n,
        plan=plan,
        report=lambda place, step: SILENT if place in quiet else bids(place, step),
        twist=lambda place, broadcast: lying(kind, liar, broadcast, place),
    )
    default = b"\x01" if "default_report" in sanctions else None
    cluster.propose(honest[0], deposit=Fraction(7), sanctions=sanctions, default_report=default)
    shuffled(data, cluster, honest)
    endings = [
        [event for event in cluster.sessions[place].events if isinstance(event, Decided | Aborted)] for place in honest
    ]
    assert all(ending == endings[0] for ending in endings)
    (ending,) = endings[0]
    assert net(ending.flows).get(DEPOSIT, 0) == 0
    held = {line.party: line.amount for line in cluster.cores[honest[0]].balances}
    assert held == {party: amount for party, amount in net(ending.flows).items() if amount}
    assert sum(held.values()) == 0
    for place in honest:
        for event in cluster.events(place, Convicted):
            assert isinstance(event, Convicted)
            assert event.member == cluster.roster.ids[liar]
            assert kind in {"false opening", "other outcome"}
            found = verify_evidence(event.evidence, cluster.roster, cluster.scheme)
            assert found == (event.member, event.offence)
        assert cluster.cores[place].balances == cluster.cores[honest[0]].balances
        asked = [effect for effect in cluster.effects[place] if isinstance(effect, Exclude)]
        assert len(asked) == ("exclude" in sanctions and bool(cluster.convicted(place)))
    report = audit(ending.transcript, cluster.scheme, cluster.recompute, cluster.roster)
    if isinstance(ending, Aborted):
        # The clocks of honest members ran out before a quorum had answered: nobody has shown or lost anything.
        assert ending.reason.endswith(f"have said that they have the code, and a quorum is {cluster.roster.q}")
        assert report.aborted
        assert not held
        return
    # Also under the sanction abort: the cheat lies when it has seen the others' reports.
    assert ending.agrees
    assert report.flows == ending.flows
