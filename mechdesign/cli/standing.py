"""A node's local view as plain data: what ``mechdesign status`` shows and a node's event stream tells."""

from collections.abc import Mapping
from typing import Any

from mechdesign.cli.output import Table
from mechdesign.group.roster import Roster
from mechdesign.kernel.machine import SECOND, Instant
from mechdesign.node import NodeStatus

__all__ = ["Pulse", "members_table", "sessions_table", "standing"]


class Pulse:
    """Since when a node's newest round has been the same, as far as anybody looked."""

    def __init__(self) -> None:
        self._round: int | None = None
        self._since: Instant = 0

    def still(self, round_: int, now: Instant) -> Instant:
        """For how long this has been the newest round."""
        if round_ != self._round:
            self._round, self._since = round_, now
        return now - self._since


def standing(status: NodeStatus, roster: Roster, now: Instant, pulse: Pulse) -> dict[str, Any]:
    """What a node sees, as plain data.

    Args:
        status: its status.
        roster: the roster of its present epoch.
        now: an instant of the node's clock, for how long sessions have waited.
        pulse: the node's, the same in all calls.
    """
    group = status.stack.group
    # A round is on its way for less than that: whoever is not heard of meanwhile is missing, and nobody before.
    missing = group.missing if pulse.still(group.round, now) >= SECOND else ()
    called = roster.name
    links = dict.fromkeys(group.linked)
    others = [member.id for member in roster.members if member.name != status.name]
    return {
        "member": status.name,
        "group": roster.group,
        "epoch": roster.epoch,
        "state": group.state,
        "detail": group.detail,
        "faults": roster.faults.value,
        "quorum": roster.q,
        "round": group.round,
        "highest": group.highest,
        "commits": group.commits,
        "checkpoint": group.checkpoint,
        "delivered": group.delivered,
        "pending": group.pending,
        "parked": group.parked,
        "pulls": group.pulls,
        "members": [member.name for member in roster.members],
        "linked": [called(member) for member in group.linked],
        "unlinked": [called(member) for member in others if member not in links],
        "unreached": [called(member) for member in others if member not in links and member not in group.reached],
        "cut_vertices": [called(member) for member in group.cut_vertices],
        "heard": [called(member) for member in group.heard],
        "missing": [called(member) for member in missing],
        "suspected": [called(member) for member in group.suspected],
        "equivocators": [called(member) for member in group.equivocators],
        "dropped": {reason: count for reason, count in group.dropped if count},
        "hindrance": status.stack.hindrance,
        "held": status.stack.held,
        "carried": dict(status.counters),
        "convicted": [{"member": called(member), "offence": offence} for member, offence in status.stack.convicts],
        "waited": [
            {
                "member": called(each.member),
                "total_s": round(each.total_us / SECOND, 3),
                "longest_s": round(each.longest_us / SECOND, 3),
                "unheard": each.unheard,
            }
            for each in status.stack.suspicions
        ],
        "view": None
        if group.view is None
        else {
            "joins": list(group.view.joins),
            "goes": list(group.view.goes),
            "unready": [called(member) for member in group.view.unready],
            "closed": group.view.closed,
            "unsigned": [called(member) for member in roster.ids if member not in group.view.signed],
        },
        "sessions": [
            {
                "session": session.session.hex(),
                "mechanism": session.mechanism,
                "phase": str(session.phase),
                "step": session.step,
                "heard": session.heard,
                "asked": session.asked,
                "missing": list(session.missing),
                "unpaid": list(session.unpaid),
                "for_s": max(0, now - session.since) // SECOND,
            }
            for session in status.stack.sessions
        ],
    }


def members_table(seen: Mapping[str, Any]) -> Table:
    """Who is linked, heard, missing, suspected or an equivocator."""
    rows = []
    waited = {each["member"]: each for each in seen["waited"]}
    for name in seen["members"]:
        notes = [word for word in ("missing", "suspected") if name in seen[word]]
        notes += ["equivocated"] if name in seen["equivocators"] else []
        link = _link(seen, name)
        late = waited.get(name)
        longest = f"{late['longest_s']:.1f}" if late else "-"
        rows.append((name, link, "yes" if name in seen["heard"] else "no", longest, ", ".join(notes)))
    return Table(("member", "link", "heard lately", ">longest wait s", "note"), rows)


def _link(seen: Mapping[str, Any], name: str) -> str:
    if name == seen["member"]:
        return "this node"
    if name in seen["linked"]:
        return "up"
    return "down" if name in seen["unreached"] else "by way of others"


def sessions_table(seen: Mapping[str, Any]) -> Table:
    """The open sessions and whom each waits for."""
    return Table(
        ("session", "mechanism", "phase", ">heard", ">for s", "waits for"),
        [
            (
                each["session"][:16],
                each["mechanism"],
                each["phase"],
                f"{each['heard']}/{each['asked']}",
                str(each["for_s"]),
                ", ".join([*each["missing"], *(f"the deposit of {name}" for name in each["unpaid"])]) or "-",
            )
            for each in seen["sessions"]
        ],
    )
