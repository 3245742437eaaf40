"""Members that lie in the group layer while their sessions go on: whole stacks above lying cores.

The kinds are those of :mod:`~mechdesign.testing.equivocators`, :mod:`~mechdesign.testing.view_liars` and
:mod:`~mechdesign.testing.lying_groups`. A liar's sessions are honest unless it cheats there, too
(:mod:`~mechdesign.testing.misbehaviour`): what its core orders is handed up to them, and what they say is what the core
lies about. A two-faced member is two whole stacks under one key, one for each camp, which report differently; one of
two groups is so through all epochs. Lies about letters are left out: no session writes any.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, cast

from mechdesign.group.core import GroupCore
from mechdesign.group.group import Group
from mechdesign.group.messages import Append, Change, Compact
from mechdesign.group.roster import Roster
from mechdesign.group.views.epoch import Epoch
from mechdesign.kernel.crypto import Signer
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.mechanisms.events import Asked, Report
from mechdesign.stack import Stack
from mechdesign.testing.adversaries import Plan, Stage
from mechdesign.testing.equivocators import COLLUDING_KINDS, LIAR_KINDS, LiarKind, TwoFaced, corrupt
from mechdesign.testing.lying_groups import LastWave, LyingGroup, TwoGroups
from mechdesign.testing.misbehaviour import Crashed
from mechdesign.testing.scenario import AnyLiarKind
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS, ViewLiar
from mechdesign.transport.messages import LinkEvent, Send

__all__ = ["League"]


class League:
    """The liars of one group, which may know of one another.

    Args:
        seed: names their streams of chance.
        n: how many members the group has.
        lies: by place, what a member lies about in the group layer; empty for nothing.
        cheats: by place, what makes a cheat of its stack, see :mod:`~mechdesign.testing.misbehaviour`.
    """

    def __init__(
        self,
        seed: int | str,
        n: int,
        lies: Mapping[int, AnyLiarKind | str],
        cheats: Mapping[int, Callable[[Stack], Stack]] | None = None,
    ) -> None:
        chance = Random(f"{seed}/league")
        self._seed = seed
        self._lies = dict(lies)
        self._cheats = dict(cheats or {})
        self._camp = frozenset(chance.sample(range(n), chance.randint(1, n - 1))) if n > 1 else frozenset({0})
        self._plan = Plan()

    def corrupt(self, roster: Roster, signer: Signer, make: Callable[[], Stack]) -> Any:
        """The machine of one of them, see :class:`~mechdesign.testing.stacks.Corrupt`."""
        place = roster.place(signer.public)
        assert place is not None, "a liar founds the group"
        lie, cheat = self._lies.get(place, ""), self._cheats.get(place, _honest)
        chance = Random(f"{self._seed}/liar/{place}")
        if lie == "two-groups":
            half = frozenset(roster.ids[at] for at in self._camp)
            return _TwoGroupsStack(lambda: cheat(make()), half, chance)
        if lie == "two-faced":
            stage = self._stage(signer, chance, roster, lambda: make().group.group.epochs[0].core)
            return _TwoFacedStack(stage, (cheat(make()), cheat(make())))
        stack = make()
        layer, group = stack.group, stack.group.group
        if lie in (*LIAR_KINDS, "promise", "last-wave"):

            def stage_of(now: Roster, core: Callable[[], GroupCore]) -> Stage:
                return self._stage(signer, chance, now, core)

            begin = LastWave if lie == "last-wave" else partial(corrupt, cast(LiarKind, lie))
            own = layer._scheme, layer._config
            layer.group = LyingGroup(begin, stage_of, roster, signer, *own, convicts=group._convicts)
        elif lie in VIEW_LIAR_KINDS:
            layer.group = cast(Group, _ViewLiar(lie, group, signer, True, chance))
        return _Mortal(cheat(stack))

    def _stage(self, signer: Signer, chance: Random, roster: Roster, make: Callable[[], GroupCore]) -> Stage:
        """What a liar works with in one epoch; the camps are named by places in the first."""
        me = roster.place(signer.public)
        mine = self._lies.get(-1 if me is None else me)
        league = frozenset(
            place
            for place, kind in self._lies.items()
            if kind in COLLUDING_KINDS and (kind == "two-faced") == (mine == "two-faced")
        )
        return Stage(roster, signer, make, self._camp, league, chance, plan=self._plan, heeded=True)


def _honest(stack: Stack) -> Stack:
    return stack


class _ViewLiar(ViewLiar):
    """One that stands where a stack has its group."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.group, name)


class _Mortal:
    """A whole stack that hears and says nothing more once it raised :class:`Crashed`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    @property
    def deadline(self) -> Instant | None:
        """The stack's, while it lives."""
        return None if self._dead else self._stack.deadline

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Take a request."""
        return self._alive(lambda: self._stack.submit(request, now))

    def receive(self, incoming: LinkEvent, now: Instant) -> Sequence[object]:
        """Take a link event."""
        return self._alive(lambda: self._stack.receive(incoming, now))

    def tick(self, now: Instant) -> Sequence[object]:
        """Do what is due."""
        return self._alive(lambda: self._stack.tick(now))

    def _alive(self, act: Callable[[], Sequence[object]]) -> Sequence[object]:
        try:
            return () if self._dead else act()
        except Crashed:
            self._dead = True
            return ()


class _TwoFacedStack(TwoFaced):
    """Two honest stacks under one key; towards its accomplices each speaks with its own face."""

    def __init__(self, stage: Stage, stacks: tuple[Stack, Stack]) -> None:
        self._stage = stage
        self._stacks = stacks
        self._faces = cast(Any, stacks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stacks[0], name)

    def restore(self, records: Iterable[tuple[str, bytes, bytes]], now: Instant) -> Sequence[object]:
        """Begin with both."""
        return [said for index, face in enumerate(self._stacks) for said in self._out(index, face.restore((), now))]

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Let both say it; the second one passes where the first one reports."""
        said: list[object] = []
        for index, face in enumerate(self._stacks):
            mine = replace(request, value=None) if index and isinstance(request, Report) else request
            try:
                said += self._out(index, face.submit(mine, now))
            except LocalProtocolError:  # this face has not come so far, or hears nobody
                continue
        return said

    def _out(self, index: int, effects: Sequence[object]) -> list[object]:
        # One member has one journal and tells one story; but both faces want to be asked.
        kept = effects if not index else [each for each in effects if isinstance(each, Send | Asked)]
        return super()._out(index, [each for each in kept if not isinstance(each, Append | Compact)])


class _TwoGroupsStack(TwoGroups):
    """Two honest stacks under one key, one for each half of the members, in every epoch; they report differently."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._faces[0], name)

    @property
    def roster(self) -> Roster:
        """Where the first face is."""
        return cast(Stack, self._faces[0]).roster

    def submit(self, request: Any, now: Instant) -> Sequence[object]:
        """Let both say it; the second one passes where the first one reports, and one of them may leave."""
        if isinstance(request, Change):
            return super().submit(request, now)
        other = replace(request, value=None) if isinstance(request, Report) else request
        return [*self._act(0, "submit", request, now), *self._act(1, "submit", other, now)]

    def _epochs(self, index: int) -> Sequence[Epoch]:
        return cast(Stack, self._faces[index]).group.group.epochs
