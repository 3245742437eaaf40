"""Polynomials over the scalars: shares of a secret, how t of them give it back, and how too high a degree is found.

The secret is a polynomial's value at 0 and member i (counted from 1) has its value at i. t shares determine a
polynomial of degree t - 1, and t - 1 of them leave every value at 0 equally possible.

The check of the degree is that of SCRAPE: the values (p(1), …, p(n)) of a polynomial of degree below t are a word of a
Reed-Solomon code, and the words of its dual code, ``m(i) / prod(i - j for j != i)`` with a polynomial m of degree below
n - t, are orthogonal to it. A vector that is not in the code is orthogonal to a randomly chosen dual word with
probability 1/ORDER.

**Source**: Shamir, *How to share a secret*, 1979; Cascudo and David, *SCRAPE: Scalable Randomness Attested by Public
Entities*, 2017, section 2.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

from mechdesign.decision.sealing.curve import ORDER, multiply, scalars, total

__all__ = ["at_zero", "dual_word", "evaluate", "interpolate"]


def evaluate(coefficients: Sequence[int], at: int) -> int:
    """The value of a polynomial, given from its constant term up."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * at + coefficient) % ORDER
    return value


@lru_cache(maxsize=256)
def at_zero(places: tuple[int, ...]) -> tuple[int, ...]:
    """What each place's value counts for in the value at 0 (Lagrange).

    >>> [weight if weight < 10 else weight - ORDER for weight in at_zero((1, 2, 3))]
    [3, -3, 1]
    """
    weights = []
    for place in places:
        others = [other for other in places if other != place]
        over, under = prod(others), prod(other - place for other in others)
        weights.append(over * pow(under, -1, ORDER) % ORDER)
    return tuple(weights)


def interpolate(points: Mapping[int, bytes]) -> bytes:
    """The point at place 0 of the polynomial through the given places, computed in the exponent.

    Raises:
        PointError: a value is no point of the group.
    """
    places = tuple(sorted(points))
    return total(multiply(weight, points[place]) for place, weight in zip(places, at_zero(places), strict=True))


@lru_cache(maxsize=64)
def _inverse_products(n: int) -> tuple[int, ...]:
    inverses = []
    for i in range(1, n + 1):
        inverses.append(pow(prod(i - j for j in range(1, n + 1) if j != i), -1, ORDER))
    return tuple(inverses)


def dual_word(n: int, threshold: int, seed: bytes) -> list[int]:
    """A word of the dual code, chosen by a seed; empty where every vector is in the code (threshold n)."""
    if threshold >= n:
        return []
    mask = scalars(seed, n - threshold)
    return [evaluate(mask, i) * inverse % ORDER for i, inverse in enumerate(_inverse_products(n), 1)]
