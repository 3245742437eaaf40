"""Weighted packing, solved exactly: take options of the greatest total weight, no two of which conflict.

Winner determination of combinatorial auctions and the choice of exchange cycles are packings. A few options are
searched exhaustively; more go to the constraint solver CP-SAT, which computes in whole numbers. What a caller gets
does not depend on how the solver searches: the greatest weight is one number, and ``first`` makes the packing unique
as well. Weights may be whole numbers of any size.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, Final

from mechdesign.kernel.errors import MechanismError

__all__ = ["EFFORT_MAX", "EXHAUSTIVE_MAX", "OPTIONS_MAX", "Packed", "Packing"]

OPTIONS_MAX: Final = 5_000
"""At most so many options are packed."""

EXHAUSTIVE_MAX: Final = 12
"""Up to so many options are searched exhaustively, without the solver."""

EFFORT_MAX: Final = 1_000
"""Bound on one search, in the solver's deterministic seconds: a count of steps, the same on slow and fast hosts."""

_LIMB_BITS: Final = 40
_CHUNK: Final = 40  # options told apart by one objective of powers of two


@dataclass(frozen=True, slots=True)
class Packed:
    """A packing.

    Attributes:
        value: its total weight.
        taken: the numbers of the options taken, ascending.
    """

    value: int
    taken: tuple[int, ...]


