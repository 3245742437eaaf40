"""Both verifiers say the same of every transcript of many kinds of sessions, and of what is made of it.

Among the sessions are all seals, coins, cheats of every kind, aborted ones, several mechanisms with several asks, an
election of participants that are not members, and a custodian.
"""

import random
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mechdesign.cli.auditing import Auditor
from mechdesign.cli.verify import verify_transcript_file
from mechdesign.decision.custody.receipts import ReceiptEntry
from mechdesign.decision.entries import EvidenceEntry, Kind
from mechdesign.decision.epoch import DRAIN_MS
from mechdesign.decision.transcript import audit
from mechdesign.group.messages import ViewChanging
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import VerificationError
from mechdesign.mechanisms import codec
from mechdesign.mechanisms.auction.second_price import SecondPrice
from mechdesign.mechanisms.events import CarryBallots, ProposeSession, SessionProposed
from mechdesign.mechanisms.registry import load
from mechdesign.mechanisms.session import Policy
from mechdesign.mechanisms.ties import TieRule
from mechdesign.player import silent, truthful
from mechdesign.testing.electorate import Electorate
from mechdesign.testing.misbehaviour import KINDS, misbehave
from mechdesign.testing.stacks import StackCluster, phases
from tests.decision.test_exclude import equivocation
from tests.decision.toys import Cluster, Plan

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_transcript.py"
COIN = TieRule("by_coin")
SEALS = ("open", "commit_reveal", "threshold")
BEHIND = {1: Policy(accounts=frozenset({"SELLER"}))}
ABORT = ("recompute", "forfeit", "abort")


@cache
def tool():
    names = {"__name__": "verify_transcript"}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), names)
    return names


def ends(cluster):
    (data,) = {end.transcript for place in cluster.honest for end in cluster.ended[place].values()}
    return data


def auction(*, cheat="", values=(18, 24, 24, 7), seed=1, policies=None, **terms):
    strategies = [truthful(Fraction(value)) if value is not None else silent for value in values]
    cheaters = {1: misbehave(cheat)} if cheat else None
    cluster = StackCluster(strategies, seed, real=True, cheaters=cheaters, policies=policies)
    cluster.start()
    terms = {"ties": COIN, "deposit": Fraction(3), "sanctions": ("recompute", "forfeit"), **phases(1100), **terms}
    cluster.propose(0, ProposeSession(mechanism=SecondPrice(reserve=5), **terms))
    assert cluster.run()
    return ends(cluster)


def example(name, seal="", **terms):
    cls = load(name)
    assert cls.example is not None
    mechanism = cls.from_parameters(cls.example.parameters)
    types = [codec.validate(mechanism.type_schema(), value, "reports") for value in cls.example.reports.values()]
    cluster = StackCluster([truthful(value) for value in types], 1, real=True)
    cluster.start()
    cluster.propose(0, ProposeSession(mechanism=mechanism, seal=seal, **{**phases(1100), **terms}))
    assert cluster.run()
    return ends(cluster)


def election(seal, *, votes=("north", "east", "north", None, "south"), **terms):
    mechanism = load("voting.plurality").from_parameters({"options": ("north", "east", "south")})
    electorate, notices = Electorate(len(votes), 1, real=True), []
    cluster = StackCluster([silent] * 4, 1, real=True)
    cluster.simulator.watch(SessionProposed, lambda place, event: notices.append(event.notice))
    cluster.start()
    roll = {"roll": electorate.roll.root, "rolled": len(votes)}
    cluster.propose(0, ProposeSession(mechanism=mechanism, seal=seal, **{**phases(1100), **roll, **terms}))
    assert cluster.simulator.run(cluster.simulator.now + 10_000_000, lambda: len(notices) == 4)
    schema = mechanism.report_schema()
    reports = [None if vote is None else codec.encode(schema, vote, 256) for vote in votes]
    ballots = electorate.ballots(notices[0], Ed25519(), reports)
    for place in (1, 2):
        cluster.simulator.submit(place, CarryBallots(tuple(ballots)))
    assert cluster.run()
    return ends(cluster)


