"""Liars of one epoch (see :mod:`mechdesign.testing.equivocators`) in groups whose epochs follow one another.

The group around the lie is honest: it signs the end of the epoch and goes on to the next, where the lie begins anew.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from mechdesign.group.core import GroupCore
from mechdesign.group.group import Group
from mechdesign.group.roster import Roster
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import SignatureScheme, Signer
from mechdesign.kernel.machine import Instant
from mechdesign.testing.adversaries import Liar, Stage
from mechdesign.testing.equivocators import LiarKind, corrupt

__all__ = ["LyingGroup"]


class _LyingCore:
    """The core of a liar in one epoch, as the group around it sees it."""

    def __init__(self, kind: LiarKind, stage: Stage) -> None:
        self._kind = kind
        self._stage = stage
        self._liar: Liar | None = None
        self._blank = stage.make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blank if self._liar is None else self._liar.core, name)

    @property
    def deadline(self) -> Instant | None:
        """The liar's."""
        return None if self._liar is None else self._liar.deadline

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Begin to lie; what was written before is forgotten."""
        self._liar = cast(Liar, corrupt(self._kind, self._stage, now))
        return ()

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """As the liar does."""
        assert self._liar is not None
        return self._liar.submit(request, now)

    def receive(self, incoming: Any, now: Instant) -> Sequence[object]:
        """As the liar does."""
        assert self._liar is not None
        return self._liar.receive(incoming, now)

    def tick(self, now: Instant) -> Sequence[object]:
        """As the liar does."""
        assert self._liar is not None
        return self._liar.tick(now)


class LyingGroup(Group):
    """A group machine whose core lies in each epoch.

    Args:
        kind: how.
        stage: what the liar works with in an epoch, given its roster and what makes an honest core.
        start: as for an honest group.
        signer: signs for the liar.
        scheme: checks everybody's signatures.
        config: local settings.
        options: as for an honest group.
    """

    def __init__(
        self,
        kind: LiarKind,
        stage: Callable[[Roster, Callable[[], GroupCore]], Stage],
        start: Roster | Invitation,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        **options: Any,
    ) -> None:
        self._kind = kind
        self._stage = stage
        super().__init__(start, signer, scheme, config, **options)

    def _run(self, roster: Roster) -> Epoch:
        epoch = super()._run(roster)

        def make() -> GroupCore:
            return super(LyingGroup, self)._run(roster).core

        epoch.core = cast(GroupCore, _LyingCore(self._kind, self._stage(roster, make)))
        return epoch
