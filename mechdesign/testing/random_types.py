"""Private types beyond the grid, as Hypothesis strategies.

A type is drawn by changing one that the mechanism itself gives (in its grid or example): numbers become other
multiples of the greatest common divisor of the grid's numbers, so that claims about multiples of a step stay claims
about the same thing; lists are shuffled and shortened; names are replaced by others that stand there. What is then
no value of the mechanism's pydantic type is left as it was.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from mechdesign.kernel.errors import InputError
from mechdesign.mechanisms import codec
from mechdesign.testing.cases import AnyMechanism

__all__ = ["types_of"]

_STEPS_MAX: Final = 12
"""Numbers go up to so many steps beyond the greatest in the grid."""


def types_of(mechanism: AnyMechanism, bases: Sequence[Any]) -> SearchStrategy[Any]:
    """Return a strategy for private types.

    Args:
        mechanism: whose types.
        bases: types to start from, simplest first.
    """
    schema = mechanism.type_schema()
    plains = [codec.plain(schema, base) for base in bases]
    numbers = [number for plain in plains for number in _numbers(plain)]
    whole = [number for number in numbers if number]
    step = reduce(_common, whole, Fraction(0)) or Fraction(1)
    low, high = min(numbers, default=Fraction(0)), max(numbers, default=Fraction(1))
    least = int(low / step) if low < 0 else 0
    counts = st.integers(least, int(high / step) + _STEPS_MAX)
    words = sorted({word for plain in plains for word in _words(plain)})

    @st.composite
    def drawn(draw: DrawFn) -> Any:
        place = draw(st.integers(0, len(bases) - 1))
        if draw(st.booleans()):
            return bases[place]
        changed = _changed(draw, plains[place], counts, step, words)
        for candidate in (changed, _falling(changed)):
            try:
                return codec.validate(schema, candidate, "type")
            except InputError:
                continue
        return bases[place]

    return drawn()


def _common(one: Fraction, other: Fraction) -> Fraction:
    """Return the greatest number of which both are multiples."""
    other = abs(other)
    if not one:
        return other
    below = math.lcm(one.denominator, other.denominator)
    return Fraction(math.gcd(int(one * below), int(other * below)), below)


def _number(data: Any) -> Fraction | None:
    if isinstance(data, bool):
        return None
    if isinstance(data, int):
        return Fraction(data)
    if isinstance(data, str):
        try:
            return Fraction(data)
        except (ValueError, ZeroDivisionError):
            return None
    return None


def _numbers(data: Any) -> list[Fraction]:
    if isinstance(data, Mapping):
        return [number for part in data.values() for number in _numbers(part)]
    if isinstance(data, list):
        return [number for part in data for number in _numbers(part)]
    found = _number(data)
    return [] if found is None else [found]


def _words(data: Any) -> list[str]:
    if isinstance(data, Mapping):
        return [word for part in data.values() for word in _words(part)]
    if isinstance(data, list):
        return [word for part in data for word in _words(part)]
    return [data] if isinstance(data, str) and _number(data) is None else []


def _changed(draw: DrawFn, data: Any, counts: SearchStrategy[int], step: Fraction, words: Sequence[str]) -> Any:
    if isinstance(data, Mapping):
        return {key: _changed(draw, part, counts, step, words) for key, part in data.items()}
    if isinstance(data, list):
        if data and all(isinstance(part, str) and _number(part) is None for part in data):
            return list(draw(st.permutations(data)))  # an order or a set of names: only complete in that it was
        return [_changed(draw, part, counts, step, words) for part in data]
    if isinstance(data, bool):
        return draw(st.booleans())
    if _number(data) is not None:
        number = draw(counts) * step
        if isinstance(data, int):
            return int(number)
        return str(number)
    if isinstance(data, str) and len(words) > 1:
        return draw(st.sampled_from(words))
    return data


def _falling(data: Any) -> Any:
    """Return lists of numbers in falling order, as marginal values have to be."""
    if isinstance(data, Mapping):
        return {key: _falling(part) for key, part in data.items()}
    if isinstance(data, list):
        parts = [_falling(part) for part in data]
        numbers = [_number(part) for part in parts]
        if all(number is not None for number in numbers):
            return sorted(parts, key=Fraction, reverse=True)
        return parts
    return data
