"""Points that are computed once: where one process plays all members, each of them checks what the others did.

Multiplying and adding points are pure functions, and nearly all that sealing costs. Remembering them changes no result,
only how long a simulation of many sessions takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from unittest.mock import patch

from nacl import bindings

__all__ = ["remembered_points"]

_PRODUCTS_MAX = 1 << 18
_NAMES = (
    "crypto_scalarmult_ed25519_noclamp",
    "crypto_scalarmult_ed25519_base_noclamp",
    "crypto_core_ed25519_add",
    "crypto_core_ed25519_sub",
)


@contextmanager
def remembered_points() -> Iterator[None]:
    """Within this context no point is multiplied by one number, or added to another one, twice."""
    remembered: dict[str, Any] = {name: lru_cache(_PRODUCTS_MAX)(getattr(bindings, name)) for name in _NAMES}
    with patch.multiple(bindings, **remembered):
        yield
