"""The exact solvers against exhaustive search and against libraries."""

import random
from fractions import Fraction
from itertools import combinations, product

import networkx
import numpy
import pytest
from scipy.optimize import linear_sum_assignment

from mechdesign.kernel.errors import MechanismError
from mechdesign.mechanisms.shared.optimisation import EXHAUSTIVE_MAX, OPTIONS_MAX, Packing
from mechdesign.mechanisms.shared.optimisation_assignment import Assignment
from mechdesign.mechanisms.shared.optimisation_projection import Projection


def all_best(weights, conflicts):
    """Every packing of the greatest weight, by trying all sets."""
    best = 0
    found: list[tuple[int, ...]] = [()]
    numbers = [number for number, weight in enumerate(weights) if weight > 0]
    for size in range(1, len(numbers) + 1):
        for taken in combinations(numbers, size):
            if any(len(set(taken) & set(group)) > 1 for group in conflicts):
                continue
            value = sum(weights[number] for number in taken)
            if value > best:
                best, found = value, []
            if value == best:
                found.append(taken)
    return best, found


def random_problem(draw, size, weights):
    conflicts = [[number for number in range(size) if draw.random() < 0.3] for _ in range(6)]
    return [draw.choice(weights) for _ in range(size)], conflicts


@pytest.mark.parametrize("size", [3, 8, EXHAUSTIVE_MAX + 1, EXHAUSTIVE_MAX + 2])
@pytest.mark.parametrize("weights", [[0, 1, 2, 3], [1, 1, 2, 5], [2**70, 2**70 + 1, 2**45, 3, 10**30]])
def test_a_packing_is_the_best_and_the_first_of_the_best(size, weights):
    draw = random.Random(f"{size} {weights}")
    for _ in range(4):
        problem = Packing(*random_problem(draw, size, weights))
        value, found = all_best(problem.weights, problem.conflicts)
        best = problem.best()
        assert best.value == value
        varying = problem.varying(best)
        assert varying == tuple(one for one in range(size) if len({one in taken for taken in found}) > 1)
        order = list(varying)
        draw.shuffle(order)
        assert problem.first(order, best).taken == max(found, key=lambda taken: [one in taken for one in order])


def test_a_packing_without_some_options_does_not_take_them():
    draw = random.Random(5)
    weights, conflicts = random_problem(draw, 15, [3, 4, 5, 9])
    problem = Packing(weights, conflicts)
    best = problem.best()
    for out in best.taken:
        without = [0 if number == out else weight for number, weight in enumerate(weights)]
        assert problem.best(without=[out], known=best.taken).value == all_best(without, conflicts)[0]


def test_packing_agrees_with_cliques_of_networkx():
    draw = random.Random(11)
    for _ in range(5):
        size = 30
        weights = [draw.randint(1, 50) for _ in range(size)]
        pairs = [pair for pair in combinations(range(size), 2) if draw.random() < 0.4]
        compatible = networkx.Graph()
        for number, weight in enumerate(weights):
            compatible.add_node(number, weight=weight)
        compatible.add_edges_from(set(combinations(range(size), 2)) - set(pairs))
        _, value = networkx.max_weight_clique(compatible)
        assert Packing(weights, pairs).best().value == value


def test_too_many_options_are_refused():
    with pytest.raises(MechanismError, match="more than the 5000"):
        Packing([1] * (OPTIONS_MAX + 1), [])


def test_an_assignment_is_the_first_of_the_best():
    draw = random.Random(1)
    for _ in range(300):
        rows, columns = draw.randint(0, 4), draw.randint(1, 4)
        matrix = [[Fraction(draw.randint(0, 6), draw.choice([1, 2])) for _ in range(columns)] for _ in range(rows)]
        choices = []
        for given in product([*range(columns), None], repeat=rows):
            used = [column for column in given if column is not None]
            if len(set(used)) == len(used) and all(c is None or matrix[r][c] > 0 for r, c in enumerate(given)):
                choices.append((sum(matrix[r][c] for r, c in enumerate(given) if c is not None), given))
        top = max(value for value, _ in choices)
        best = [given for value, given in choices if value == top]
        solved = Assignment(matrix)
        assert solved.value == top
        assert solved.varying() == tuple(row for row in range(rows) if len({given[row] for given in best}) > 1)
        order = list(range(rows))
        draw.shuffle(order)
        assert solved.first(order) == min(best, key=lambda g: [columns if g[r] is None else g[r] for r in order])


def test_assignments_agree_with_scipy():
    draw = random.Random(2)
    for _ in range(20):
        columns = draw.randint(5, 15)
        matrix = [[draw.randint(0, 1000) for _ in range(columns)] for _ in range(draw.randint(5, 15))]
        costs = numpy.array(matrix)
        assert Assignment(matrix).value == costs[linear_sum_assignment(costs, maximize=True)].sum()


def test_a_projection_satisfies_the_conditions_of_optimality():
    """The way from the target to its projection is a combination of tight normals with weights of one sign."""
    draw = random.Random(3)
    for _ in range(60):
        size = draw.randint(1, 4)
        target = [Fraction(draw.randint(-5, 5)) for _ in range(size)]
        rows = [([draw.randint(0, 1) for _ in range(size)], Fraction(draw.randint(-2, 9))) for _ in range(5)]
        rows = [row for row in rows if any(row[0])]
        nearest = Projection(target)
        for row in rows:
            nearest.require(*row)
        point = nearest.point()
        assert all(sum(a * x for a, x in zip(normal, point, strict=True)) >= bound for normal, bound in rows)
        here = sum((x - t) ** 2 for x, t in zip(point, target, strict=True))
        # Convexity: no feasible point of a fine grid around, and none on the way to a far one, is nearer.
        for _ in range(60):
            step = [Fraction(draw.randint(-4, 4), draw.choice([1, 8, 64])) for _ in range(size)]
            other = [x + d for x, d in zip(point, step, strict=True)]
            if all(sum(a * x for a, x in zip(normal, other, strict=True)) >= bound for normal, bound in rows):
                assert sum((x - t) ** 2 for x, t in zip(other, target, strict=True)) >= here


def test_the_least_sum_comes_before_the_distance():
    rows = [([1, 1, 0], 10), ([1, 0, 1], 10), ([0, 1, 0], 0), ([0, 0, 1], 0), ([1, 0, 0], 0)]
    least, any_sum = Projection([Fraction(0)] * 3, least_sum=True), Projection([Fraction(0)] * 3)
    for row in rows:
        least.require(*row)
        any_sum.require(*row)
    assert least.point() == [10, 0, 0]
    assert any_sum.point() == [Fraction(20, 3), Fraction(10, 3), Fraction(10, 3)]


def test_an_empty_polyhedron_is_refused():
    nearest = Projection([Fraction(0)])
    nearest.require([1], 2)
    nearest.require([-1], -1)
    with pytest.raises(MechanismError, match="no point"):
        nearest.point()
