"""What a node says about itself: one JSON object a line for programs, one sentence a line for people."""

import json
from collections.abc import Mapping
from typing import Any

from mechdesign.cli.obstacle import obstacle
from mechdesign.cli.output import exact
from mechdesign.mechanisms.events import (
    Asked,
    BallotsCarried,
    DefaultSeen,
    MemberConvicted,
    Progress,
    ProposalRefused,
    Removed,
    SessionAborted,
    SessionBooked,
    SessionMissed,
    SessionProposed,
    Settled,
    Suspicion,
    UserEvent,
    ViewBegun,
)

__all__ = ["as_record", "as_sentence"]


def as_record(event: UserEvent) -> dict[str, Any]:
    """An event as plain data; ``event`` names its kind, sessions and digests are hexadecimal, amounts exact texts."""
    match event:
        case SessionProposed():
            return {
                "event": "proposed",
                "session": event.session.hex(),
                "proposer": event.proposer,
                "mechanism": event.mechanism,
                "parameters": _parameters(event.parameters),
                "asked": list(event.asked),
                "seal": event.seal,
                "threshold": event.threshold,
                "members": event.members,
                "deposit": exact(event.deposit),
                "sanctions": list(event.sanctions),
                "payment_max": None if event.payment_max is None else exact(event.payment_max),
                "custodian": event.custodian,
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
        case BallotsCarried():
            return {
                "event": "carried",
                "session": event.session.hex(),
                "taken": event.taken,
                "known": event.known,
                "refused": list(event.refused),
            }
        case Suspicion():
            return {
                "event": "waited",
                "session": event.session.hex(),
                "phase": event.phase,
                "step": event.step,
                "lasted_us": event.lasted_us,
                "waits": [{"member": name, "us": waited, "heard": heard} for name, waited, heard in event.waits],
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
        case SessionBooked():
            return {
                "event": "booked",
                "session": event.session.hex(),
                "position": event.position,
                "currency": event.currency,
                "custodian": event.custodian,
                "flows": _flows(event.flows),
                "kept": event.kept,
            }
        case ProposalRefused():
            return {
                "event": "refused",
                "session": event.session.hex(),
                "mechanism": event.mechanism,
                "reason": event.reason,
            }
        case MemberConvicted():
            return {
                "event": "convicted",
                "member": event.member,
                "key": event.id.hex(),
                "offence": event.offence,
                "sessions": [session.hex() for session in event.sessions],
            }
        case ViewBegun():
            return {
                "event": "members changed",
                "epoch": event.epoch,
                "members": list(event.members),
                "joined": list(event.joined),
                "left": list(event.left),
            }
        case SessionMissed():
            return {"event": "missed", "session": event.session.hex()}
        case Removed():
            return {"event": "removed", "epoch": event.epoch}


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


def _parameters(text: str) -> Any:
    # A member may propose what nobody can read: it is declined, and told as it is.
    try:
        parameters = json.loads(text)
        json.dumps(parameters, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return parameters


def _price_of_sealing(record: Mapping[str, Any]) -> str:
    """What a person should know about the seal of a proposal, in brackets."""
    if record["seal"] == "threshold":
        opens, members = record["threshold"], record["members"]
        sides = (
            f"any {opens} of {members} members open, and read early if they collude",
            f"{members - opens + 1} absent",
        )
        return f" ({'; '.join(sides)} keep shut)"
    if record["seal"] == "commit_reveal":
        staked = record["deposit"] != "0" and "forfeit" in record["sanctions"]
        return (
            f" (who dislikes what it sees can withhold its own report, {'for its deposit' if staked else 'at no cost'})"
        )
    return ""


def as_sentence(record: Mapping[str, Any]) -> str | None:
    """A record of :func:`as_record`, or one of the node's own, as a line for people; None where there is none."""
    session = str(record.get("session", ""))[:8]
    match record["event"]:
        case "started":
            where = record["address"] or "no address"
            return f"{record['member']} is up at {where}, roster {record['roster']} ({record['members']} members)"
        case "proposed":
            why = f" ({record['reason']})" if record["reason"] else ""
            what = f"{record['mechanism']}, seal {record['seal']}{_price_of_sealing(record)}"
            return f"{session} proposed by {record['proposer']}: {what}; {record['answer']}{why}"
        case "asked":
            return f"{session} asks {record['player']} (ask {record['step']})"
        case "progress":
            return f"{session} {record['phase']} {record['heard']}/{record['asked']}"
        case "carried":
            refused = f", {len(record['refused'])} refused ({record['refused'][0]})" if record["refused"] else ""
            return f"{session} carries {record['taken']} ballots, {record['known']} known already{refused}"
        case "waited" if missed := [each["member"] for each in record["waits"] if not each["heard"]]:
            return f"{session} {record['phase']} closed without {', '.join(missed)}"
        case "default":
            return f"{session} {record['member']} did not open its sealed report: it counts as absent"
        case "settled":
            return (
                f"{session} settled: {record['sentence'] or 'computed by others'}; digest {str(record['digest'])[:16]}"
            )
        case "aborted":
            return f"{session} aborted: {record['reason']}"
        case "custody":
            return str(record["what"])
        case "refused":
            return f"{session} {record['mechanism']} was not begun: {record['reason']}"
        case "booked" if not record["kept"]:
            return f"{session} is not in the balances: its proposer has left too many of them open"
        case "convicted":
            return f"{record['member']} convicted: {record['offence']} (evidence {record['evidence']})"
        case "members changed":
            changes = [f"+{name}" for name in record["joined"]] + [f"-{name}" for name in record["left"]]
            return f"the members changed: {len(record['members'])} in epoch {record['epoch']} ({', '.join(changes)})"
        case "missed":
            return f"{session} ended while this node was away: ask another member for its transcript"
        case "doubtful":
            return (
                f"what this node proposes as {record['label']!r} is not proposed again: others may have settled it in "
                "an epoch that it could not follow to its end; look at their transcripts, or give it another label"
            )
        case "removed":
            return f"this member does not belong to the group any more, from epoch {record['epoch']} on"
        case "status":
            return obstacle(record)
        case "stopped":
            return f"stopped: {record['reason']}"
    return None
