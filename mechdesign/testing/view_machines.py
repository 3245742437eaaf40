"""What runs at each place of a group whose members come and go: honest machines, and liars of every kind."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, cast

from mechdesign.group.committer import CommitRule
from mechdesign.group.core import GroupCore
from mechdesign.group.evidence import convict
from mechdesign.group.group import Group
from mechdesign.group.layer import GroupLayer, LayerEffect
from mechdesign.group.messages import Delivered, GroupEffect
from mechdesign.group.multicast.multicast import Means
from mechdesign.group.multicast.private import PRIVATE
from mechdesign.group.roster import Roster
from mechdesign.group.views.epoch import Epoch
from mechdesign.group.views.invitation import Invitation
from mechdesign.kernel.config import GroupConfig
from mechdesign.kernel.crypto import MemberId, SignatureScheme, Signer
from mechdesign.kernel.exchange import PlainExchange
from mechdesign.kernel.machine import Entropy
from mechdesign.testing.adversaries import Plan, Stage
from mechdesign.testing.equivocators import COLLUDING_KINDS, LIAR_KINDS, corrupt
from mechdesign.testing.letter_liars import LETTER_LIAR_KINDS, LetterLiar
from mechdesign.testing.lying_groups import LastWave, LyingGroup, TwoGroups
from mechdesign.testing.scenario import AnyLiarKind
from mechdesign.testing.view_liars import ViewLiar, ViewLiarKind

__all__ = ["PROOF", "Machines", "OpenLayer"]

PROOF = b"proof against "
"""With a key behind it, what excludes anybody in these groups."""


class OpenLayer(GroupLayer):
    """A group layer that tells of private messages also how they stand in the log, for checkers to compare."""

    group: Group

    @property
    def epochs(self) -> list[Epoch]:
        """Those that run here."""
        return self.group.epochs

    def _beside_order(self, effect: GroupEffect) -> Sequence[LayerEffect]:
        told = super()._beside_order(effect)
        private = isinstance(effect, Delivered) and effect.submission.kind == PRIVATE
        return (effect, *told) if private else told


class Machines:
    """Makes the machines of one run.

    Args:
        signers: of all who may ever be members, by place.
        scheme: checks signatures.
        config: how eagerly members advance.
        liars: kind of lie by place.
        seed: names every stream of chance.
        camp: who is on one of the two sides between which liars tell members apart.
        drains: whether a layer above has to be ready before an epoch ends.
        letters: whether members have the means for messages to some of the others.
        rule: the commit rule.
    """

    def __init__(
        self,
        signers: Sequence[Signer],
        scheme: SignatureScheme,
        config: GroupConfig,
        liars: Mapping[int, AnyLiarKind],
        seed: int | str,
        camp: frozenset[MemberId],
        *,
        drains: bool,
        letters: bool,
        rule: CommitRule | None,
    ) -> None:
        self._signers = signers
        self._scheme = scheme
        self._config = config
        self._liars = liars
        self._seed = seed
        self._camp = camp
        self._drains = drains
        self._letters = letters
        self._rule = rule
        self._plan = Plan()

    def make(self, place: int, start: Roster | Invitation, entropy: Entropy) -> Any:
        """What runs at a place in one life."""
        kind, chance = self._liars.get(place), Random(f"{self._seed}/liar/{place}")
        if kind is None:
            return self._layered(place, self._group(place, start), entropy)
        if kind in LIAR_KINDS or kind == "last-wave":
            stage = partial(self._stage, place, chance)
            lie = LastWave if kind == "last-wave" else partial(corrupt, kind)
            group = LyingGroup(
                lie, stage, start, self._signers[place], self._scheme, self._config, **self._options(self._drains)
            )
            return self._layered(place, group, entropy)
        if kind == "two-groups":
            make: Callable[[], Any] = partial(self._fresh, place, start, entropy)
            return TwoGroups(make, self._camp, chance)
        layer = self._layered(place, self._group(place, start, ready=kind != "unready"), entropy)
        if kind in LETTER_LIAR_KINDS:
            return LetterLiar(kind, layer, self._signers[place], self._scheme, chance)
        return ViewLiar(cast(ViewLiarKind, kind), layer, self._signers[place], self._drains, chance)

    def _fresh(self, place: int, start: Roster | Invitation, entropy: Entropy) -> Any:
        return self._layered(place, self._group(place, start), entropy)

    def _group(self, place: int, start: Roster | Invitation, *, ready: bool = True) -> Group:
        """An honest group machine; one that is not ``ready`` leaves that to the layer above in any case."""
        options = self._options(self._drains or not ready)
        return Group(start, self._signers[place], self._scheme, self._config, **options)

    def _options(self, drains: bool) -> dict[str, Any]:
        return {"convicts": self.convicts, "carry_over": not drains, "rule": self._rule}

    def _layered(self, place: int, group: Group, entropy: Entropy) -> Any:
        if not self._letters:
            return group
        signer = self._signers[place]
        means = Means(PlainExchange(), PlainExchange.Holder(signer.public), entropy)
        return OpenLayer(group, signer, self._scheme, self._config, means)

    def _stage(self, place: int, chance: Random, roster: Roster, make: Callable[[], GroupCore]) -> Stage:
        """What a liar works with in one epoch."""
        sides = frozenset(at for at, member in enumerate(roster.ids) if member in self._camp)
        colluding = {self._signers[other].public for other, kind in self._liars.items() if kind in COLLUDING_KINDS}
        league = frozenset(at for at, member in enumerate(roster.ids) if member in colluding)
        return Stage(roster, self._signers[place], make, sides, league, chance, plan=self._plan, heeded=True)

    def convicts(self, evidence: bytes, roster: Roster) -> MemberId | None:
        """In these groups a proof is a word and a key, so that anybody can be excluded."""
        if evidence.startswith(PROOF):
            return MemberId(evidence[len(PROOF) :])
        return convict(evidence, roster, self._scheme)
