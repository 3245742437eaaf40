"""Envy-free division of rooms and rent."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Annotated, Any

from pydantic import Field

from mechdesign.kernel.money import Amount, SignedAmount, format_exact
from mechdesign.mechanisms.base import Example, Mechanism
from mechdesign.mechanisms.claims import Claims, Fails, Holds, Witness
from mechdesign.mechanisms.context import Context, Profile
from mechdesign.mechanisms.flow import Account, Player, pay
from mechdesign.mechanisms.result import Outcome, Reason, Result
from mechdesign.mechanisms.shared.canonical_assignment import canonical
from mechdesign.mechanisms.shared.optimisation_assignment import Assignment
from mechdesign.mechanisms.shared.options import Options
from mechdesign.mechanisms.shared.valuations import AmountsOf, Valuation

__all__ = ["EnvyFreeRent", "Rooms"]

_LIE = Witness(
    types={"alice": {"x": 6, "y": 2}, "bob": {"x": 4, "y": 4}},
    deviations={"alice": {"x": 5, "y": 3}},
    parameters={"options": ["x", "y"], "rent": 8},
)


class Rooms(Outcome):
    """Who lives where, and for what part of the rent.

    Attributes:
        rooms: the room of each player that gets one, in roster order.
        rents: what each player that reported pays; a negative rent is what it is paid.
    """

    rooms: dict[Player, str] = Field(default_factory=dict)
    rents: dict[Player, SignedAmount] = Field(default_factory=dict)

    def __str__(self) -> str:
        parts = []
        for player, rent in self.rents.items():
            paid = f"pays {format_exact(rent)}" if rent >= 0 else f"is paid {format_exact(-rent)}"
            parts.append(f"{player} gets {self.rooms.get(player, 'no room')}, {paid}")
        return "; ".join(parts) or "nobody rents"


class EnvyFreeRent(Mechanism[Valuation, Valuation, Rooms]):
    """Rooms go where they are worth most together; the rent is divided so that nobody would rather have another's room.

    A report gives each room (option) a value; one that is left out has the value 0. Values need not sum to the rent (a
    parameter). Of all envy-free divisions of the rent, the one is taken in which the worst-off player, by value less
    rent, is best off; there is exactly one. A part may be negative. If there are more rooms than players, some stay
    empty and nobody can envy them; if there are fewer, having no room counts as a room of value 0 with a rent of its
    own (that is, those with a room may have to pay the others). Among equally good ways to give out the rooms the tie
    rule orders the players that fare differently in them, and each in turn has the first room, by the tie rule again,
    that it can have. Who is absent gets no room and pays nothing.

    **Source**: A. Alkan, G. Demange, D. Gale, Fair allocation of indivisible goods and criteria of justice,
    Econometrica 59 (1991); Y. Gal, M. Mash, A. Procaccia, Y. Zick, Which is the fairest (rent division) of them all?,
    Journal of the ACM 64 (2017).

    >>> from mechdesign.mechanisms.play import run_pure
    >>> values = {"A": {"x": 6, "y": 3}, "B": {"x": 5, "y": 4}}
    >>> str(run_pure(EnvyFreeRent(options=("x", "y"), rent=Fraction(9)), Context(("A", "B")), values).outcome)
    'A gets x, pays 11/2; B gets y, pays 7/2'
    """

    name, version = "division.envy-free-rent", 1
    accounts = (Account.PROVIDER,)
    claims = Claims(
        dsic=Fails(_LIE, "no envy-free rule is strategyproof: a player lowers what it values its own room at"),
        group_strategyproof=Fails(_LIE, "not even strategyproof"),
        individually_rational=Fails(
            Witness(types={"alice": {"x": 1}}, parameters={"options": ["x", "y"], "rent": 8}),
            "the rent may be more than the rooms are worth",
        ),
        no_deficit=Holds("the parts sum to the rent"),
        budget_balanced=Holds("the parts sum to the rent"),
        efficient=Holds("Svensson 1983: where nobody envies, rooms are worth most together", "rooms once rented"),
        anonymous=Holds("a value counts whoever reports it", "up to ties"),
        neutral=Holds("rooms are treated alike", "up to ties"),
        envy_free=Holds("Alkan, Demange and Gale 1991, theorem 1: nobody would rather have another's room and rent"),
    )
    example = Example(
        {"alice": {"x": 500, "y": 300, "z": 200}, "bob": {"x": 400, "y": 400, "z": 200}, "carol": {"x": 600, "z": 400}},
        {"options": ["x", "y", "z"], "rent": 1000},
    )

    options: Options
    rent: Amount

    def report_schema(self) -> Any:
        """Return the type of a value for each room."""
        return Annotated[Valuation, AmountsOf(self.options)]

    def type_schema(self) -> Any:
        """Return the type of a report."""
        return self.report_schema()

    def settle(self, reports: Profile[Valuation], context: Context) -> Result[Rooms]:
        """Give out the rooms, then divide the rent."""
        if not reports:
            return Result(Rooms(), why=(Reason("no reports"),))
        players = tuple(reports)
        width = max(len(players), len(self.options))
        worths = [[*reports[player].values(), *[Fraction(0)] * (width - len(self.options))] for player in players]
        # One more for every room: then each player takes one, and which rooms are worth most together stays the same.
        assignment = Assignment([[worth + 1 for worth in row] for row in worths])
        columns, ties = canonical(assignment, players, self.options, "the rooms worth most together", context)
        taken = [column or 0 for column in columns]  # each has one
        total = sum((worths[row][column] for row, column in enumerate(taken)), Fraction(0))
        ahead = _least_advantages(worths, taken)
        least = (total - self.rent - sum(ahead, Fraction(0))) / len(players)
        rents = {player: worths[row][taken[row]] - least - ahead[row] for row, player in enumerate(players)}
        rooms = {
            player: self.options[column]
            for player, column in zip(players, taken, strict=True)
            if column < len(self.options)
        }
        flows = [flow for player, rent in rents.items() for flow in pay(player, Account.PROVIDER, rent, "rent")]
        poorest = [player for row, player in enumerate(players) if not ahead[row]]
        why = (
            Reason(f"the rooms are worth {format_exact(total)} together, the most", {"worth": total}),
            Reason(
                f"the least that anybody has, value less rent, is {format_exact(least)} ({', '.join(poorest)})",
                {"least": least, "players": poorest},
            ),
        )
        return Result(Rooms(rooms=rooms, rents=rents), tuple(flows), why, ties)

    def valuation(self, player: Player, value: Mapping[str, Fraction], outcome: Rooms) -> Fraction:
        """Return the value of the player's room."""
        return value[outcome.rooms[player]] if player in outcome.rooms else Fraction(0)

    def resource_cost(self, outcome: Rooms) -> Fraction:
        """Return the rent where anybody takes part."""
        return self.rent if outcome.rents else Fraction(0)

    def type_grid(self) -> Sequence[Valuation]:
        """Return values of the first and the last room."""
        rest = dict.fromkeys(self.options, Fraction(0))
        pairs = ((0, 0), (1, 0), (3, 1), (2, 2), (1, 4))
        return [{**rest, self.options[0]: Fraction(one), self.options[-1]: Fraction(other)} for one, other in pairs]

    def outcomes(self, reports: Profile[Valuation], context: Context) -> Iterator[Rooms]:
        """Yield every way of giving out the rooms."""
        players = tuple(reports)
        spare: list[str | None] = [None] * max(0, len(players) - len(self.options))
        for rooms in permutations([*self.options, *spare], len(players)):
            taken = {player: room for player, room in zip(players, rooms, strict=True) if room is not None}
            yield Rooms(rooms=taken, rents=dict.fromkeys(players, Fraction(0)))


def _least_advantages(worths: Sequence[Sequence[Fraction]], taken: Sequence[int]) -> list[Fraction]:
    """Return by how much each player must be better off than the worst-off one, at least, so that nobody envies.

    Nobody envies player j if everybody's value less rent exceeds that of j by at least what j's room is worth more to
    them than to j. The least advantages that meet all of this are longest paths, found by relaxing n times; there
    are no gains in a circle, because the rooms are worth most together.
    """
    count = len(taken)
    ahead = [Fraction(0)] * count
    for _ in range(count):
        for one in range(count):
            for other in range(count):
                room = taken[other]
                ahead[one] = max(ahead[one], ahead[other] + worths[one][room] - worths[other][room])
    return ahead
