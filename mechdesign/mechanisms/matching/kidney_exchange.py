"""Kidney exchange in cycles of bounded length."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Unknown, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Player
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.optimisation import OPTIONS_MAX, Packed, Packing
from mechdesign.mechanisms.shared.options import Order
from mechdesign.mechanisms.shared.orders import Names
from mechdesign.mechanisms.ties import Tie

__all__ = ["Donors", "Exchange", "KidneyExchange"]

CYCLES_MAX: Final = OPTIONS_MAX
"""At most so many cycles are compared."""


def _sorted(names: Order) -> Order:
    return tuple(sorted(names))


Donors: TypeAlias = Annotated[Names, AfterValidator(_sorted)]
"""The pairs whose donor suits one's patient, in alphabetical order."""


class Exchange(Outcome):
    """Who receives from whom.

    Attributes:
        donor: for each pair whose patient receives a kidney, in roster order, the pair whose donor gives it.
    """

    donor: dict[Player, Player] = Field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(f"{patient} receives from {donor}" for patient, donor in self.donor.items()) or "no exchange"


class KidneyExchange(Mechanism[Donors, Donors, Exchange]):
    """Pairs of a patient and a donor exchange in cycles of bounded length, so that most patients receive a kidney.

    A player is a pair whose own donor does not suit its patient. A report lists the pairs whose donor would. No cycle
    is longer than the parameter ``cycle_max`` (3 unless told, at most 4), since all its operations take place at once.
    Of all exchanges with the most transplants, found exactly, the canonical one is taken: the first player in the order
    of the tie rule receives if it does in any of them, and from the first donor in that order with which it does in
    any (then the same down the cycle), then the second player, and so on. Names of nobody who takes part are passed
    over. Who is absent takes no part.

    A suitable kidney is worth 1, an unsuitable one -1.

    **Source**: A. Roth, T. Sönmez, U. Ünver, Efficient kidney exchange: coincidence of wants in markets with
    compatibility-based preferences, American Economic Review 97 (2007); D. Abraham, A. Blum, T. Sandholm, Clearing
    algorithms for barter exchange markets, EC 2007.

    >>> from mechdesign.mechanisms.play import run_pure
    >>> suitable = {"A": ["B", "C"], "B": ["A"], "C": ["B"], "D": ["A"]}
    >>> for longest in (2, 3):
    ...     print(run_pure(KidneyExchange(cycle_max=longest), Context(("A", "B", "C", "D")), suitable).outcome)
    A receives from B, B receives from A
    A receives from C, B receives from A, C receives from B
    """

    name, version = "matching.kidney-exchange", 1
    claims = Claims(
        dsic=Holds(
            "Roth, Sönmez and Ünver 2005 for cycles of two; the argument needs only that the order of exchanges "
            "does not depend on reports",
            "as long as a player only cares whether it receives a suitable kidney",
        ),
        individually_rational=Holds("nobody receives a kidney that does not suit", "ex post"),
        no_deficit=Holds("no money moves"),
        budget_balanced=Holds("no money moves"),
        efficient=Holds("the most transplants, found exactly", "given the longest cycle"),
        group_strategyproof=Fails(
            Witness(
                types={"alice": ["carol"], "bob": ["carol"], "carol": ["alice", "bob"]},
                deviations={"bob": ["carol"], "carol": ["bob"]},
            ),
            "a player that can receive from either of two may help the one that would be left out",
        ),
        anonymous=Unknown("reports name players, so that renaming players renames what reports speak of"),
    )
    example = Example(
        {"alice": ["bob", "carol"], "bob": ["alice"], "carol": ["bob"], "dave": ["alice"], "erin": ["dave"]},
        {"cycle_max": 3},
    )

    cycle_max: Annotated[int, Field(strict=True, ge=2, le=4)] = 3

    def settle(self, reports: Profile[Order], context: Context) -> Result[Exchange]:
        """List the cycles, find the most transplants, and of the exchanges that give them the canonical one."""
        cycles = self.cycles(reports)
        members: dict[Player, list[int]] = {player: [] for player in reports}
        for number, cycle in enumerate(cycles):
            for player in cycle:
                members[player].append(number)
        packing = Packing([len(cycle) for cycle in cycles], [group for group in members.values() if len(group) > 1])
        best = packing.best()
        open_ = packing.varying(best)
        ties: tuple[Tie, ...] = ()
        if open_:
            best, ties = self._first(packing, best, open_, cycles, reports, context)
        donor: dict[Player, Player] = {}
        why = [
            Reason(
                f"{best.value} transplants, the most that {len(cycles)} possible cycles allow",
                {"transplants": best.value, "cycles": len(cycles)},
            )
        ]
        for number in best.taken:
            cycle = cycles[number]
            donor |= {player: cycle[(place + 1) % len(cycle)] for place, player in enumerate(cycle)}
            why.append(Reason(f"cycle: {' ← '.join([*cycle, cycle[0]])}", {"cycle": cycle}))
        return Result(
            Exchange(donor={player: donor[player] for player in reports if player in donor}), (), tuple(why), ties
        )

    def cycles(self, reports: Profile[Order]) -> list[tuple[Player, ...]]:
        """Return the possible cycles, each from its first member in roster order; each member receives from the next.

        Raises:
            MechanismError: where there are more than :data:`CYCLES_MAX`.
        """
        place = {player: number for number, player in enumerate(reports)}
        donors = {
            player: sorted((one for one in report if one in place and one != player), key=place.__getitem__)
            for player, report in reports.items()
        }
        found: list[tuple[Player, ...]] = []
        for start in reports:
            waiting: list[tuple[Player, ...]] = [(start,)]
            while waiting:
                path = waiting.pop()
                for donor in donors[path[-1]]:
                    if donor == start:
                        found.append(path)
                        if len(found) > CYCLES_MAX:
                            raise MechanismError(f"there are more than {CYCLES_MAX} possible cycles")
                    elif place[donor] > place[start] and donor not in path and len(path) < self.cycle_max:
                        waiting.append((*path, donor))
        return found

    def _first(
        self,
        packing: Packing,
        best: Packed,
        varying: Sequence[int],
        cycles: Sequence[tuple[Player, ...]],
        reports: Profile[Order],
        context: Context,
    ) -> tuple[Packed, tuple[Tie, ...]]:
        """Return the canonical one of the exchanges with the most transplants, and the tie."""
        about = f"the most transplants, {best.value}"
        concerned = {player for number in varying for player in cycles[number]}
        # A coin orders all players, not only those concerned, so that no report can move another player up or down.
        order, ties = context.rank([one for one in reports if one in concerned], about, within=context.players)
        turn = {player: number for number, player in enumerate(order)}

        def key(number: int) -> list[int]:
            turns = [turn[player] for player in cycles[number]]
            head = turns.index(min(turns))
            return [turns[head], *turns[head + 1 :], *turns[:head]]

        return packing.first(sorted(varying, key=key), best), ties

    def valuation(self, player: Player, value: Order, outcome: Exchange) -> Fraction:
        """Return 1 for a suitable kidney, -1 for another, 0 for none."""
        if player not in outcome.donor:
            return Fraction(0)
        return Fraction(1 if outcome.donor[player] in value and outcome.donor[player] != player else -1)

    def type_grid(self) -> Sequence[Order]:
        """Return what may suit among the first three players of the example."""
        assert self.example is not None
        names = tuple(self.example.reports)[:3]
        return [chosen for size in range(3) for chosen in combinations(names, size)]

    def outcomes(self, reports: Mapping[Player, Order], context: Context) -> Iterator[Exchange]:
        """Yield every exchange that the reports allow."""
        cycles = self.cycles(reports)
        waiting: list[tuple[int, dict[Player, Player]]] = [(0, {})]
        while waiting:
            number, donor = waiting.pop()
            if number == len(cycles):
                yield Exchange(donor=donor)
                continue
            waiting.append((number + 1, donor))
            cycle = cycles[number]
            if not any(player in donor for player in cycle):
                given = {player: cycle[(place + 1) % len(cycle)] for place, player in enumerate(cycle)}
                waiting.append((number + 1, {**donor, **given}))
