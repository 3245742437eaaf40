"""``mechdesign verify``: check a transcript or an evidence offline, as anybody can."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from mechdesign.cli.exits import Exit
from mechdesign.cli.succession import Succeeding, known_rosters

if TYPE_CHECKING:
    from mechdesign.decision.transcript import AuditReport
    from mechdesign.group.roster import Roster

__all__ = ["Verified", "verify", "verify_evidence_file", "verify_transcript_file"]

_CHUNK_BYTES = 256 * 1024
_LONG_BYTES = 1 << 20
"""From this size on a person is shown how far it is."""


def verify(
    file: Annotated[
        Path, typer.Argument(help="A .transcript or .evidence file that a node wrote; - for standard input.")
    ],
    roster: Annotated[
        Path | None, typer.Option(help="The roster that the members should have: without it only consistency is shown.")
    ] = None,
    followed: Succeeding = None,
    load: Annotated[
        list[str] | None, typer.Option(help="A further mechanism, as package.module:Class or file.py:Class.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say also what was checked, what a file cannot show, and what ties could have given."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> None:
    """Recompute everything that a transcript says, or check a proof against a member; no network, no trust.

    Prints one line and exits with 0 if and only if everything holds; a file of any length is read piece by piece.
    Without --roster a transcript can only be *consistent*: compare the fingerprint that is printed with the one of the
    group. With it the result is *authentic*; what was settled after the members changed needs --succession as well.
    """
    from mechdesign.cli.output import emit_json, say
    from mechdesign.decision.policing import EVIDENCE_BYTES_MAX
    from mechdesign.kernel.errors import VerificationError
    from mechdesign.kernel.text import visible

    try:
        known = known_rosters(roster, followed)
        with _opened(file) as (source, size):
            begin = source.read(_CHUNK_BYTES)
            if _is_transcript(begin):
                chunks = _progress(chain([begin], iter(lambda: source.read(_CHUNK_BYTES), b"")), size)
                first, *later = known or (None,)
                more = tuple(load or ())
                found = verify_transcript_file(chunks, first, more, explain=explain, successors=tuple(later))
            else:
                found = verify_evidence_file(begin + source.read(EVIDENCE_BYTES_MAX), *known)
    except VerificationError as error:
        # Where an inclusion fails, that signature is just what is missing; the message says whose.
        whose = f" (signed by {error.member})" if error.member and error.check != "inclusion" else ""
        if as_json:
            emit_json({"holds": False, "check": error.check, "problem": str(error), "member": error.member})
        else:
            say(visible(f"does not hold: {error.check}: {error}{whose}"), style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error
    if as_json:
        emit_json({"holds": True, **found.data})
    else:
        # Members choose what outcomes are called: that begins no line of its own.
        say("\n".join(map(visible, [found.line, *(found.details if explain else ())])))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file, or standard input for ``-``, with its size where that is known."""
    from mechdesign.kernel.errors import ConfigError

    if str(path) == "-":
        yield sys.stdin.buffer, 0
        return
    try:
        source = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(f"the transcript file {path} cannot be read: {error.strerror}") from error
    with source:
        yield source, size


