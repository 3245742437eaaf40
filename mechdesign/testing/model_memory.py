"""What makes the search of the model fast: copies of worlds, and pure functions that are computed once.

A world is copied at every step. Whatever is frozen is shared by all worlds; the rest goes through pickle, which is many
times faster than ``deepcopy``.
"""

import gc
import io
import pickle
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any
from unittest.mock import patch

from mechdesign.decision import core, setting, vault, voice
from mechdesign.decision.ballots.gathering import Said
from mechdesign.decision.books import Balance, Due, Purse
from mechdesign.decision.certificate import Certificate, Entry
from mechdesign.decision.entries import AttestEntry
from mechdesign.decision.proposal import Proposal
from mechdesign.decision.sealing.threshold import Committee, Dealing, EncryptionKey, Share
from mechdesign.decision.secret import Secret
from mechdesign.decision.setting import Setting
from mechdesign.decision.suspicion import Delay
from mechdesign.decision.voice import Voice
from mechdesign.group.messages import Broadcast, Delivered, Submission, ViewChanging
from mechdesign.group.roster import Roster
from mechdesign.kernel.flow import Flow
from mechdesign.testing.model_world import Case, Entropy, World
from mechdesign.testing.remembered import remembered_points

__all__ = ["freeze", "remembering", "thaw"]

_FROZEN = frozenset(
    {
        AttestEntry,
        Balance,
        Broadcast,
        Case,
        Certificate,
        Committee,
        Dealing,
        Delay,
        Delivered,
        Due,
        EncryptionKey,
        Entropy,
        Entry,
        Flow,
        Fraction,
        Proposal,
        Purse,
        Roster,
        Said,
        Secret,
        Setting,
        Share,
        Submission,
        ViewChanging,
        Voice,
        bytes,
    }
)
_PURE: tuple[tuple[Any, str], ...] = (
    (core, "parse"),
    (setting, "committee_of"),
    (Proposal, "parse"),
    (voice, "deal"),
    (voice, "contribute"),
    (voice, "open_share"),
    (vault, "parse_dealing"),
    (vault, "parse_contribution"),
    (vault, "verify_share"),
)
_REMEMBERED_MAX = 1 << 16

_values: list[object] = []
_places: dict[int, int] = {}


class _Freezer(pickle.Pickler):
    def persistent_id(self, value: object) -> int | None:
        if type(value) not in _FROZEN and not isinstance(value, Enum):
            return None
        place = _places.setdefault(id(value), len(_values))
        if place == len(_values):
            _values.append(value)
        return place


class _Thawer(pickle.Unpickler):
    persistent_load: Any = _values.__getitem__  # no function of ours: it is called a hundred times a copy


def freeze(world: World) -> bytes:
    """A world as bytes, within :func:`remembering`."""
    buffer = io.BytesIO()
    _Freezer(buffer, protocol=5).dump(world)
    return buffer.getvalue()


def thaw(data: bytes) -> World:
    """A copy of a world."""
    world: World = _Thawer(io.BytesIO(data)).load()
    return world


@contextmanager
def remembering() -> Iterator[None]:
    """Within this context what is frozen is shared, and nothing that is pure and slow is computed twice."""
    before = gc.get_threshold()
    with ExitStack() as stack:
        stack.enter_context(remembered_points())
        for module, function in _PURE:
            known = lru_cache(_REMEMBERED_MAX, typed=True)(getattr(module, function))
            stack.enter_context(patch.object(module, function, known))
        # Every copy of a world is thrown away as a whole: the collector has nothing to find in young ones.
        gc.set_threshold(200_000, 20, 100)
        try:
            yield
        finally:
            gc.set_threshold(*before)
            _values.clear()
            _places.clear()