class Packing:
    """One packing problem.

    Attributes:
        weights: weight of each option; one that is not positive is never taken.
        conflicts: sets of options of which at most one may be taken.

    >>> auction = Packing([10, 8, 8], [[0, 1], [0, 2]])
    >>> auction.best()
    Packed(value=16, taken=(1, 2))
    >>> auction.best(without=[2])
    Packed(value=10, taken=(0,))
    """

    def __init__(self, weights: Sequence[int], conflicts: Iterable[Sequence[int]]) -> None:
        """Take a problem.

        Raises:
            MechanismError: for more options than :data:`OPTIONS_MAX`.
        """
        if len(weights) > OPTIONS_MAX:
            raise MechanismError(f"{len(weights)} options are more than the {OPTIONS_MAX} that are searched")
        self.weights = tuple(weights)
        self.conflicts = tuple(tuple(group) for group in conflicts)

    def best(self, without: Collection[int] = (), known: Sequence[int] = ()) -> Packed:
        """Return a packing of the greatest weight.

        Args:
            without: options that may not be taken.
            known: a packing to start from, which saves work where it is nearly the best.
        """
        barred = set(without)
        usable = [option for option, weight in enumerate(self.weights) if weight > 0 and option not in barred]
        if len(usable) <= EXHAUSTIVE_MAX:
            return self._packed(self._exhaustive(usable)[0])
        search = _Search(self, usable)
        search.suppose([option for option in known if option not in barred])
        search.maximise()
        return self._packed(search.taken)

    def best_without_each(self, groups: Sequence[Sequence[int]], best: Packed) -> list[int]:
        """Return the greatest weight without each of some groups of options, the problems sharing their work.

        The best packing that lacks any one of the groups is the best one without each group that it happens to lack; so
        a single search often answers for several groups.

        Args:
            groups: sets of conflicting options, of each of which the best packing takes one.
            best: a packing of the greatest weight.
        """
        usable = self._positive()
        if len(usable) <= EXHAUSTIVE_MAX:
            return [self.best(without=group).value for group in groups]
        values: dict[int, int] = {}
        while len(values) < len(groups):
            left = [number for number in range(len(groups)) if number not in values]
            search = _Search(self, usable)
            search.drop_one([groups[number] for number in left])
            # The best packing less its cheapest option is a start that is often nearly the best.
            least = min(left, key=lambda number: sum(self.weights[one] for one in groups[number] if one in best.taken))
            search.suppose([option for option in best.taken if option not in groups[least]])
            search.maximise()
            found = self._packed(search.taken)
            for number in left:
                if not set(groups[number]).intersection(found.taken):
                    values[number] = found.value
        return [values[number] for number in range(len(groups))]

    def varying(self, best: Packed) -> tuple[int, ...]:
        """Return the options that some packings of the greatest weight take and others do not.

        Args:
            best: one of these packings.
        """
        usable = self._positive()
        if len(usable) <= EXHAUSTIVE_MAX:
            packings = self._exhaustive(usable)
            return tuple(one for one in usable if len({one in packing for packing in packings}) > 1)
        # Weights are positive, so another packing of the same weight lacks one of the options taken.
        search = _Search(self, usable)
        search.drop_one([(option,) for option in best.taken])
        search.maximise()
        if self._packed(search.taken).value < best.value:
            return ()
        found: set[int] = set()
        while True:
            search = _Search(self, usable)
            search.hold(best)
            if not search.differ([one for one in usable if one not in found], set(best.taken)):
                return tuple(sorted(found))
            self._packed(search.taken)
            found |= set(search.taken) ^ set(best.taken)

    def first(self, order: Sequence[int], best: Packed) -> Packed:
        """Return the lexicographically first packing of the greatest weight.

        Of all these packings it takes the earliest option of ``order`` that any of them takes, then the next one that
        any of the remaining ones takes, and so on.

        Args:
            order: the options that vary, the most preferred first; all others stay as they are in ``best``.
            best: one of these packings.
        """
        usable = self._positive()
        if len(usable) <= EXHAUSTIVE_MAX:
            packings = self._exhaustive(usable)
            return self._packed(max(packings, key=lambda packing: [option in packing for option in order]))
        held = set(best.taken)
        fixed = {option: option in held for option in usable if option not in set(order)}
        taken = best.taken
        for start in range(0, len(order), _CHUNK):
            search = _Search(self, usable)
            search.hold(best)
            search.fix(fixed)
            search.suppose(taken)
            chunk = order[start : start + _CHUNK]
            search.prefer(chunk)
            taken = search.taken
            fixed |= {option: option in taken for option in chunk}
        return self._packed(taken)

    def _positive(self) -> list[int]:
        return [option for option, weight in enumerate(self.weights) if weight > 0]

    def _packed(self, taken: Iterable[int]) -> Packed:
        """Check a packing, so that no fault of a solver can sell an item twice, and weigh it."""
        chosen = set(taken)
        for group in self.conflicts:
            if len(chosen.intersection(group)) > 1:
                raise MechanismError("the solver took two options that conflict")
        return Packed(sum(self.weights[option] for option in chosen), tuple(sorted(chosen)))

    def _exhaustive(self, usable: Sequence[int]) -> list[tuple[int, ...]]:
        """Return every packing of the greatest weight."""
        rivals: dict[int, set[int]] = {option: set() for option in usable}
        for group in self.conflicts:
            for option in group:
                if option in rivals:
                    rivals[option].update(group)
        top, found = 0, [()]  # type: tuple[int, list[tuple[int, ...]]]
        waiting: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, ())]
        while waiting:
            place, value, taken = waiting.pop()
            if place == len(usable):
                if value > top:
                    top, found = value, []
                if value == top:
                    found.append(taken)
                continue
            option = usable[place]
            waiting.append((place + 1, value, taken))
            if not rivals[option].intersection(taken):
                waiting.append((place + 1, value + self.weights[option], (*taken, option)))
        return found