def custody():
    cluster = Cluster(4, fast=False)
    proposal = cluster.propose(custodian="dave", deposit=Fraction(7))
    cluster.step()
    told: Any = cluster.sessions[0].events[0]
    session = told.session
    for place, parts in enumerate(((7,), (3, 4), (5,), (7,))):
        for part, amount in enumerate(parts):
            receipt = ReceiptEntry(session, cluster.roster.ids[place], Fraction(amount), f"paid {place}/{part}")
            cluster.order(3, Kind.RECEIPT, receipt.encoded)
    cluster.settle()
    for _ in range(4):
        cluster.wait(proposal.enrol_ms)
    return cluster.decided().transcript


def without_a_quorum(**terms):
    """Two have not the code, which ends it; nobody has paid."""
    cluster = Cluster(4, fast=False)
    for place in (2, 3):
        cluster.sessions[place].enrols = "left"
    cluster.propose(**terms)
    cluster.settle()
    return cluster.aborted().transcript


def convicted_while_it_stays_shut():
    """Nobody shares, and a proof comes when two clocks have run out: that ends nothing, since all is sealed."""
    cluster = Cluster(4, fast=False, twist=lambda place, said: [] if said.kind == Kind.SHARE else [said])
    proposal = cluster.propose(seal="threshold", sanctions=("abort",), deposit=Fraction(7))
    cluster.settle()
    cluster.now += 5 * proposal.open_ms * 1000
    for place in (0, 1):
        cluster.route(place, cluster.cores[place].tick(cluster.now))
    cluster.settle()
    cluster.order(0, Kind.EVIDENCE, EvidenceEntry(equivocation(cluster, 3).data).encoded)
    cluster.wait(0)
    return cluster.aborted().transcript


def draining(seal):
    """The members change, and do not wait for a session that a player keeps open for ever."""
    cluster = Cluster(4, fast=False, twist=lambda place, said: [] if (place, said.kind) == (3, Kind.SEAL) else [said])
    cluster.propose(seal=seal, report_ms=30 * DRAIN_MS)
    cluster.settle()
    for place, core in enumerate(cluster.cores):
        cluster.route(place, core.receive(ViewChanging(len(cluster.log) - 1), cluster.now))
    cluster.wait(DRAIN_MS)
    return cluster.aborted().transcript


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    **{f"{seal}, {cheat}": (auction, {"seal": seal, "cheat": cheat}) for seal in SEALS[1:] for cheat in KINDS[:8]},
    **{f"{cheat}, abort": (auction, {"cheat": cheat, "sanctions": ABORT}) for cheat in ("bad-seal", "bad-opening")},
    **{
        f"{seal}, equivocate, abort": (auction, {"seal": seal, "cheat": "equivocate", "sanctions": ABORT})
        for seal in SEALS
    },
    "one": (auction, {"values": (18,), "seal": "open"}),
    "three": (auction, {"values": (18, 24, 24)}),
    "three, no share": (auction, {"values": (18, 24, 24), "seal": "threshold", "cheat": "no-reveal"}),
    "three, another outcome": (auction, {"values": (18, 24, 24), "cheat": "wrong-outcome"}),
    "too dear": (auction, {"payment_max": Fraction(20)}),
    "dear, with the winner behind the seller": (
        auction,
        {"payment_max": Fraction(9), "accounts": {"SELLER": "bob"}, "values": (18, 24, 7, 9), "policies": BEHIND},
    ),
    "large amounts": (auction, {"deposit": Fraction(10**30 + 1, 10), "payment_max": Fraction(10**40 + 1, 10)}),
    "absent": (auction, {"values": (18, 24, None, 7), "seal": "open"}),
    "default": (auction, {"cheat": "bad-seal", "sanctions": ("recompute", "default_report"), "default_report": 9}),
    "japanese": (example, {"name": "auction.japanese"}),
    "english": (example, {"name": "auction.english"}),
    "random order": (example, {"name": "matching.serial-dictatorship", "ties": COIN}),
    "clarke": (example, {"name": "public.clarke", "seal": "threshold"}),
    "sequential": (example, {"name": "public.sequential-groves"}),
    "irv": (example, {"name": "voting.irv", "seal": "threshold", "ties": COIN}),
    "open election": (election, {"seal": "open"}),
    "sealed election": (election, {"seal": "threshold"}),
    "too few ballots": (election, {"seal": "open", "votes": (None, None, None), "players_min": 2}),
    "too few sealed ballots": (election, {"seal": "threshold", "votes": (None, None, None), "players_min": 2}),
    "convicted while it stays shut": (convicted_while_it_stays_shut, {}),
    "custody": (custody, {}),
    "too few have the code": (without_a_quorum, {}),
    "too few have the code, and nobody has paid": (without_a_quorum, {"custodian": "bob", "deposit": Fraction(7)}),
    **{f"{seal}, draining": (draining, {"seal": seal}) for seal in SEALS[1:]},
}
CASES = {name: case for name, case in CASES.items() if case[1].get("cheat") != "crash"}


