"""Liars of one epoch (see :mod:`mechdesign.testing.equivocators`) in groups whose epochs follow one another.

The group around the lie is honest: it signs the end of the epoch and goes on to the next, where the lie begins anew.
One kind of liar, :class:`TwoGroups`, is no such group but two of them, one for each half of the members.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal, cast, get_args

from mechdesign.group.block import Block, parse_block
from mechdesign.group.core import GroupCore
from mechdesign.group.group import Group
from mechdesign.group.messages import Append, Broadcast, Change, Compact, Ready
from mechdesign.group.roster import Roster
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.testing.adversaries import Liar, Stage
from mechdesign.testing.equivocators import Equivocator
from mechdesign.testing.simulator import AnyMachine
from mechdesign.transport.messages import LinkDown, LinkEvent, LinkUp, Send

__all__ = ["EPOCH_LIAR_KINDS", "EpochLiarKind", "LastWave", "Lie", "LyingGroup", "TwoGroups"]

EpochLiarKind = Literal["last-wave", "two-groups"]
"""Name of a way to equivocate where epochs end."""

EPOCH_LIAR_KINDS: tuple[EpochLiarKind, ...] = get_args(EpochLiarKind)

Lie = Callable[[Stage, Instant], AnyMachine]
"""Begins to lie in one epoch."""


class _LyingCore:
    """The core of a liar in one epoch, as the group around it sees it."""

    def __init__(self, lie: Lie, stage: Stage) -> None:
        self._lie = lie
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
        self._liar = cast(Liar, self._lie(self._stage, now))
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
        lie: how.
        stage: what the liar works with in an epoch, given its roster and what makes an honest core.
        start: as for an honest group.
        signer: signs for the liar.
        scheme: checks everybody's signatures.
        config: local settings.
        options: as for an honest group.
    """

    def __init__(
        self,
        lie: Lie,
        stage: Callable[[Roster, Callable[[], GroupCore]], Stage],
        start: Roster | Invitation,
        signer: Signer,
        scheme: SignatureScheme,
        config: GroupConfig,
        **options: Any,
    ) -> None:
        self._lie = lie
        self._stage = stage
        super().__init__(start, signer, scheme, config, **options)

    def _run(self, roster: Roster) -> Epoch:
        epoch = super()._run(roster)

        def make() -> GroupCore:
            return super(LyingGroup, self)._run(roster).core

        epoch.core = cast(GroupCore, _LyingCore(self._lie, self._stage(roster, make)))
        return epoch


class LastWave(Equivocator):
    """Honest until the members change; from there to the end of the epoch it makes twins, and shows some members none.

    Who decides the last leader, and by which of the twins, then differs from member to member as much as it can.
    """

    def __init__(self, stage: Stage, now: Instant) -> None:
        super().__init__(stage, now)
        self._in_slots = self._late = False
        self._share = self.chance.choice((0.5, 1.0))
        # After so many rounds of lies it says nothing any more.
        self._words = self.chance.choice((1, 2, 3, 6, 1000))
        self._blind: dict[int, frozenset[int]] = {}

    def _shown(self, wire: bytes, peer: int | None) -> bytes | None:
        shown = super()._shown(wire, peer)
        block = None if shown is None else parse_block(shown, self.roster)
        if block is None or block.author != self.place:
            return shown
        hidden = peer in self._blind.get(block.round, ()) or len(self._blind) > self._words
        return None if hidden else shown

    def _plot(self, block: Block) -> Block | None:
        if self.core.order.view.since is None:
            self._camp[block.round] = frozenset()
            return None
        places = range(self.roster.n)
        self._blind[block.round] = frozenset(self.chance.sample(places, self.chance.choice((0, 0, 1, 2, len(places)))))
        return super()._plot(block)


class TwoGroups:
    """Two whole group machines under one key, each of which knows only its own half of the members.

    So the halves are told different things about everything: blocks and what is in them, with what state the member is
    ready, which end of the epoch it signs, how the epochs follow one another, and whether it leaves. It keeps no
    journal: after a restart both begin where the member once began.

    Args:
        make: makes an honest machine, for one half.
        camp: the members of one half.
        chance: the liar's own stream of chance.
    """

    def __init__(self, make: Callable[[], Any], camp: frozenset[MemberId], chance: Random) -> None:
        self._make = make
        self._camp = camp
        self._chance = chance
        self._faces = [make(), make()]
        self._peers: dict[MemberId, None] = {}

    @property
    def group(self) -> Any:
        """The face that counts where one is asked for."""
        return self._faces[0]

    @property
    def roster(self) -> Roster:
        """Where that face is."""
        return cast(Roster, self.group.roster)

    @property
    def deadline(self) -> Instant | None:
        """The earlier of the two."""
        return min((face.deadline for face in self._faces if face.deadline is not None), default=None)

    def restore(self, _: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Begin, as if nothing had been."""
        return [said for index in (0, 1) for said in self._act(index, "restore", (), now)]

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Say one thing to the one half, and another to the other."""
        match request:
            case Broadcast():
                other: Any = replace(request, data=request.data + b"'")
            case Ready(state):
                other = Ready(state + b"'")
            case _ if isinstance(request, Change):
                return self._act(self._chance.randrange(2), "submit", request, now)
            case _:
                other = request
        return [*self._act(0, "submit", request, now), *self._act(1, "submit", other, now)]

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[object]:
        """Let the face hear it to whose half the sender belongs."""
        match incoming:
            case LinkUp(peer):
                self._peers[peer] = None
            case LinkDown(peer):
                self._peers.pop(peer, None)
        return self._act(int(incoming.peer in self._camp), "receive", incoming, now)

    def tick(self, now: Instant) -> Sequence[object]:
        """Let each work that has work."""
        due = [index for index, face in enumerate(self._faces) if face.deadline is not None and face.deadline <= now]
        return [said for index in due for said in self._act(index, "tick", now)]

    def _act(self, index: int, verb: str, *arguments: object) -> list[object]:
        try:
            effects = getattr(self._faces[index], verb)(*arguments)
        except LocalProtocolError:
            return []
        except KeyError:
            # Twins under its own name are a state that no honest machine can be in: this half begins anew.
            return self._again(index, cast(Instant, arguments[-1]))
        for epoch in self._epochs(index):
            # Neither does it have scruples when it meets them.
            epoch.core._gate.refusal = ""
        told = [effect for effect in effects if not isinstance(effect, Append | Compact)]
        return told if index == 0 else [effect for effect in told if isinstance(effect, Send)]

    def _epochs(self, index: int) -> Sequence[Epoch]:
        return cast(Sequence[Epoch], self._faces[index].epochs)

    def _again(self, index: int, now: Instant) -> list[object]:
        self._faces[index] = self._make()
        said = self._act(index, "restore", (), now)
        for peer in self._peers:
            if int(peer in self._camp) == index:
                said += self._act(index, "receive", LinkUp(peer), now)
        return said
