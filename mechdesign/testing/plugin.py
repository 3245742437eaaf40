"""A pytest plugin that runs all checks on mechanisms: ours, or a user's own.

A test module names its mechanisms, and every check of each becomes a test::

    # conftest.py
    pytest_plugins = ["mechdesign.testing.plugin"]

    # test_mine.py
    from mine import MyAuction

    mechdesign_mechanisms = [MyAuction]

Those are the checks common to every mechanism and, for each claim, an attack (where it holds) or its witness (where it
fails). ``--mechdesign-tries N`` adds N random profiles for each claim that holds, ``--mechdesign-seed S`` names them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mechdesign.testing.cases import AnyMechanism

__all__ = [
    "MechanismChecks",
    "MechanismItem",
    "pytest_addoption",
    "pytest_pycollect_makeitem",
]

_VARIABLE = "mechdesign_mechanisms"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of random search."""
    group = parser.getgroup("mechdesign", "checks of mechanisms")
    group.addoption(
        "--mechdesign-tries", type=int, default=100, help="random profiles for each claim that holds (default: 100)"
    )
    group.addoption("--mechdesign-seed", type=int, default=0, help="names the random profiles (default: 0)")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> "MechanismChecks | None":
    """Collect checks where a module names mechanisms."""
    if name != _VARIABLE:
        return None
    if not isinstance(obj, list | tuple):
        raise pytest.Collector.CollectError(f"{_VARIABLE} must be a list of mechanism classes")
    made: MechanismChecks = MechanismChecks.from_parent(collector, name=name, classes=obj)
    return made


class MechanismChecks(pytest.Collector):
    """All checks of the mechanisms that one module names."""

    def __init__(self, *, classes: Sequence[Any], **rest: Any) -> None:
        super().__init__(**rest)
        self._classes = classes

    def collect(self) -> Iterator["MechanismItem"]:
        """Yield one item for each check and each claim of each class."""
        from mechdesign.mechanisms.base import Mechanism
        from mechdesign.testing.mechanism_checks import ALL

        for cls in self._classes:
            if not (isinstance(cls, type) and issubclass(cls, Mechanism)):
                raise self.CollectError(f"{_VARIABLE}: {cls!r} is no mechanism class")
            for check in ALL:
                name = f"{cls.__name__}::{check.__name__}"
                yield MechanismItem.from_parent(self, name=name, mechanism=cls, check=check)
            for concept, claim in cls.claims.stated():
                name = f"{cls.__name__}::claim_{concept}_{type(claim).__name__.lower()}"
                yield MechanismItem.from_parent(self, name=name, mechanism=cls, concept=concept)


class MechanismItem(pytest.Item):
    """One check of one mechanism."""

    def __init__(self, *, mechanism: "type[AnyMechanism]", check: Any = None, concept: str = "", **rest: Any) -> None:
        super().__init__(**rest)
        self._cls, self._check, self._concept = mechanism, check, concept

    def runtest(self) -> None:
        """Run the check; it raises where the mechanism fails."""
        if self._check is not None:
            self._check(self._cls)
            return
        from mechdesign.testing.incentive_checks import Effort, check_claims

        tries, seed = self.config.getoption("--mechdesign-tries"), self.config.getoption("--mechdesign-seed")
        check_claims(self._cls, Effort(tries=tries, seed=seed), only=self._concept)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the counterexample alone: the inside of the checks is of no use to the author of a mechanism."""
        if isinstance(excinfo.value, AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Say where the item stands."""
        return self.path, None, self.name
