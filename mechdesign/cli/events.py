"""What a node says about itself: one JSON object a line for programs, one sentence a line for people."""

import json
from collections.abc import Mapping
from typing import Any

from mechdesign.cli.output import exact
from mechdesign.mechanisms.events import (
    Asked,
    DefaultSeen,
    MemberConvicted,
    Progress,
    SessionAborted,
    SessionProposed,
    Settled,
    UserEvent,
)

__all__ = ["as_record", "as_sentence", "obstacle"]


def as_record(event: UserEvent) -> dict[str, Any]:
    """An event as plain data; ``event`` names its kind, sessions and digests are hexadecimal, amounts exact texts."""
    match event:
        case SessionProposed():
            return {
                "event": "proposed",
                "session": event.session.hex(),
                "proposer": event.proposer,
                "mechanism": event.mechanism,
                "parameters": json.loads(event.parameters),
                "asked": list(event.asked),
                "seal": event.seal,
                "threshold": event.threshold,
                "deposit": exact(event.deposit),
                "answer": event.answer,
                "reason": event.reason,
            }
        case Asked():
            return {
                "event": "asked",
                "session": event.session.hex(),
                "step": event.step,
                "player": event.player,
                "shown": dict(event.ask.info),
                "sealed": event.ask.sealed,
            }
        case Progress():
            return {
                "event": "progress",
                "session": event.session.hex(),
                "phase": event.phase,
                "step": event.step,
                "heard": event.heard,
                "asked": event.asked,
                "missing": list(event.missing),
            }
        case DefaultSeen():
            return {
                "event": "default",
                "session": event.session.hex(),
                "step": event.step,
                "member": event.member,
            }
        case Settled():
            return _settled(event)
        case SessionAborted():
            return {
                "event": "aborted",
                "session": event.session.hex(),
                "mechanism": event.mechanism,
                "reason": event.reason,
                "defaulted": list(event.defaulted),
                "booked": _flows(event.booked),
            }
        case MemberConvicted():
            return {
                "event": "convicted",
                "member": event.member,
                "key": event.id.hex(),
                "offence": event.offence,
                "sessions": [session.hex() for session in event.sessions],
            }


def _settled(event: Settled) -> dict[str, Any]:
    record: dict[str, Any] = {
        "event": "settled",
        "session": event.session.hex(),
        "mechanism": event.mechanism,
        "players": list(event.players),
        "reports": dict(event.reports),
        "digest": event.digest.hex(),
        "signatures": len(event.certificate.signed),
        "agrees": event.agrees,
        "transfers": {player: exact(amount) for player, amount in event.transfers.items()},
        "accounts": {account: exact(amount) for account, amount in event.accounts.items()},
        "booked": _flows(event.booked),
        "sentence": "",
        "outcome": None,
        "why": [],
        "ties": [],
    }
    if event.result is not None:
        record["sentence"] = str(event.result.outcome)
        record["outcome"] = event.result.outcome
        record["why"] = [reason.text for reason in event.result.why]
        record["ties"] = [str(tie) for tie in event.result.ties]
    return record


def _flows(flows: tuple[Any, ...]) -> list[dict[str, str]]:
    return [
        {"payer": flow.payer, "payee": flow.payee, "amount": exact(flow.amount), "reason": flow.reason}
        for flow in flows
    ]


def as_sentence(record: Mapping[str, Any]) -> str | None:
    """A record of :func:`as_record`, or one of the node's own, as a line for people; None where there is none."""
    session = str(record.get("session", ""))[:8]
    match record["event"]:
        case "started":
            where = record["address"] or "no address"
            return f"{record['member']} is up at {where}, roster {record['roster']} ({record['members']} members)"
        case "proposed":
            why = f" ({record['reason']})" if record["reason"] else ""
            opens = f" (any {record['threshold']} members open)" if record["seal"] == "threshold" else ""
            what = f"{record['mechanism']}, seal {record['seal']}{opens}"
            return f"{session} proposed by {record['proposer']}: {what}; {record['answer']}{why}"
        case "asked":
            return f"{session} asks {record['player']} (ask {record['step']})"
        case "progress":
            return f"{session} {record['phase']} {record['heard']}/{record['asked']}"
        case "default":
            return f"{session} {record['member']} did not open its sealed report: it counts as absent"
        case "settled":
            return (
                f"{session} settled: {record['sentence'] or 'computed by others'}; digest {str(record['digest'])[:16]}"
            )
        case "aborted":
            return f"{session} aborted: {record['reason']}"
        case "convicted":
            return f"{record['member']} convicted: {record['offence']} (evidence {record['evidence']})"
        case "status":
            return obstacle(record)
        case "stopped":
            return f"stopped: {record['reason']}"
    return None


def obstacle(status: Mapping[str, Any]) -> str | None:
    """What keeps a node from going on, by its own status, or None."""
    if status["state"] in ("refusing", "forked"):
        return f"{status['state']}: {status['detail']}"
    if status["missing"]:
        return f"waiting for {', '.join(status['missing'])}"
    if status["unlinked"]:
        return f"no link to {', '.join(status['unlinked'])}"
    return None
