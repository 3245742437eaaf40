"""Exact numbers in sentences for people."""

from fractions import Fraction

from mechdesign.kernel.money import format_exact

__all__ = ["readable"]


def readable(amount: Fraction) -> str:
    """Return an amount exactly where that is short, else cut to two decimals; the data beside a text has it exactly.

    >>> readable(Fraction(7, 3)), readable(Fraction(1234567, 3456))
    ('7/3', 'about 357.22')
    """
    if amount.denominator < 1000:
        return format_exact(amount)
    hundredths = abs(amount.numerator) * 100 // amount.denominator
    sign = "-" if amount < 0 else ""
    return f"about {sign}{hundredths // 100}.{hundredths % 100:02d}"
