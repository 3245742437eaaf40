"""Why nothing is happening, in the words of one node: the answer of ``mechdesign status`` and of a node that stalls.

Everything here is this node's own view. To wait for somebody is no accusation: it may be the link, or ourselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["obstacle", "obstacles"]

_FOR_GOOD = {
    "refusing": "refusing to sign",
    "forked": "forked",
    "left": "left",
}
_REMEDY = {"refusing": "; that does not pass: come back under a new key, by an invitation of the others"}
_FOR_NOW = ("starting", "behind")


def obstacle(seen: Mapping[str, Any]) -> str | None:
    """What keeps a node from going on first of all, or None."""
    return next(_reasons(seen), None)


def obstacles(seen: Mapping[str, Any]) -> list[str]:
    """Everything that keeps a node from going on, by what it sees itself, the gravest first.

    Args:
        seen: what :func:`~mechdesign.cli.standing.standing` gave; the sessions may be left out of it.
    """
    return list(_reasons(seen))


def _reasons(seen: Mapping[str, Any]) -> Iterator[str]:
    state, detail = seen["state"], seen["detail"]
    if state in _FOR_GOOD:
        yield f"{_FOR_GOOD[state]}: {detail or 'this member is in the group no more'}{_REMEDY.get(state, '')}"
        return
    if state == "joining":
        yield f"joining: {detail}"
        if not seen["linked"]:
            yield f"no link to any of {_list(seen['members'])}"
        return
    away = list(dict.fromkeys((*seen["missing"], *seen["unreached"])))
    here, everybody = len(seen["members"]) - len(away), len(seen["members"])
    if lost := here < seen["quorum"]:
        yield (
            f"the quorum is lost: {here} of {everybody} members are here and {seen['quorum']} are needed; missing are "
            f"{_list(away)}"
        )
    if state in _FOR_NOW:
        yield f"{state}: {detail}"
    if not lost:
        yield from _absent(seen)
    if seen["view"] is not None:
        yield _change(seen)
    if seen["held"]:
        yield (
            f"{seen['held']} submissions of ours are held back until some of the {seen['pending']} that wait to be "
            "ordered are"
        )
    for session in seen.get("sessions", ()):
        awaited = [_list(session["missing"])] if session["missing"] else []
        awaited += [f"a receipt for what {_list(session['unpaid'])} deposit"] if session["unpaid"] else []
        if awaited:
            waits = f"for {' and '.join(awaited)}, {session['for_s']} s by now"
            yield f"session {session['session'][:16]} ({session['mechanism']}) waits in {session['phase']} {waits}"


def _absent(seen: Mapping[str, Any]) -> Iterator[str]:
    if seen["missing"]:
        yield f"waiting for {_list(seen['missing'])}"
    lost = [name for name in seen["unreached"] if name not in seen["missing"]]
    if lost:
        yield f"no way to {_list(lost)}"


def _change(seen: Mapping[str, Any]) -> str:
    view, quorum, everybody = seen["view"], seen["quorum"], len(seen["members"])
    changes = [*(f"+{name}" for name in view["joins"]), *(f"-{name}" for name in view["goes"])]
    begun = f"the members change ({_list(changes)})"
    if view["closed"]:
        signed = everybody - len(view["unsigned"])
        return f"{begun}: the log has ended, {signed} of {quorum} signatures are here, not of {_list(view['unsigned'])}"
    ready = everybody - len(view["unready"])
    if ready >= quorum:
        return f"{begun}: enough members are ready, and the log comes to its end"
    here = f"; {seen['hindrance']}" if seen["hindrance"] else ""
    return f"{begun} once {quorum} members are ready: not yet {_list(view['unready'])}{here}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"
