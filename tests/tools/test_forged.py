"""The checks of the second verifier can fail: a forged transcript for each, signed as if it were true.

A forger here holds the keys of all members, so that the signatures and inclusions over what it changes hold, and only
the check in question stands against it. The package refuses each of these files too.
"""

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mechdesign.decision.entries import Kind
from mechdesign.decision.record import FORMAT
from mechdesign.decision.transcript import audit
from mechdesign.group.block import genesis, inclusions, make_block
from mechdesign.group.leaf import encode_leaf
from mechdesign.group.messages import Submission
from mechdesign.kernel.errors import VerificationError
from mechdesign.kernel.wire import Value, decode, encode
from tests.decision.spoilers import HIGHEST, deals_badly, opens_falsely, seals_garbage, shares_falsely, spoilt_by
from tests.decision.toys import Cluster, Plan
from tests.tools.test_agreement import draining

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_transcript.py"


@dataclass
class Said:
    """An entry that a forger may change; it is signed anew unless ``signed`` gives what stands for that."""

    position: int
    kind: int
    place: int
    sequence: int
    value: list[Any]
    signed: tuple[Any, ...] = ()


@dataclass
class File:
    """A transcript in its parts."""

    frozen: list[Said]
    later: list[Said]
    magic: str = "mechdesign transcript"
    roster: bytes = b""

    def of(self, kind: Kind, which: int = 0) -> Said:
        return [said for said in (*self.frozen, *self.later) if said.kind == kind][which]


@cache
def cluster(seal: str) -> Cluster:
    return Cluster(4, fast=False, plan=Plan((seal != "open",), tosses=(1,))).run(seal=seal)


def signed(said: Said, seal: str) -> tuple[Value, ...]:
    group, data = cluster(seal), encode(tuple(said.value))
    submission = Submission(said.kind, group.roster.ids[said.place], said.sequence, data)
    start = [genesis(group.roster, said.place)]
    block = make_block(group.roster, group.signers[said.place], 0, start, (), [encode_leaf(submission)])
    proof = inclusions(block)[0]
    rest = said.signed or (proof.header, proof.signature, proof.index, proof.path)
    return (said.kind, submission.sender, said.sequence, data, *rest)


def forged(seal: str, change: Callable[[File], None]) -> bytes:
    group = cluster(seal)
    parts: Any = decode(group.decided().transcript)
    magic, _, roster, *lists = parts

    def read(place: int, item: Any) -> Said:
        position, kind, sender, sequence, data, *_ = item if place == 0 else (0, *item)
        return Said(position, kind, group.roster.ids.index(sender), sequence, list(decode(data)))  # type: ignore[arg-type]

    entries, later = ([read(place, item) for item in lists[place]] for place in (0, 1))
    file = File(entries, later, magic, roster)
    change(file)
    frozen = tuple((said.position, *signed(said, seal)) for said in file.frozen)
    return encode((file.magic, FORMAT, file.roster, frozen, tuple(signed(said, seal) for said in file.later)))


def put(file: File, said: Said, kind: int, value: list[Any], *, place: int | None = None) -> None:
    """Say something else right behind an entry."""
    at = file.frozen.index(said)
    new = Said(said.position, kind, said.place if place is None else place, 900, value)
    file.frozen.insert(at + 1, new)
    for number, each in enumerate(file.frozen):
        each.position = number


def again(file: File, kind: Kind) -> None:
    said = file.of(kind)
    put(file, said, kind, said.value)


def set_at(kind: Kind, index: int, value: Any) -> Callable[[File], None]:
    def change(file: File) -> None:
        file.of(kind).value[index] = value

    return change


def all_attest(index: int, value: Any) -> Callable[[File], None]:
    def change(file: File) -> None:
        for said in file.later:
            if said.kind == Kind.ATTEST:
                said.value[index] = value

    return change


def sign_as(header: bool, signature: Any) -> Callable[[File], None]:
    """Have the second entry bear another member's header, or another signature."""

    def change(file: File) -> None:
        mine, other = file.frozen[1], file.frozen[2]
        _, _, _, _, head, seal, index, path = signed(other if header else mine, "open")
        mine.signed = head, seal if signature is None else signature(seal), index, path

    return change


def misplace(file: File) -> None:
    file.frozen[1].signed = (*signed(file.frozen[1], "open")[4:6], 1, ())


def swap(file: File) -> None:
    file.frozen[1].position, file.frozen[2].position = file.frozen[2].position, file.frozen[1].position


def member(index: int, value: Any) -> Callable[[File], None]:
    """Have the roster say something else of its second member."""

    def change(file: File) -> None:
        roster: list[Any] = list(decode(file.roster))  # type: ignore[arg-type]
        first, second, *rest = roster[2]
        changed = list(second)
        changed[index] = first[index] if value is None else value
        roster[2] = (first, tuple(changed), *rest)
        file.roster = encode(tuple(roster))

    return change


def dealt(part: int, change: Callable[[bytes], bytes]) -> Callable[[File], None]:
    """Change a part of a dealing, which is void then, so that the shares are of something else."""

    def forge(file: File) -> None:
        said = file.of(Kind.SEAL)
        parts: list[Any] = list(decode(said.value[2]))  # type: ignore[arg-type]
        parts[part] = change(parts[part])
        said.value[2] = encode(tuple(parts))

    return forge


