"""Whom a group of many sessions has among its members: a case for each kind of liar, cheat and schemer, and for pairs.

One villain is in a group of four, two are in one of seven. A case is named by what its villains do.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mechdesign.testing.equivocators import LIAR_KINDS
from mechdesign.testing.lying_groups import EPOCH_LIAR_KINDS
from mechdesign.testing.misbehaviour import KINDS
from mechdesign.testing.scenario import AnyLiarKind
from mechdesign.testing.schemers import SCHEMES
from mechdesign.testing.view_liars import VIEW_LIAR_KINDS

__all__ = ["CASES", "VIEW_CASES", "Villain"]


@dataclass(frozen=True, slots=True)
class Villain:
    """One member that is not honest.

    Attributes:
        lie: what it lies about in the group layer; empty for nothing.
        cheat: how it cheats in its sessions; empty for not at all.
        scheme: what it does by means that anybody has; empty for nothing out of the way.
    """

    lie: AnyLiarKind | str = ""
    cheat: str = ""
    scheme: str = ""


def _pair(*villains: Villain) -> tuple[str, tuple[Villain, ...]]:
    return " and ".join("+".join(filter(None, (each.lie, each.cheat, each.scheme))) for each in villains), villains


_PAIRS = (
    (Villain("conspire"), Villain("hide")),
    (Villain("two-faced"), Villain("two-faced")),
    (Villain("conspire", "wrong-outcome"), Villain("conspire", "bad-opening")),
    (Villain("select", "late"), Villain(cheat="no-reveal")),
    (Villain("equivocate", "bad-seal"), Villain(scheme="hoard", cheat="silent")),
    (Villain(cheat="withhold"), Villain(cheat="rubbish")),
)

_AT_THE_END = (*VIEW_LIAR_KINDS, *EPOCH_LIAR_KINDS)

VIEW_CASES: tuple[str, ...] = tuple(f"lie {kind}" for kind in _AT_THE_END)
"""The cases whose liars have something to lie about where members come or go."""

CASES: Mapping[str, tuple[Villain, ...]] = {
    "nobody": (),
    **{f"cheat {kind}": (Villain(cheat=kind),) for kind in KINDS},
    **{f"lie {kind}": (Villain(lie=kind),) for kind in LIAR_KINDS},
    **{f"lie {kind}": (Villain(lie=kind),) for kind in _AT_THE_END},
    **{f"scheme {kind}": (Villain(scheme=kind, cheat="silent" if kind == "hoard" else ""),) for kind in SCHEMES},
    **dict(_pair(*pair) for pair in _PAIRS),
    "lie promise": (Villain(lie="promise"),),
    "lie vouch-twice": (Villain(lie="vouch-twice"),),
}
"""The villains of each case, by its name."""
