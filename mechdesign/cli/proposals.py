"""The sessions that a node is configured to propose: each is made at most once, in all its lives and epochs.

What counts as proposed is that the proposal was ordered and founded a session, however that ended: one that a change of
the members cut short is not proposed again. A proposal that was handed in and never founded a session (the process or
the epoch ended first, or the members were just changing) is handed in again: in the same epoch, where it is known by
its name, and in a later one if the node has seen that the epoch before founded none.

A node that was away at the end of an epoch cannot know that. What it handed in there it has written down beforehand,
and does not hand in again: settled twice is worse than not at all, and its operator can give it another label.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mechdesign.cli.foundings import Founding
from mechdesign.cli.notebook import HandedIn, Notebook
from mechdesign.decision.proposal import nonce_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.mechanisms.events import ProposeSession

__all__ = ["Proposals"]


@dataclass(slots=True)
class _Item:
    """One session to propose.

    Attributes:
        after: how many sessions have to end before.
        request: the session.
        handed_in: whether this life has done it, in the present epoch.
        epoch: where it was handed in last, if no later one has shown that it founded nothing there.
    """

    after: int
    request: ProposeSession
    handed_in: bool = False
    epoch: str = ""


class Proposals:
    """What is still to be proposed, and which sessions have ended.

    Args:
        requests: in their order, each with how many sessions have to end before it; with labels, all different.
        proposer: ourselves.
        notebook: what was handed in where.

    Attributes:
        ended: the sessions that have ended, each once, in the order in which that was learnt.
    """

    def __init__(self, requests: Iterable[tuple[int, ProposeSession]], proposer: MemberId, notebook: Notebook) -> None:
        self.ended: dict[bytes, None] = {}
        self._proposer = proposer
        self._notebook = notebook
        self._epoch = ""
        self._items = {nonce_of(request.label, proposer): _Item(after, request) for after, request in requests}
        for made in notebook.handed_in:
            if (item := self._items.get(bytes.fromhex(made.proposal))) is not None:
                item.epoch = made.epoch

    @property
    def waiting(self) -> bool:
        """Whether something has yet to be handed in."""
        return any(not item.handed_in and not self._doubtful(item) for item in self._items.values())

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The labels of what is not handed in again: an epoch may have founded it whose end this node has missed."""
        return tuple(item.request.label for item in self._items.values() if self._doubtful(item))

    def _doubtful(self, item: _Item) -> bool:
        return item.epoch not in ("", self._epoch)

    def founded(self, proposer: MemberId, nonce: bytes) -> None:
        """A session was founded by a proposal with this nonce: if it is one of ours, it is made."""
        if proposer == self._proposer:
            self._items.pop(nonce, None)

    def end(self, session: bytes, founding: Founding | None) -> None:
        """A session has ended, and its transcript, if there is one, begins so."""
        self.ended[session] = None
        if founding is not None:
            self.founded(founding.proposer, founding.nonce)

    def enter(self, epoch: bytes) -> None:
        """Go on in an epoch that a journal has brought back.

        Args:
            epoch: digest of its roster.
        """
        self._epoch = epoch.hex()

    def leave(self) -> None:
        """This node is no member any more."""
        self._epoch = ""

    def begin_epoch(self, epoch: bytes, *, missed: bool) -> None:
        """The members have changed.

        Args:
            epoch: digest of their roster.
            missed: whether this node did not see what the epoch before founded at its end.
        """
        for nonce, item in self._items.items():
            item.handed_in = False
            if item.epoch and item.epoch == self._epoch and not missed:
                self._write(nonce, item, "")
        self.enter(epoch)

    def _write(self, nonce: bytes, item: _Item, epoch: str) -> None:
        self._notebook.write(HandedIn(proposal=nonce.hex(), epoch=epoch))
        item.epoch = epoch

    def hand_in(self, propose: Callable[[ProposeSession], None]) -> None:
        """Propose what waits for no further session to end.

        Raises:
            Exception: what ``propose`` raised; that proposal and those behind it still wait.
        """
        while (due := self._due()) is not None:
            nonce, item = due
            # Before it leaves: whoever is cut off next must know of it in later epochs.
            if item.epoch != self._epoch:
                self._write(nonce, item, self._epoch)
            propose(item.request)
            item.handed_in = True

    def _due(self) -> tuple[bytes, _Item] | None:
        waiting = ((nonce, item) for nonce, item in self._items.items() if not item.handed_in)
        due = (each for each in waiting if not self._doubtful(each[1]) and each[1].after <= len(self.ended))
        return next(due, None)