@cache
def made(name):
    make, terms = CASES[name]
    return make(**terms)


def recompute(proposed):
    """The toy of these tests, or a real mechanism."""
    if proposed.proposal.mechanism.startswith("toy."):
        return Cluster(4, plan=Plan()).recompute(proposed)
    return Auditor().recompute(proposed)


def first(data):
    """What the package says: refused, aborted, or the verdict with the digest that was signed."""
    try:
        report = audit(data, Ed25519(), recompute)
    except VerificationError:
        return "refused"
    return "aborted" if report.aborted else f"{report.verdict} {report.digest.hex()[:16]}"


def second(data):
    """The same by the tool."""
    try:
        line = tool()["verify"](data)
    except Exception:
        return "refused"
    words = line.split()
    return "aborted" if words[2] == "aborted:" else f"{words[2][:-1]} {words[words.index('digest') + 1].rstrip(',')}"


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same_of_every_kind_of_session(name):
    said = first(made(name))
    assert said != "refused"
    assert second(made(name)) == said


@pytest.mark.parametrize(
    ("name", "loose"), [("three", True), ("large amounts", True), ("open, equivocate, abort", True), ("default", False)]
)
def test_both_say_whether_a_quorum_signed_where_the_deposits_went(name, loose):
    data = made(name)
    line = verify_transcript_file(data, None).line
    assert tool()["verify"](data) == line
    assert ("where the deposits went nobody signs" in line) == loose


def test_programs_are_told_of_each_flow_whether_it_is_signed():
    for name, deposits in (("three", False), ("default", True)):
        flows = verify_transcript_file(made(name), None).data["flows"]
        assert {flow["reason"] for flow in flows} >= {"price", "deposit", "deposit returned"}
        assert all(flow["signed"] == (deposits or flow["payer"] != "DEPOSIT") for flow in flows)


def test_the_sessions_are_of_many_kinds():
    said = [first(made(name)).split()[0] for name in ("three", "too dear", "three, no share")]
    assert said == ["settled", "failed", "aborted"]


def mutations(data, chance):
    """Bytes flipped, and entries left out, said twice, exchanged, and moved over the freeze."""
    for _ in range(12):
        at = chance.randrange(len(data))
        yield data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    decode, encode = tool()["decode"], tool()["encode"]
    magic, version, roster, frozen, later = decode(data)
    pick = chance.randrange(1, len(frozen))
    lists = [
        (frozen[:pick] + frozen[pick + 1 :], later),
        (frozen[: pick + 1] + frozen[pick:], later),
        (frozen[:-1], later),
        (frozen[:-1], (frozen[-1][1:], *later)),
        (frozen, later[:-1]),
        (frozen, later[1:]),
        (frozen, later[::-1]),
        (frozen, (*later, *later[:1])),
        ((*frozen[:-2], *frozen[-1:], *frozen[-2:-1]), later),
        (tuple((entry[0] + 1, *entry[1:]) for entry in frozen), later),
        (frozen[:1], later),
        ((), later),
    ]
    yield from (encode((magic, version, roster, *lists_)) for lists_ in lists)
    yield encode((magic, version + 1, roster, frozen, later))
    yield data[:-1]


@pytest.mark.parametrize("name", CASES)
def test_both_refuse_every_sampled_mutation_or_both_accept_it(name):
    for changed in mutations(made(name), random.Random(name)):
        assert second(changed) == first(changed)
