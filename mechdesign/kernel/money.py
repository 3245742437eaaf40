"""Exact money: fractions while a mechanism computes, whole minor units once it is settled.

No binary float ever becomes an amount: a float is refused, a JSON or TOML number has to be read with
``parse_float=Decimal``. Every number that comes from outside is bounded in digits, so that a short text cannot grow
into a long integer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mechdesign.kernel.errors import InputError

__all__ = [
    "DECIMALS_MAX",
    "DIGITS_MAX",
    "Amount",
    "Currency",
    "MoneyError",
    "SignedAmount",
    "format_exact",
    "parse_exact",
    "round_flows",
]

DIGITS_MAX = 60
"""Digits allowed before the point, after the point, and on either side of a slash."""

DECIMALS_MAX = 18
"""Most decimals a currency may have."""

_DECIMAL = re.compile(r"([+-]?)([0-9]{1,60})(?:\.([0-9]{1,60}))?")
_RATIO = re.compile(r"([+-]?)([0-9]{1,60})/([0-9]{1,60})")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,11}|")


class MoneyError(InputError):
    """A value is no exact amount, or amounts cannot be rounded within the declared limits."""


@dataclass(frozen=True, slots=True)
class Currency:
    """What amounts are counted in.

    Attributes:
        code: the name shown after an amount, such as ``EUR``; may be empty.
        decimals: digits after the point of the smallest unit that is paid (2: hundredths).
    """

    code: str = ""
    decimals: int = 2

    def __post_init__(self) -> None:
        """Reject codes and decimals that a settlement could not use."""
        if not _CODE.fullmatch(self.code):
            raise MoneyError(f"currency must be a short name of letters and digits such as EUR, not {self.code!r}")
        if isinstance(self.decimals, bool) or not isinstance(self.decimals, int):
            raise MoneyError(f"decimals must be a whole number, not {self.decimals!r}")
        if not 0 <= self.decimals <= DECIMALS_MAX:
            raise MoneyError(f"decimals must lie between 0 and {DECIMALS_MAX}, not {self.decimals}")

    @property
    def minor_per_unit(self) -> int:
        """How many minor units make one unit (100 for two decimals)."""
        return int(10**self.decimals)

    def to_minor(self, amount: Fraction) -> Fraction:
        """Return the amount counted in minor units, still exact."""
        return amount * self.minor_per_unit

    def from_minor(self, minor: int) -> Fraction:
        """Return the amount that so many minor units make."""
        return Fraction(minor, self.minor_per_unit)

    def round_up(self, amount: Fraction) -> Fraction:
        """Return the least payable amount that is at least ``amount`` (for critical values)."""
        return self.from_minor(ceil(self.to_minor(amount)))

    def round_down(self, amount: Fraction) -> Fraction:
        """Return the greatest payable amount that is at most ``amount``."""
        return self.from_minor(floor(self.to_minor(amount)))

    def format(self, amount: Fraction) -> str:
        """Return the amount for people: decimals where they are exact, else the exact fraction.

        >>> Currency("EUR").format(Fraction(37, 2)), Currency("EUR").format(Fraction(1, 3))
        ('18.50 EUR', '1/3 EUR')
        """
        minor = self.to_minor(amount)
        text = format_exact(amount)
        if minor.denominator == 1 and amount.denominator != 1:
            whole, rest = divmod(abs(minor.numerator), self.minor_per_unit)
            text = f"{'-' if minor < 0 else ''}{whole}.{rest:0{self.decimals}d}"
        return f"{text} {self.code}".rstrip()


def parse_exact(value: object) -> Fraction:
    """Return the exact amount that an integer, a decimal, a fraction or a text stands for.

    Texts are plain decimals (``"18.50"``, ``"-3"``) or ratios of whole numbers (``"1/3"``).

    Raises:
        MoneyError: for floats, truth values, exponents in texts, and numbers with too many digits.

    >>> parse_exact("18.50"), parse_exact("1/3"), parse_exact(21)
    (Fraction(37, 2), Fraction(1, 3), Fraction(21, 1))
    """
    match value:
        case bool():
            raise MoneyError(f"an amount must be a number, not the truth value {value}")
        case float():
            raise MoneyError(f'the binary float {value!r} is not exact: write it as a string such as "18.50" or "1/3"')
        case Fraction():
            return value
        case int():
            return Fraction(_bounded(value))
        case Decimal():
            return _parse_decimal(value)
        case str():
            return _parse_text(value)
        case _:
            raise MoneyError(f'an amount must be a number or a text such as "18.50", not {type(value).__name__}')


def _bounded(value: int) -> int:
    if abs(value) >= 10**DIGITS_MAX:
        raise MoneyError(f"an amount may have at most {DIGITS_MAX} digits")
    return value


def _parse_decimal(value: Decimal) -> Fraction:
    if not value.is_finite():
        raise MoneyError(f"an amount must be finite, not {value}")
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > 2 * DIGITS_MAX or abs(exponent) > DIGITS_MAX:
        raise MoneyError(f"an amount may have at most {DIGITS_MAX} digits before and after the point")
    fraction = Fraction(value)
    _bounded(int(fraction))
    return fraction


def _parse_text(value: str) -> Fraction:
    if found := _DECIMAL.fullmatch(value):
        sign, whole, rest = found.group(1), found.group(2), found.group(3) or ""
        number = Fraction(int(whole + rest), 10 ** len(rest))
    elif found := _RATIO.fullmatch(value):
        sign = found.group(1)
        if int(found.group(3)) == 0:
            raise MoneyError(f"{value!r} divides by zero")
        number = Fraction(int(found.group(2)), int(found.group(3)))
    else:
        shown = value if len(value) <= 40 else value[:40] + "…"
        raise MoneyError(f'{shown!r} is not an exact amount: write it as "18.50" or "1/3"')
    return -number if sign == "-" else number


def format_exact(amount: Fraction | int) -> str:
    """Return the canonical exact text of an amount.

    >>> format_exact(Fraction(-34, 5)), format_exact(Fraction(21))
    ('-34/5', '21')
    """
    return str(Fraction(amount))


@dataclass(frozen=True, slots=True)
class _ExactNumber:
    """How pydantic reads, writes and describes an exact amount."""

    minimum: int | None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: object) -> Fraction:
            try:
                amount = parse_exact(value)
            except MoneyError as error:
                # A custom error keeps pydantic from prefixing the text, so that the reader sees one clear sentence.
                raise PydanticCustomError("exact_amount", "{reason}", {"reason": str(error)}) from None
            if self.minimum is not None and amount < self.minimum:
                reason = f"an amount must be at least {self.minimum}, not {format_exact(amount)}"
                raise PydanticCustomError("exact_amount_minimum", "{reason}", {"reason": reason})
            return amount

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(format_exact)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described: JsonSchemaValue = {
            "type": ["string", "number"],
            "description": "an exact amount: a whole number, a decimal, or a text such as 18.50 or 1/3",
            "pattern": r"^[0-9]+(\.[0-9]+|/[0-9]+)?$" if self.minimum == 0 else r"^[+-]?[0-9]+(\.[0-9]+|/[0-9]+)?$",
        }
        if self.minimum is not None:
            described["minimum"] = self.minimum
        return described


Amount = Annotated[Fraction, _ExactNumber(minimum=0)]
"""A non-negative exact amount in units of the currency."""

SignedAmount = Annotated[Fraction, _ExactNumber(minimum=None)]
"""An exact amount of either sign in units of the currency."""


def round_flows(
    net: Mapping[str, Fraction],
    currency: Currency,
    *,
    order: Sequence[str] = (),
    limits: Mapping[str, Fraction] | None = None,
) -> dict[str, int]:
    """Round net transfers to minor units, once, so that everything still sums to zero.

    Every party gets the whole minor units below its exact net transfer, and the units that this leaves over go to the
    largest remainders. A party with a limit never ends below it; where limits force more units than were left over, the
    parties without a limit give them, the last in order first.

    Args:
        net: exact net transfer of every player and account (what it receives minus what it pays), summing to zero.
        currency: says what a minor unit is.
        order: who comes first among equal remainders; parties that it does not name follow in the order of ``net``.
        limits: the least net transfer that a party accepts (a declared most payment of 10 is a limit of -10).

    Returns:
        Minor units per party, in the order of ``net``, summing to zero.

    Raises:
        MoneyError: where ``net`` does not sum to zero, passes a limit before rounding, or no rounding keeps all limits.

    >>> third = Fraction(1, 3)
    >>> round_flows({"alice": third, "bob": third, "carol": third, "SINK": Fraction(-1)}, Currency(decimals=2))
    {'alice': 34, 'bob': 33, 'carol': 33, 'SINK': -100}
    """
    limits = limits or {}
    if sum(net.values()) != 0:
        raise MoneyError(f"net transfers must sum to zero, not {format_exact(sum(net.values(), Fraction(0)))}")
    exact = {party: currency.to_minor(amount) for party, amount in net.items()}
    least = {party: ceil(currency.to_minor(limits[party])) for party in net if party in limits}
    for party in least:
        if net[party] < limits[party]:
            least_text = format_exact(limits[party])
            raise MoneyError(f"{party} ends at {format_exact(net[party])}, below its limit {least_text}")
    named = {party: place for place, party in enumerate(order)}
    ranked = sorted(net, key=lambda party: named.get(party, len(named)))  # stable: the rest keep the order of net
    minor = {party: max(floor(exact[party]), least.get(party, floor(exact[party]))) for party in net}
    spare = -sum(minor.values())
    by_remainder = sorted(
        (party for party in ranked if minor[party] < exact[party]),
        key=lambda party: minor[party] - exact[party],
    )
    for party in by_remainder[: max(spare, 0)]:
        minor[party] += 1
    if spare < 0:
        _give_back(minor, -spare, [party for party in reversed(ranked) if party not in least])
    return minor


def _give_back(minor: dict[str, int], units: int, givers: Sequence[str]) -> None:
    """Take units that limits forced upwards from the parties that declared none, in turn."""
    if not givers:
        raise MoneyError("no rounding to minor units keeps every declared limit")
    for turn in range(units):
        minor[givers[turn % len(givers)]] -= 1
