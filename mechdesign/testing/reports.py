"""Everything that the checks say of one mechanism, as data: for the command line and for the table of all."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mechdesign.mechanisms.claims import Claim, Fails, Holds
from mechdesign.testing.cases import AnyMechanism
from mechdesign.testing.incentive_checks import USUAL, Effort, complaint, examine
from mechdesign.testing.mechanism_checks import ALL

__all__ = ["CheckLine", "ClaimLine", "Report", "report"]


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One of the checks common to every mechanism.

    Attributes:
        check: its name, in words.
        complaint: what is wrong; empty where nothing is.
    """

    check: str
    complaint: str


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One concept.

    Attributes:
        concept: its name in ``Claims``.
        claim: ``holds``, ``fails`` or ``unknown``.
        verdict: ``proved on a grid``, ``not refuted``, ``violated``, ``no violation`` or ``not applicable``.
        details: the grid and the tries, the counterexample, or why it is not applicable.
        complaint: why claim and verdict contradict each other; empty where they do not.
        violation: the counterexample as data, or None.
    """

    concept: str
    claim: str
    verdict: str
    details: str
    complaint: str
    violation: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks say of one mechanism.

    Attributes:
        mechanism: its full name.
        checks: those common to every mechanism.
        claims: every concept, in the order of ``Claims``.
    """

    mechanism: str
    checks: tuple[CheckLine, ...]
    claims: tuple[ClaimLine, ...]

    @property
    def faults(self) -> int:
        """How many checks failed and how many claims contradict their verdict."""
        complaints = [*(line.complaint for line in self.checks), *(line.complaint for line in self.claims)]
        return sum(map(bool, complaints))

    @property
    def holds(self) -> bool:
        """Whether there is no fault."""
        return self.faults == 0

    def plain(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {**asdict(self), "holds": self.holds}


def report(
    cls: type[AnyMechanism],
    effort: Effort = USUAL,
    *,
    contract: bool = True,
    said: Callable[[str], None] = lambda what: None,
) -> Report:
    """Run every check on a mechanism, and say what was found.

    Args:
        cls: the mechanism.
        effort: how much to search.
        contract: whether to run the checks common to every mechanism.
        said: told what is being done.
    """
    checks = []
    for check in ALL if contract else ():
        words = check.__name__.removeprefix("check_").replace("_", " ")
        said(words)
        checks.append(CheckLine(words, _failure(check, cls)))
    claims = []
    if not any(line.complaint for line in checks):  # what breaks the contract cannot be searched
        for concept, claim, verdict in examine(cls, effort, unclaimed=True):
            said(f"{concept}: {verdict.kind}")
            violation = verdict.violation.plain() if verdict.violation else None
            wrong = complaint(cls, claim, verdict)
            claims.append(ClaimLine(concept, _word(claim), verdict.kind, verdict.details(), wrong, violation))
    return Report(cls.full_name(), tuple(checks), tuple(claims))


def _failure(check: Callable[[type[AnyMechanism]], None], cls: type[AnyMechanism]) -> str:
    try:
        check(cls)
    except Exception as error:  # whatever a user's class raises is its fault, and is shown as such
        return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    return ""


def _word(claim: Claim) -> str:
    match claim:
        case Holds():
            return "holds"
        case Fails():
            return "fails"
        case _:
            return "unknown"