def _progress(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same chunks; a person at a terminal sees how much of a long file was checked."""
    from mechdesign.cli.output import is_terminal

    if size < _LONG_BYTES or not is_terminal():
        yield from chunks
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("checking"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=size)
        for chunk in chunks:
            yield chunk
            bar.advance(task, len(chunk))


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds.

    Attributes:
        line: for people.
        data: the same for programs.
        details: in plain words, what was checked and what the file cannot show.
    """

    line: str
    data: dict[str, Any]
    details: tuple[str, ...] = ()


def _is_transcript(data: bytes) -> bool:
    """Whether this begins as a transcript does: an array whose first element is the magic text."""
    from mechdesign.decision.record import MAGIC

    return MAGIC.encode() in data[: len(MAGIC) + 8]


def verify_transcript_file(
    data: bytes | Iterable[bytes],
    roster: "Roster | None" = None,
    load: tuple[str, ...] = (),
    *,
    explain: bool = False,
    successors: "tuple[Roster, ...]" = (),
) -> Verified:
    """Check a transcript.

    Args:
        data: it, whole or in chunks.
        roster: the one that is trusted.
        load: further mechanisms.
        explain: whether to compute what else ties could have given.
        successors: rosters of later epochs that follow from the trusted one.

    Raises:
        VerificationError: naming the check that fails and whose signature is on it.
    """
    from mechdesign.cli.auditing import Auditor
    from mechdesign.decision.transcript import audit_stream
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.mechanisms import registry

    auditor = Auditor([registry.load(name) for name in load])
    chunks = [data] if isinstance(data, bytes) else data
    report = audit_stream(chunks, Ed25519(), auditor.recompute, roster, successors=successors)
    sentence = auditor.sentence if not report.aborted else f"aborted: {report.aborted}"
    kind = "authentic" if report.authentic else "consistent"
    where = f"roster fingerprint {report.fingerprint[:16]}"
    if report.certificate is not None and report.verdict is not None:
        signed = f"{len(report.certificate.signed)} of {report.roster.n} signatures"
        what = f"{_mechanism(report)} {report.verdict.value}: {sentence}"
        loose = ", where the deposits went nobody signs" if report.signed != report.flows else ""
        line = f"{kind}: {what}; {signed}, digest {report.digest.hex()[:16]}{loose}, {where}"
    else:
        # Each entry is signed by its sender, but there is no outcome that a quorum could have signed with the list.
        line = f"{kind}: {_mechanism(report)} {sentence}; that no entry is left out nobody signs, {where}"
    names = report.roster.name
    ties = auditor.ties(report.coins) if explain and not report.aborted else []
    return Verified(
        line,
        {
            "kind": "transcript",
            "authentic": report.authentic,
            "entries": report.entries,
            "checked": list(_checked(report)),
            "not_shown": list(_not_shown(report)),
            **({"ties": ties} if explain else {}),
            "fingerprint": report.fingerprint,
            "group": report.roster.group,
            "epoch": report.roster.epoch,
            "session": report.session,
            "proposer": names(report.proposer),
            "mechanism": _mechanism(report),
            "players": [name for _, name in report.players],
            "verdict": report.verdict.value if report.verdict is not None else "aborted",
            "aborted": report.aborted,
            "outcome": sentence,
            "digest": report.digest,
            "signers": [names(member) for member in report.certificate.signers] if report.certificate else [],
            "quorum": report.roster.q,
            "seal": report.proposal.seal.value,
            "threshold": report.proposal.threshold,
            "coins": list(report.coins),
            "defaulted": [names(member) for member in report.defaulted],
            "convicted": [{"member": names(member), "offence": offence} for member, offence in report.convicted],
            "flows": [
                {
                    "payer": flow.payer,
                    "payee": flow.payee,
                    "amount": flow.amount,
                    "reason": flow.reason,
                    "signed": flow in report.signed,
                }
                for flow in report.flows
            ],
        },
        tuple(f"checked: {each}" for each in _checked(report))
        + tuple(f"not shown: {each}" for each in _not_shown(report))
        + tuple(ties),
    )


def _checked(report: "AuditReport") -> Iterator[str]:
    """In plain words, what holds."""
    yield f"each of {report.entries} entries is signed by its sender, and counts where it stands"
    yield "every phase closed where its rules say: all were heard, or a quorum's timers had run out"
    if report.proposal.seal.value != "open" and report.reports:
        yield "sealed reports were opened again, and are what was sealed before anybody could see another one"
    if report.coins:
        yield f"{len(report.coins)} coins were put together again from what the members dealt"
    if report.certificate is not None:
        signers = ", ".join(map(report.roster.name, report.certificate.signers))
        yield f"the outcome follows from the reports: {_mechanism(report)} was run again"
        yield f"{signers} signed this outcome from these inputs, and {report.roster.q} are a quorum"
    yield "what flowed sums to zero, deposits included"


def _not_shown(report: "AuditReport") -> Iterator[str]:
    """In plain words, what a file cannot show."""
    if not report.authentic:
        yield "that these are the group's keys: compare the fingerprint, or name the roster with --roster"
    if report.certificate is None:
        yield "that no entry is left out: nobody signs the list of a session that aborted"
    else:
        yield "that just these entries were ordered behind the freeze: one can be left out, or put in later"
        if report.signed != report.flows:
            yield "so where the deposits went: convictions behind the freeze move them, and no outcome"


def _mechanism(report: "AuditReport") -> str:
    return f"{report.proposal.mechanism}/{report.proposal.version}"


def verify_evidence_file(data: bytes, *rosters: "Roster") -> Verified:
    """Check a proof against a member of one of these rosters, of which the newest is the last.

    Raises:
        ConfigError: there is no roster to check it against.
        VerificationError: it proves nothing.
    """
    from mechdesign.decision.policing import resting_on, verify_evidence
    from mechdesign.group.evidence import Former, decode_evidence
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError, VerificationError
    from mechdesign.kernel.identity import fingerprint

    if not rosters:
        raise ConfigError("this is no transcript, and an evidence holds against a roster only: name it with --roster")
    evidence = decode_evidence(data)
    for roster in reversed(rosters):
        # Of the epoch that it tells of, the roster is there already.
        there = evidence if isinstance(evidence, Former) and evidence.roster == roster.encoded else None
        proof = data if there is None else there.proof
        try:
            member, offence = verify_evidence(proof, roster, Ed25519())
            break
        except VerificationError:
            if roster is rosters[0]:
                raise
    name, quorum = roster.name(member), [roster.name(each) for each in resting_on(data)]
    where = f"roster fingerprint {fingerprint(roster.digest)}"
    by = "by its own signature"
    if quorum:
        by += f" against the word of a quorum, {', '.join(quorum)}, of whom no more than {roster.b} are taken to lie"
    return Verified(
        f"authentic: {name} is convicted of {offence}, {by}; {where}",
        {
            "kind": "evidence",
            "authentic": True,
            "fingerprint": fingerprint(roster.digest),
            "member": name,
            "offence": offence,
            "resting_on": quorum,
        },
    )
