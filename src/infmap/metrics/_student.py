"""Student's t, which the standard library has not: its tail and its quantile."""

from __future__ import annotations

import math
from functools import lru_cache


def t_tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's t; ``freedom`` need not be a whole number.

    By the incomplete beta function (Abramowitz and Stegun 1964, 26.7.1 and 26.5.8).

    Args:
        t: any number, infinite ones too.
        freedom: degrees of freedom, above 0.
    """
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    half = 0.5 * _beta(freedom / (freedom + t * t), freedom / 2, 0.5)
    return half if t >= 0 else 1.0 - half


@lru_cache(256)
def t_quantile(tail: float, freedom: float) -> float:
    """The t that is exceeded with a probability in (0, 0.5]; by bisection."""
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > tail:
        low, high = high, 2 * high
    # 80 halvings: beyond float64's own precision.
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """Regularized incomplete beta function I_x(a, b)."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    # Beyond its turning point the fraction converges slowly; the symmetry I_x(a, b) = 1 - I_1-x(b,
    # a) brings x below it.
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front / a / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Continued fraction of the incomplete beta function, by Lentz's method."""
    # Stands for 0 in a denominator, as Lentz's method has it.
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for n in range(1, 1000):
        m = n // 2
        if n % 2:
            step = -(a + m) * (a + b + m) * x / ((a + n - 1) * (a + n))
        else:
            step = m * (b - m) * x / ((a + n - 1) * (a + n))
        d = 1.0 / (1.0 + step * d or tiny)
        c = 1.0 + step / c or tiny
        value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value
