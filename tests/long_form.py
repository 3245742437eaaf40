"""The short and the long form of a test of many cases: `make test` plays a few of them, `make thorough` the others."""

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["mostly_long"]


def mostly_long(cases: Iterable[Any], short: int) -> list[Any]:
    """The cases for ``parametrize``: ``short`` of them, spread evenly from the first on, are played by `make test`."""
    listed = list(cases)
    kept = {at * len(listed) // short for at in range(short)} if short else set()
    return [case if at in kept else _long(case) for at, case in enumerate(listed)]


def _long(case: Any) -> Any:
    if not isinstance(case, type(pytest.param())):
        case = pytest.param(*case) if isinstance(case, tuple) else pytest.param(case)
    return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.long])
