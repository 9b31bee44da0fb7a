"""The error function, which NumPy does not have: erf x = 2/√π · ∫₀ˣ e^(−t²) dt.

Cody found one quotient of two polynomials for each of three ranges, so good that the error is that
of rounding:

    |x| ≤ 0.46875       erf x  = x · R₁(x²)
    |x| ≤ 4             erfc x = e^(−x²) · R₂(|x|)                          erfc x = 1 − erf x
    beyond              erfc x = e^(−x²) / |x| · (1/√π + R₃(1/x²) / x²)

Where erf x is close to 1 it is 1 − erfc x that is computed, and where it is small never, so no
digits cancel. Negative x follow from erf(−x) = −erf x and erfc(−x) = 2 − erfc x.

Source: W. J. Cody, Rational Chebyshev approximation for the error function, Mathematics of
Computation 23, 1969; the coefficients are those of his program CALERF (netlib, 1990).
"""

import math

import numpy as np

Array = np.ndarray

SMALL, LARGE = 0.46875, 4.0
VANISHED = 30.0  # e^(−30²) is 0 in float64, so beyond this erfc is 0

# Numerator and denominator of each quotient, highest power first.
R1 = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    ),
)
R2 = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
R3 = (
    (
        -1.63153871373020978e-2,
        -3.05326634961232344e-1,
        -3.60344899949804439e-1,
        -1.25781726111229246e-1,
        -1.60837851487422766e-2,
        -6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
Quotient = tuple[tuple[float, ...], tuple[float, ...]]


def erf(x: Array) -> Array:
    """erf x for every element, with x's shape and dtype (float32 or float64). NaN stays NaN."""
    y = np.empty_like(x, order="C")
    small = np.abs(x) <= SMALL
    y[small] = _erf_near_zero(x[small])
    rest = x[~small]  # NaN is not small
    y[~small] = np.copysign(1 - _erfc_of_positive(np.abs(rest)), rest)
    return y


def erfc(x: Array) -> Array:
    """1 − erf x for every element, exact also where erf x is so close to 1 that 1 − erf x is not.

    That is where the tail of the normal distribution lies: Φ(x) = ½ erfc(−x / √2).
    """
    y = np.empty_like(x, order="C")
    small = np.abs(x) <= SMALL
    y[small] = 1 - _erf_near_zero(x[small])
    rest = x[~small]
    tail = _erfc_of_positive(np.abs(rest))
    y[~small] = np.where(rest < 0, 2 - tail, tail)
    return y


def _erf_near_zero(x: Array) -> Array:
    """Erf x for |x| ≤ 0.46875."""
    return x * _quotient(R1, x * x)


def _erfc_of_positive(x: Array) -> Array:
    """Erfc x for x > 0.46875."""
    x = np.minimum(x, VANISHED)  # so that no square overflows
    y = np.empty_like(x)
    large = x > LARGE
    y[~large] = _quotient(R2, x[~large])
    far = x[large]
    inverse_square = 1 / (far * far)
    y[large] = (1 / math.sqrt(math.pi) + inverse_square * _quotient(R3, inverse_square)) / far
    # The rounding error of x² would grow in e^(−x²). With r, which is x cut off after 4 binary
    # digits, r² is exact, and x² = r² + (x − r)(x + r) leaves only a small part to be rounded.
    r = np.trunc(x * 16) / 16
    return y * np.exp(-r * r) * np.exp(-(x - r) * (x + r))


def _quotient(coefficients: Quotient, x: Array) -> Array:
    """Two polynomials at x, one divided by the other."""
    numerator, denominator = (np.polyval(np.array(row, x.dtype), x) for row in coefficients)
    return numerator / denominator
