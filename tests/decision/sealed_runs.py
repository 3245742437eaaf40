"""Sessions under threshold sealing that are run to their end, and what is read from their logs."""

from mechdesign.decision.entries import Kind, parse
from mechdesign.decision.messages import Answers
from mechdesign.decision.policing import verify_evidence
from mechdesign.decision.proposal import Sanction
from mechdesign.decision.sealing.threshold import Committee, Context, Purpose
from tests.decision.toys import Cluster

__all__ = ["FORFEITS", "committee", "context", "convictions", "entries", "kinds", "read", "reports", "run", "senders"]

FORFEITS = (Sanction.RECOMPUTE, Sanction.FORFEIT)


def read(kind, data):
    """An entry that is known to be one."""
    return parse(kind, data)


def run(n=4, **options):
    terms = options.pop("terms", {})
    cluster = Cluster(n, **options)
    cluster.run(seal="threshold", **terms)
    return cluster


def kinds(cluster):
    return [Kind(each.submission.kind) for each in cluster.log]


def senders(cluster, kind):
    return [each.submission.sender for each in cluster.log if each.submission.kind == kind]


def entries(cluster, kind):
    return [read(kind, each.submission.data) for each in cluster.log if each.submission.kind == kind]


def reports(cluster, place=0, step=0):
    return dict(next(event for event in cluster.events(place, Answers) if event.step == step).reports)


def convictions(cluster, place=0):
    """Who was convicted of what; each proof is checked as an outsider would."""
    found = []
    for event in cluster.effects[place]:
        if type(event).__name__ == "Convicted":
            found.append((cluster.roster.name(event.member), event.offence))
            assert verify_evidence(event.evidence, cluster.roster, cluster.scheme) == (event.member, event.offence)
    return found


def context(cluster, dealer, step=0, purpose=Purpose.REPORT):
    proposed = next(each.submission for each in cluster.log if each.submission.kind == Kind.SEAL)
    session = read(proposed.kind, proposed.data).session
    return Context(cluster.roster.digest, 0, session, step, purpose, dealer)


def committee(cluster, threshold=None):
    return Committee(
        cluster.roster.ids, tuple(m.sealing for m in cluster.roster.members), threshold or cluster.roster.q
    )
