"""One session told entry by entry, as a member hears it: change the story only if you can explain the difference."""

from fractions import Fraction
from pathlib import Path

from mechdesign.decision.entries import Kind, OpenEntry, parse
from mechdesign.decision.messages import (
    Aborted,
    Answers,
    Booked,
    Convicted,
    Decided,
    Defaulted,
    Enrolled,
    PhaseChanged,
    Proposed,
    Waited,
)
from mechdesign.group.messages import Broadcast
from tests.decision.toys import Cluster, nets

GOLDEN = Path(__file__).parents[1] / "golden" / "decision-story.txt"


def told(cluster: Cluster, event: object) -> str:
    """One event as a phrase."""
    name = cluster.roster.name
    match event:
        case Proposed(proposer=proposer, members=members):
            return f"proposed by {name(proposer)} to {', '.join(who for _, who in members)}"
        case PhaseChanged(phase=phase, heard=heard, asked=asked, missing=missing):
            waits = f", waits for {', '.join(map(name, missing))}" if missing else ""
            return f"{phase} {heard}/{asked}{waits}"
        case Enrolled(players=players):
            return f"enrolled: {', '.join(who for _, who in players)}"
        case Answers(reports=reports):
            return f"answers: {', '.join(f'{name(who)} {report[0]}' for who, report in reports)}"
        case Defaulted(member=member):
            return f"{name(member)} defaulted"
        case Convicted(member=member, offence=offence):
            return f"{name(member)} convicted of {offence}"
        case Decided(verdict=verdict, certificate=certificate, flows=flows):
            ends = ", ".join(f"{party} {amount}" for party, amount in nets(flows).items())
            return f"{verdict} by {', '.join(map(name, certificate.signers))}; {ends}"
        case Booked(position=position, kept=kept):
            return f"booked at {position}: {kept}"
        case Aborted(reason=reason):
            return f"aborted: {reason}"
    raise AssertionError(event)


def story() -> str:
    """Seven members: grace stays out, bob never opens, carol opens something else, dave attests something else."""

    def twist(place: int, said: Broadcast) -> list[Broadcast]:
        entry = parse(said.kind, said.data)
        if isinstance(entry, OpenEntry) and place == 2:
            false = OpenEntry(entry.session, entry.step, bytes(32), entry.padded)
            return [Broadcast(said.key, said.kind, false.encoded)]
        return [] if isinstance(entry, OpenEntry) and place == 1 else [said]

    cluster = Cluster(7, twist=twist)
    cluster.sessions[3].lie = b"lie"
    cluster.sessions[6].enrols = "out"
    cluster.propose(0, deposit=Fraction(10), sanctions=("recompute", "forfeit"))
    lines = []
    while cluster.pending or cluster.cores[0].status():
        if not cluster.pending:
            milliseconds = 1000
            cluster.now += milliseconds * 1000
            for place, core in enumerate(cluster.cores):
                cluster.route(place, core.tick(cluster.now))
            continue
        before = len(cluster.sessions[0].events)
        cluster.step()
        said = cluster.log[-1].submission
        lines.append(f"{len(cluster.log) - 1} {cluster.roster.name(said.sender)} {Kind(said.kind).name}")
        told_now = [event for event in cluster.sessions[0].events[before:] if not isinstance(event, Waited)]
        lines += [f"    {told(cluster, event)}" for event in told_now]
    return "\n".join(lines) + "\n"


def test_the_story_of_a_session_stays_as_it_is_told() -> None:
    assert story() == GOLDEN.read_text()
