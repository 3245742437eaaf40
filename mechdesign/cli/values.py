"""What a party answers, from its values file: a strategy that knows which session of a mechanism this is."""

from typing import Any

from mechdesign.cli.node_files import ValuesFile, ValueTable
from mechdesign.kernel.errors import ConfigError
from mechdesign.mechanisms.events import Asked, SessionProposed
from mechdesign.mechanisms.play import PASS
from mechdesign.player import scripted, truthful

__all__ = ["ValuesStrategy"]


class ValuesStrategy:
    """Answers by a values file.

    The k-th entry that fits a mechanism answers in its k-th session in which this player takes part, and the last one
    in all later ones. What the player declined counts for nothing, so that nobody moves its answers by a proposal that
    it never joined. Sessions are counted in the order of the log of an epoch: a player that was restarted gives the
    same answers, and the count begins anew with each change of the members.

    Args:
        values: the file.
    """

    def __init__(self, values: ValuesFile) -> None:
        self._values = values
        self._order: dict[str, list[bytes]] = {}

    def proposed(self, event: SessionProposed) -> None:
        """Count a session; to be called with each one in the order of the log, before anything is asked in it."""
        if event.answer != "enrolled":
            return
        sessions = self._order.setdefault(event.mechanism, [])
        if event.session not in sessions:
            sessions.append(event.session)

    def __call__(self, asked: Asked) -> Any:
        """The report to an ask.

        Raises:
            ConfigError: no entry of the file fits the mechanism.
        """
        mechanism = asked.mechanism.identifier
        entries = [each for each in self._values.answer if _fits(each, mechanism)]
        if not entries:
            raise ConfigError(f"the values file has no entry for {mechanism}: {asked.player} passes")
        sessions = self._order.get(mechanism, [])
        place = sessions.index(asked.session) if asked.session in sessions else 0
        entry = entries[min(place, len(entries) - 1)]
        if entry.absent:
            return PASS
        return scripted(entry.reports)(asked) if entry.reports is not None else truthful(entry.value)(asked)


def _fits(entry: ValueTable, mechanism: str) -> bool:
    return entry.mechanism in ("*", mechanism, mechanism.partition("/")[0])