class _Search:
    """One model of a packing problem for CP-SAT."""

    def __init__(self, problem: Packing, usable: Sequence[int]) -> None:
        # The solver takes a second to load; whoever never sells bundles does not wait for it.
        from ortools.sat.python import cp_model

        self._cp: Any = cp_model
        self._model: Any = cp_model.CpModel()
        self._usable = usable
        self._take = {option: self._model.new_bool_var(str(option)) for option in usable}
        self.taken: tuple[int, ...] = ()
        for group in problem.conflicts:
            rivals = [self._take[option] for option in group if option in self._take]
            if len(rivals) > 1:
                self._model.add_at_most_one(rivals)
        self._shared = gcd(*(problem.weights[option] for option in usable))
        self._digits = self._weigh({option: problem.weights[option] // self._shared for option in usable})

    def _weigh(self, weights: dict[int, int]) -> list[Any]:
        """Return the total weight as digits, the most significant first.

        The solver's numbers have 64 bits. Larger weights are cut into limbs that are summed apart; a carry joins each
        sum to the next, so that comparing the digits one after the other compares the exact totals.
        """
        if sum(weights.values()) < 1 << 53:
            return [sum(weight * self._take[option] for option, weight in weights.items())]
        limbs = -(-max(weights.values()).bit_length() // _LIMB_BITS)
        digits: list[Any] = []
        carry: Any = 0
        for place in range(limbs):
            parts = {option: weight >> place * _LIMB_BITS & (1 << _LIMB_BITS) - 1 for option, weight in weights.items()}
            total = sum(part * self._take[option] for option, part in parts.items()) + carry
            if place == limbs - 1:
                digits.append(total)
            else:
                digit = self._model.new_int_var(0, (1 << _LIMB_BITS) - 1, f"digit {place}")
                carry = self._model.new_int_var(0, len(weights) + 1, f"carry {place}")
                self._model.add(total == digit + (1 << _LIMB_BITS) * carry)
                digits.append(digit)
        return digits[::-1]

    def suppose(self, taken: Iterable[int]) -> None:
        """Start the search from a packing."""
        wanted = set(taken)
        for option, variable in self._take.items():
            self._model.add_hint(variable, int(option in wanted))

    def hold(self, best: Packed) -> None:
        """Admit only packings that weigh as much as this one."""
        value = best.value // self._shared
        for place, digit in enumerate(self._digits):
            shift = _LIMB_BITS * (len(self._digits) - 1 - place)
            self._model.add(digit == (value >> shift if place == 0 else value >> shift & (1 << _LIMB_BITS) - 1))

    def fix(self, fixed: dict[int, bool]) -> None:
        """Settle whether some options are taken."""
        for option, taken in fixed.items():
            self._model.add(self._take[option] == int(taken))

    def drop_one(self, groups: Sequence[Sequence[int]]) -> None:
        """Take no option of at least one of these groups, of each of which one option is taken at most."""
        options = [self._take[option] for group in groups for option in group if option in self._take]
        self._model.add(sum(options) <= len(groups) - 1)

    def maximise(self) -> None:
        """Find the greatest weight, digit by digit."""
        for digit in self._digits:
            self._model.maximize(digit)
            solver = self._solve()
            self._model.clear_objective()
            if len(self._digits) > 1:
                self._model.add(digit == solver.value(digit))

    def prefer(self, order: Sequence[int]) -> None:
        """Take the earliest options that can be taken."""
        last = len(order) - 1
        self._model.maximize(sum((1 << last - place) * self._take[option] for place, option in enumerate(order)))
        self._solve()

    def differ(self, options: Sequence[int], taken: set[int]) -> bool:
        """Find a packing that differs from one in as many of the options as can be; say whether there is any."""
        changed = [1 - self._take[one] if one in taken else self._take[one] for one in options]
        if not changed:
            return False
        self._model.add(sum(changed) >= 1)
        self._model.maximize(sum(changed))
        return self._solve() is not None

    def _solve(self) -> Any:
        solver = self._cp.CpSolver()
        # One worker: no race decides what is found first. Only the optimum itself is used, so another version that
        # searches differently gives the same result.
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = EFFORT_MAX
        solver.parameters.cut_level = 0  # conflicts prune packings faster than cutting planes do
        status = solver.solve(self._model)
        if status == self._cp.INFEASIBLE:
            return None
        if status != self._cp.OPTIMAL:
            raise MechanismError(
                f"the best packing of {len(self._usable)} options was not found within the effort allowed"
            )
        self.taken = tuple(option for option in self._usable if solver.boolean_value(self._take[option]))
        return solver
