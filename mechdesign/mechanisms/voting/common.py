"""What votes share: examples, and what all of them claim."""

from collections.abc import Mapping
from typing import Any, Final

from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Claim, Claims, Fails, Holds, Unknown, Witness

__all__ = ["COMPLETE", "PARTIAL", "WEAK", "misreport", "vote_claims"]

_OPTIONS: Final = {"options": ["coffee", "tea", "water"]}

COMPLETE: Final = Example(
    {"alice": ["tea", "coffee", "water"], "bob": ["coffee", "tea", "water"], "carol": ["water", "coffee", "tea"]},
    _OPTIONS,
)
"""An example with complete orders."""

PARTIAL: Final = Example(
    {"alice": ["tea", "coffee"], "bob": ["coffee", "tea", "water"], "carol": ["water", "coffee"], "dave": ["tea"]},
    _OPTIONS,
)
"""An example with orders of some options."""

WEAK: Final = Example(
    {
        "alice": ["tea", "coffee", "water"],
        "bob": ["coffee", "water", "tea"],
        "carol": ["water", "tea", "coffee"],
        "dave": ["tea", ["coffee", "water"]],
    },
    _OPTIONS,
)
"""An example with a cycle of majorities and a ballot with a tie."""


def misreport(voters: Mapping[str, Any], **lie: Any) -> Witness:
    """Return the profile in which one voter gains by a lie; the options are those of the first ballot, sorted.

    Args:
        voters: the voters' true preferences; ``"xyz"`` is the order x, y, z.
        lie: the name of a voter and what it reports instead; none where the profile alone is the witness.
    """
    first = next(iter(voters.values()))
    types, lies = ({voter: _ballot(given) for voter, given in some.items()} for some in (voters, lie))
    return Witness(types=types, deviations=lies, parameters={"options": sorted(first)})


def _ballot(given: Any) -> Any:
    return list(given) if isinstance(given, str) else given


def vote_claims(
    lie: Witness,
    source: str = "Gibbard 1973, Satterthwaite 1975",
    *,
    monotone: Claim = Unknown(),  # noqa: B008 - frozen
    dsic: Claim | None = None,
) -> Claims:
    """Return the claims of a vote in which ballots are counted and no money moves.

    Args:
        lie: a profile in which one voter gains by misreporting.
        source: who noted it, and how the lie works.
        monotone: whether more support can harm the winner.
        dsic: another claim about the incentives of one voter than that the lie pays.
    """
    return Claims(
        dsic=dsic or Fails(lie, source),
        group_strategyproof=Fails(lie, "not even strategyproof") if dsic is None else dsic,
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        anonymous=Holds("ballots are counted, whoever cast them", "up to ties, with equal weights"),
        neutral=Holds("options are treated alike", "up to ties"),
        monotone=monotone,
    )
