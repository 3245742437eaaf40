"""The sessions that a node is configured to propose: each is made once, as far as the node can know, over all epochs.

What counts as proposed is that the proposal was ordered and founded a session, however that ended: one that a change of
the members cut short is not proposed again. A proposal that was handed in and never founded a session (the process or
the epoch ended first, or the members were just changing) is handed in again. A node that missed the end of an epoch
cannot know what was founded at its end, and may hand in again what the others have settled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mechdesign.cli.foundings import Founding, nonce_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.mechanisms.events import ProposeSession

__all__ = ["Proposals"]


@dataclass(slots=True)
class _Item:
    after: int
    request: ProposeSession
    handed_in: bool = False


class Proposals:
    """What is still to be proposed, and which sessions have ended.

    Args:
        requests: in their order, each with how many sessions have to end before it; with labels, all different.
        proposer: ourselves.

    Attributes:
        ended: the sessions that have ended, each once, in the order in which that was learnt.
    """

    def __init__(self, requests: Iterable[tuple[int, ProposeSession]], proposer: MemberId) -> None:
        self.ended: dict[bytes, None] = {}
        self._proposer = proposer
        self._items = {nonce_of(request.label, proposer): _Item(after, request) for after, request in requests}

    @property
    def waiting(self) -> bool:
        """Whether something has yet to be handed in."""
        return any(not item.handed_in for item in self._items.values())

    def founded(self, proposer: MemberId, nonce: bytes) -> None:
        """A session was founded by a proposal with this nonce: if it is one of ours, it is made."""
        if proposer == self._proposer:
            self._items.pop(nonce, None)

    def end(self, session: bytes, founding: Founding | None) -> None:
        """A session has ended, and its transcript, if there is one, begins so."""
        self.ended[session] = None
        if founding is not None:
            self.founded(founding.proposer, founding.nonce)

    def begin_epoch(self) -> None:
        """The members have changed: what was handed in and founded no session did not come into their order."""
        for item in self._items.values():
            item.handed_in = False

    def hand_in(self, propose: Callable[[ProposeSession], None]) -> None:
        """Propose what waits for no further session to end.

        Raises:
            Exception: what ``propose`` raised; that proposal and those behind it still wait.
        """
        while (item := self._due()) is not None:
            propose(item.request)
            item.handed_in = True

    def _due(self) -> _Item | None:
        due = (item for item in self._items.values() if not item.handed_in and item.after <= len(self.ended))
        return next(due, None)
