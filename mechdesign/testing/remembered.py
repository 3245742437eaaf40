"""What is computed once where one process plays all members, each of whom checks what the others did.

Reading and judging a block, opening a frame, multiplying points: all are pure functions, and much of what a simulation
costs. Remembering them changes no result, only how long it takes. What is remembered is bounded, and ends with its
context.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any
from unittest.mock import patch

from nacl import bindings

from mechdesign.group import intake, records, recovery
from mechdesign.testing import adversaries, equivocators, faults, frames, saboteurs

__all__ = ["remembered_points", "remembered_reading"]

_PRODUCTS_MAX = 1 << 18
_NAMES = (
    "crypto_scalarmult_ed25519_noclamp",
    "crypto_scalarmult_ed25519_base_noclamp",
    "crypto_core_ed25519_add",
    "crypto_core_ed25519_sub",
)

_READ_MAX = 1 << 13
_READING = ("parse_block", "judge", "decode_packet")
# Where the members of a simulated group, honest and lying, and its checkers read.
_READERS: tuple[ModuleType, ...] = (
    intake,
    records,
    recovery,
    adversaries,
    equivocators,
    faults,
    frames,
    saboteurs,
)


@contextmanager
def remembered_points() -> Iterator[None]:
    """Within this context no point is multiplied by one number, or added to another one, twice."""
    remembered: dict[str, Any] = {name: lru_cache(_PRODUCTS_MAX)(getattr(bindings, name)) for name in _NAMES}
    with patch.multiple(bindings, **remembered):
        yield


@contextmanager
def remembered_reading() -> Iterator[None]:
    """Within this context no frame or block of a group is read twice, nor a block judged, whoever does it.

    What stands in a module when the context begins is what is remembered there, so a broken reader that a test put in
    the place of the right one stays as broken as it is.
    """
    remembered: dict[Callable[..., Any], Any] = {}
    with ExitStack() as stack:
        for module in _READERS:
            for name in _READING:
                right = getattr(module, name, None)
                if right is not None:
                    once = remembered.setdefault(right, lru_cache(_READ_MAX)(right))
                    stack.enter_context(patch.object(module, name, once))
        yield
