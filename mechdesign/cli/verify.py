"""``mechdesign verify``: check a transcript or an evidence offline, as anybody can."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mechdesign.cli.exits import Exit

if TYPE_CHECKING:
    from mechdesign.decision.transcript import AuditReport
    from mechdesign.group.roster import Roster

__all__ = ["Verified", "verify", "verify_evidence_file", "verify_transcript_file"]


def verify(
    file: Annotated[
        Path, typer.Argument(help="A .transcript or .evidence file that a node wrote; - for standard input.")
    ],
    roster: Annotated[
        Path | None, typer.Option(help="The roster that the members should have: without it only consistency is shown.")
    ] = None,
    load: Annotated[
        list[str] | None, typer.Option(help="A further mechanism, as package.module:Class or file.py:Class.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> None:
    """Recompute everything that a transcript says, or check a proof against a member; no network, no trust.

    Prints one line and exits with 0 if and only if everything holds. Without --roster a transcript can only be
    *consistent*: compare the fingerprint that is printed with the one of the group. With it the result is *authentic*.
    """
    from mechdesign.cli.output import emit_json, say
    from mechdesign.cli.reading import read_bytes
    from mechdesign.cli.roster_files import load_roster_file
    from mechdesign.kernel.errors import VerificationError

    known = load_roster_file(roster).roster if roster is not None else None
    data = read_bytes(file, "transcript")
    try:
        if _is_transcript(data):
            found = verify_transcript_file(data, known, tuple(load or ()))
        else:
            found = verify_evidence_file(data, known)
    except VerificationError as error:
        # Where an inclusion fails, that signature is just what is missing; the message says whose.
        whose = f" (signed by {error.member})" if error.member and error.check != "inclusion" else ""
        if as_json:
            emit_json({"holds": False, "check": error.check, "problem": str(error), "member": error.member})
        else:
            say(f"does not hold: {error.check}: {error}{whose}", style="red")
        raise typer.Exit(Exit.DOES_NOT_HOLD) from error
    if as_json:
        emit_json({"holds": True, **found.data})
    else:
        say(found.line)


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds.

    Attributes:
        line: for people.
        data: the same for programs.
    """

    line: str
    data: dict[str, Any]


def _is_transcript(data: bytes) -> bool:
    """Whether this begins as a transcript does: an array whose first element is the magic text."""
    from mechdesign.decision.record import MAGIC

    return MAGIC.encode() in data[: len(MAGIC) + 8]


def verify_transcript_file(data: bytes, roster: "Roster | None", load: tuple[str, ...] = ()) -> Verified:
    """Check a transcript.

    Raises:
        VerificationError: naming the check that fails and whose signature is on it.
    """
    from mechdesign.cli.auditing import Auditor
    from mechdesign.decision.transcript import audit
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.mechanisms import registry

    auditor = Auditor([registry.load(name) for name in load])
    report = audit(data, Ed25519(), auditor.recompute, roster)
    sentence = auditor.sentence
    kind = "authentic" if report.authentic else "consistent"
    where = f"roster fingerprint {report.fingerprint[:16]}"
    signed = f"{len(report.certificate.signed)} of {report.roster.n} signatures"
    what = f"{_mechanism(report)} {report.verdict.value}: {sentence}"
    line = f"{kind}: {what}; {signed}, digest {report.digest.hex()[:16]}, {where}"
    names = report.roster.name
    return Verified(
        line,
        {
            "kind": "transcript",
            "authentic": report.authentic,
            "fingerprint": report.fingerprint,
            "group": report.roster.group,
            "session": report.session,
            "proposer": names(report.proposer),
            "mechanism": _mechanism(report),
            "players": [name for _, name in report.players],
            "verdict": report.verdict.value,
            "outcome": sentence,
            "digest": report.digest,
            "signers": [names(member) for member in report.certificate.signers],
            "quorum": report.roster.q,
            "seal": report.proposal.seal.value,
            "threshold": report.proposal.threshold,
            "coins": list(report.coins),
            "defaulted": [names(member) for member in report.defaulted],
            "convicted": [{"member": names(member), "offence": offence} for member, offence in report.convicted],
            "flows": [
                {"payer": flow.payer, "payee": flow.payee, "amount": flow.amount, "reason": flow.reason}
                for flow in report.flows
            ],
        },
    )


def _mechanism(report: "AuditReport") -> str:
    return f"{report.proposal.mechanism}/{report.proposal.version}"


def verify_evidence_file(data: bytes, roster: "Roster | None") -> Verified:
    """Check a proof against a member.

    Raises:
        ConfigError: there is no roster to check it against.
        VerificationError: it proves nothing.
    """
    from mechdesign.decision.transcript import verify_evidence
    from mechdesign.kernel.crypto import Ed25519
    from mechdesign.kernel.errors import ConfigError
    from mechdesign.kernel.identity import fingerprint

    if roster is None:
        raise ConfigError("this is no transcript, and an evidence holds against a roster only: name it with --roster")
    member, offence = verify_evidence(data, roster, Ed25519())
    name = roster.name(member)
    where = f"roster fingerprint {fingerprint(roster.digest)}"
    return Verified(
        f"authentic: {name} is convicted of {offence}, by its own signature; {where}",
        {
            "kind": "evidence",
            "authentic": True,
            "fingerprint": fingerprint(roster.digest),
            "member": name,
            "offence": offence,
        },
    )
