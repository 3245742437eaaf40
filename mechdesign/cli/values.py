"""What a party answers, from its values file: a strategy that knows which of its entries a session is for."""

from collections.abc import Callable, Iterable
from typing import Any

from mechdesign.cli.node_files import ValuesFile, ValueTable
from mechdesign.cli.notebook import Counted
from mechdesign.decision.proposal import nonce_of
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import ConfigError
from mechdesign.mechanisms.events import Asked, SessionProposed
from mechdesign.mechanisms.play import PASS
from mechdesign.player import scripted, truthful

__all__ = ["ValuesStrategy"]


class ValuesStrategy:
    """Answers by a values file.

    For a session those entries count that fit it best: those with its label, else those with its proposer, else the
    rest. The k-th of them answers in the k-th session of the mechanism for which they count and in which this player
    takes part, and the last one in all later ones. What the player declined moves nothing, and nobody moves the answers
    to somebody else's proposals where entries name the proposer.

    Args:
        values: the file.
        counted: the sessions that were counted in earlier lives, in their order, as ``note`` was told.
        note: is told of each session when it is counted, before anything is answered in it.
    """

    def __init__(
        self,
        values: ValuesFile,
        counted: Iterable[Counted] = (),
        note: Callable[[Counted], None] | None = None,
    ) -> None:
        self._values = values
        self._note = note
        # By session, in their order: its mechanism, and the entries that count for it.
        self._counted: dict[bytes, tuple[str, tuple[ValueTable, ...]]] = {}
        for session in counted:
            self._count(session)

    def proposed(self, event: SessionProposed) -> None:
        """Count a session; to be called with each one in the order of the log, before anything is asked in it."""
        if event.answer != "enrolled" or event.session in self._counted:
            return
        session = Counted(
            session=event.session.hex(),
            mechanism=event.mechanism,
            proposer=event.proposer,
            key=event.key.hex(),
            nonce=event.nonce.hex(),
        )
        if self._note is not None:
            self._note(session)
        self._count(session)

    def __call__(self, asked: Asked) -> Any:
        """The report to an ask.

        Raises:
            ConfigError: no entry of the file is for this session.
        """
        mechanism = asked.mechanism.identifier
        kind = self._counted.get(asked.session, (mechanism, self._entries(mechanism, "", b"", b"")))
        entries = kind[1]
        if not entries:
            raise ConfigError(f"the values file has no entry for this session of {mechanism}: {asked.player} passes")
        alike = [session for session, each in self._counted.items() if each == kind]
        place = alike.index(asked.session) if asked.session in alike else 0
        entry = entries[min(place, len(entries) - 1)]
        if entry.absent:
            return PASS
        return scripted(entry.reports)(asked) if entry.reports is not None else truthful(entry.value)(asked)

    def _count(self, session: Counted) -> None:
        key, nonce = bytes.fromhex(session.key), bytes.fromhex(session.nonce)
        entries = self._entries(session.mechanism, session.proposer, key, nonce)
        self._counted[bytes.fromhex(session.session)] = session.mechanism, entries

    def _entries(self, mechanism: str, proposer: str, key: bytes, nonce: bytes) -> tuple[ValueTable, ...]:
        """The entries that fit a session best, in their order."""
        named = [entry for entry in self._values.answer if _fits(entry, mechanism) and entry.proposer == proposer]
        labelled = tuple(entry for entry in named if entry.label and nonce_of(entry.label, MemberId(key)) == nonce)
        by_it = tuple(entry for entry in named if entry.proposer and not entry.label)
        anybodys = (entry for entry in self._values.answer if _fits(entry, mechanism) and not entry.proposer)
        return labelled or by_it or tuple(anybodys)


def _fits(entry: ValueTable, mechanism: str) -> bool:
    return entry.mechanism in ("*", mechanism, mechanism.partition("/")[0])
