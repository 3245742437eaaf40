"""The method of equal shares."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import Field

from mechdesign.kernel.errors import MechanismError
from mechdesign.kernel.money import Amount
from mechdesign.mechanisms.base import Example
from mechdesign.mechanisms.claims import Witness
from mechdesign.mechanisms.committee.approvals import (
    Budgeted,
    Committee,
    approvals,
    committee_claims,
    successors,
    taken,
)
from mechdesign.mechanisms.committee.greedy import fitting
from mechdesign.mechanisms.committee.shares import Purchase, Shares
from mechdesign.mechanisms.context import Context
from mechdesign.mechanisms.result import Decision, Reason
from mechdesign.mechanisms.shared.options import Approvals
from mechdesign.mechanisms.shared.texts import readable
from mechdesign.mechanisms.shared.universes import universes

__all__ = ["EqualShares"]

_RAISES_MAX: Final = 10_000

_LIE = Witness(
    types={"alice": ["x", "y"], "bob": ["y", "z"]},
    deviations={"alice": ["x"]},
    parameters={"options": ["x", "y", "z"], "seats": 2},
)


class EqualShares(Budgeted):
    """Every voter gets an equal share of the budget; supporters buy options together, the best value for money first.

    A ballot is the list of approved options. An option can be bought where its supporters have enough left; they pay
    alike, and who has less pays all it has. The next option bought is that whose most-paying supporters pay least for
    a unit of satisfaction: with ``satisfaction`` set to ``cost`` an approved option gives as much as it costs, with
    ``cardinality`` each gives 1. Either ``seats`` says how many may be elected, or ``costs`` and ``budget`` what they
    cost and may cost together. The tie rule decides among options of equal value.

    Shares alone may leave much of the budget over, so that ``completion`` goes on: ``add1`` raises every voter's
    share by ``increment`` (1; where there are seats, what makes one seat more for all together) again and again and
    takes the last result within the budget, at the latest that to which no approved option can be added; ``greedy``
    then adds the most approved options that fit; ``add1-greedy`` does both; ``none`` neither. What nobody approves is
    not elected. Tied are the results of all ways to break ties at the last share. Who is absent abstains; without a
    ballot nothing is elected.

    **Source**: D. Peters, P. Skowron, Proportionality and the limits of welfarism, EC 2020; D. Peters, G. Pierczyński,
    P. Skowron, Proportional participatory budgeting with additive utilities, NeurIPS 2021.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> vote = EqualShares(options=("x", "y", "z"), seats=2, completion="none")
    >>> ballots = {"A": ["x", "y"], "B": ["x", "y"], "C": ["x", "y"], "D": ["z"], "E": ["z"]}
    >>> result = run_pure(vote, Context(tuple(ballots)), ballots)
    >>> str(result.outcome), [reason.text for reason in result.why]
    ('elected: x', ['every voter has a share of 2/5', 'x is bought: 3 voters pay at most 1/3 each'])
    >>> str(run_pure(EqualShares(options=("x", "y", "z"), seats=2), Context(tuple(ballots)), ballots).outcome)
    'elected: x, z'
    """

    name, version = "committee.equal-shares", 1
    claims = committee_claims(_LIE, "Peters and Skowron 2020: who hides an option that others pay for", neutral=False)
    example = Example(
        {"alice": ["park", "road"], "bob": ["park", "bench"], "carol": ["park", "road"], "dave": ["bench"]},
        {"options": ["park", "road", "bench"], "costs": {"park": 6, "road": 7, "bench": 3}, "budget": 10},
    )

    satisfaction: Literal["cost", "cardinality"] = "cost"
    completion: Literal["none", "add1", "greedy", "add1-greedy"] = "add1"
    increment: Annotated[Amount, Field(description="raise of a voter's share")] | None = None

    def choose(self, ballots: Mapping[Approvals, int], context: Context) -> Decision[Committee]:
        """Buy options with equal shares, then complete."""
        shares = Shares(self, ballots, per_cost=self.satisfaction == "cost")
        counts = approvals(ballots, self.options)
        share = self.limit / sum(ballots.values())
        purchases, ties = shares.buy(share, context)
        every_tie = dict.fromkeys(ties)
        raised = Fraction(0)
        step = self._increment(share)
        if self.completion.startswith("add1"):
            for number in range(_RAISES_MAX + 1):
                if self._exhausts(purchases, counts):
                    break
                if number == _RAISES_MAX:
                    raise MechanismError(f"shares are raised more than {_RAISES_MAX} times: set a larger increment")
                more, found = shares.buy(share + raised + step, context)
                every_tie |= dict.fromkeys(found)
                if self.total(one.option for one in more) > self.limit:
                    break
                purchases, ties, raised = more, found, raised + step
        why = [Reason(_share(share, raised), {"share": share, "raised": raised})]
        why += [_bought(self, one) for one in purchases]
        elected = [one.option for one in purchases]
        ends = {shares.mask(elected)}
        if ties:
            found_ends, complete = universes(shares.start(share + raised), successors(shares.following))
            ends |= {mask for mask, _, _ in found_ends if self.total(taken(self.options, mask)) <= self.limit}
            if not complete:
                why.append(Reason("there are more ways to break the ties than were followed"))
        if self.completion.endswith("greedy"):
            following = fitting(self, counts)
            ends = {end for start in sorted(ends) for end in universes(start, successors(following))[0]}
            state = shares.mask(elected)
            while candidates := dict(following(state)):
                chosen, more_ties = context.pick(list(candidates), f"approvals, place {len(elected) + 1}")
                every_tie |= dict.fromkeys(more_ties)
                state = candidates[chosen]
                elected.append(chosen)
                text = f"{self.priced(chosen)} is added with {counts[chosen]} approvals"
                why.append(Reason(text, {"option": chosen, "approvals": counts[chosen]}))
            ends.add(state)
        tied = [taken(self.options, end) for end in sorted(ends)]
        return Decision(self.committee(elected, tied), tuple(why), tuple(every_tie))

    def _increment(self, share: Fraction) -> Fraction:
        """Return the raise: 1 a voter; where there are seats, what raises the budget of all voters by one seat."""
        if self.increment:
            return self.increment
        return Fraction(1) if self.budget is not None else share / self.limit

    def _exhausts(self, purchases: list[Purchase], counts: Mapping[str, int]) -> bool:
        """Say whether no approved option can be added."""
        bought = {one.option for one in purchases}
        left = self.limit - self.total(bought)
        return not any(counts[option] and self.cost(option) <= left for option in self.options if option not in bought)


def _share(share: Fraction, raised: Fraction) -> str:
    text = f"every voter has a share of {readable(share)}"
    return f"{text}, raised by {readable(raised)}" if raised else text


def _bought(vote: Budgeted, one: Purchase) -> Reason:
    text = f"{vote.priced(one.option)} is bought: {one.voters} voters pay at most {readable(one.most)} each"
    return Reason(text, {"option": one.option, "voters": one.voters, "most": one.most, "price": one.price})