FORGED: dict[str, tuple[str, str, Callable[[File], None]]] = {
    "magic": ("open", "roster ", lambda file: setattr(file, "magic", "some transcript")),
    "key": ("open", "a key of the roster", member(2, bytes(31))),
    "name": ("open", "names or keys", member(1, None)),
    "author": ("open", "another group or author", sign_as(True, None)),
    "root": ("open", "another root", misplace),
    "malformed signature": ("open", "signature is malformed", sign_as(False, lambda s: s[:32] + b"\xff" * 32)),
    "false signature": ("open", "^$", sign_as(False, lambda s: s[:32] + bytes([s[32] ^ 1]) + s[33:])),
    "proposal": ("open", "the proposal", set_at(Kind.PROPOSE, 7, 1)),
    "shape": ("open", "another form", set_at(Kind.REPORT, 1, b"0")),
    "session": ("open", "of another session", set_at(Kind.REPORT, 0, bytes(32))),
    "long report": ("open", "says too much", set_at(Kind.REPORT, 2, bytes(17))),
    "long opening": ("commit_reveal", "says too much", set_at(Kind.OPEN, 3, bytes(21))),
    "long commitment": ("commit_reveal", "says too much", set_at(Kind.SEAL, 2, bytes(33))),
    "short commitment": ("commit_reveal", "says too much", set_at(Kind.SEAL, 2, bytes(31))),
    "empty commitment": ("commit_reveal", "says too much", set_at(Kind.SEAL, 2, b"")),
    "long dealing": ("threshold", "says too much", set_at(Kind.SEAL, 2, bytes(16 + 96 * 4 + 321))),
    "long coin": ("threshold", "says too much", set_at(Kind.COIN, 2, bytes(96 * 4 + 129))),
    "long share": ("threshold", "says too much", set_at(Kind.SHARE, 2, bytes(32 * 4 + 129))),
    "late": ("commit_reveal", "is late", lambda f: put(f, f.of(Kind.OPEN), Kind.SEAL, f.of(Kind.SEAL).value)),
    "late answer": (
        "open",
        "answers too late",
        lambda f: put(f, f.of(Kind.REPORT), Kind.ENROL, f.of(Kind.ENROL).value),
    ),
    "two answers": ("open", "answers twice", lambda f: again(f, Kind.ENROL)),
    "two reports": ("open", "says a thing twice", lambda f: again(f, Kind.REPORT)),
    "other shares": (
        "threshold",
        "a share of something else",
        lambda f: f.of(Kind.SHARE).value.__setitem__(2, f.of(Kind.SHARE, 5).value[2]),
    ),
    "point": ("threshold", "something else", dealt(0, lambda points: b"\1" + bytes(31) + points[32:])),
    "proof": ("threshold", "something else", dealt(2, lambda challenge: bytes(32))),
    "size": ("threshold", "something else", dealt(4, lambda sealed: sealed + b"\0")),
    "inputs": ("open", "signed another outcome", all_attest(2, bytes(32))),
    "order": ("open", "not in order", swap),
    "side": ("open", "before or behind", lambda f: f.later.append(f.frozen.pop())),
    "too short": ("open", "does not end where", lambda f: f.later.clear()),
}


def verifier(fired: set[int] | None = None) -> dict[str, Any]:
    """The tool; the lines of the checks that fail are noted."""
    names: dict[str, Any] = {"__name__": "verify_transcript"}
    exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), names)
    demand = names["demand"]

    def noting(holds: Any, what: str) -> None:
        if not holds and fired is not None:
            fired.add(sys._getframe(1).f_lineno)
        demand(holds, what)

    names["demand"] = noting
    return names


def refused_by_the_package(data: bytes, group: Cluster) -> bool:
    try:
        audit(data, group.scheme, group.recompute)
    except VerificationError:
        return True
    return False


@pytest.mark.parametrize("seal", ["open", "commit_reveal", "threshold"])
def test_what_is_signed_anew_without_a_change_holds(seal: str) -> None:
    data = forged(seal, lambda file: None)
    assert "settled" in verifier()["verify"](data)
    assert not refused_by_the_package(data, cluster(seal))


@pytest.mark.parametrize("name", FORGED)
def test_both_refuse_each_forged_transcript_and_the_second_says_why(name: str) -> None:
    seal, why, change = FORGED[name]
    data = forged(seal, change)
    with pytest.raises(Exception, match=why):
        verifier()["verify"](data)
    assert refused_by_the_package(data, cluster(seal))


CHEATS = {
    "no dealing": ("threshold", deals_badly, HIGHEST),
    "garbage": ("threshold", seals_garbage, HIGHEST),
    "false share": ("threshold", shares_falsely, 0),
    "false opening": ("commit_reveal", opens_falsely, HIGHEST),
}


def test_every_check_but_two_fails_for_one_of_these() -> None:
    """But for two about what a cheat deals, whose files need mathematics of their own."""
    fired: set[int] = set()
    names = verifier(fired)
    files = [forged(seal, change) for seal, _, change in FORGED.values()]
    files.append(forged("open", lambda file: None).replace(bytes([FORMAT]), bytes([0xCC, FORMAT]), 1))
    magic, version, roster, frozen, later = names["decode"](draining("threshold"))
    files.append(encode((magic, version, roster, frozen[:-1], (frozen[-1][1:], *later))))
    for seal, spoil, place in CHEATS.values():
        run = spoilt_by(place, spoil, fast=False).run(seal=seal)
        run.wait(5000)
        assert "settled" in names["verify"](run.decided().transcript)
    for data in files:
        with pytest.raises(Exception):  # noqa: B017, PT011 - the reasons are compared above
            names["verify"](data)
    checks = [
        node
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "demand"
    ]
    never = {ast.unparse(each.args[1]) for each in checks if each.lineno not in fired}
    assert never == {"'a dealing has too high a degree'", "'garbage in a valid dealing'"}
