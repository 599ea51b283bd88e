"""Prints the polynomial coefficients of math_*.h: weighted minimax fits by Remez exchange.

The exchange keeps, of every run of errors of one sign, the largest; Remez (1934). Needs mpmath,
which neither the build nor the package does. Usage: python minimax.py [name ...]
"""

import struct
import sys
from collections.abc import Callable

from mpmath import (
    asin,
    atan,
    atanh,
    cos,
    erf,
    erfc,
    expm1,
    log,
    log1p,
    lu_solve,
    matrix,
    mp,
    mpf,
    nstr,
    pi,
    polyval,
    sign,
    sin,
    sinh,
    sqrt,
    tanh,
)

mp.dps = 50
Function = Callable[[mpf], mpf]


def remez(f: Function, weight: Function, low: mpf, high: mpf, degree: int) -> tuple[list, mpf]:
    """Coefficients c of p(x) = Σ c_k x^k with the least max |(p - f) weight|, and that maximum."""
    n = degree + 2
    middle, radius = (low + high) / 2, (high - low) / 2
    nodes = [middle - radius * cos(pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    grid = [middle - radius * cos(pi * mpf(k) / (40 * n)) for k in range(40 * n + 1)]
    for _ in range(15):
        a, b = matrix(n, n), matrix(n, 1)
        for i, x in enumerate(nodes):
            for k in range(degree + 1):
                a[i, k] = x**k
            a[i, degree + 1] = (-1) ** i / weight(x)
            b[i] = f(x)
        solution = lu_solve(a, b)
        c = [solution[k] for k in range(degree + 1)]
        errors = [(polyval(c[::-1], x) - f(x)) * weight(x) for x in grid]
        runs = [[0]]
        for i in range(1, len(grid)):
            if sign(errors[i]) == sign(errors[i - 1]):
                runs[-1].append(i)
            else:
                runs.append([i])
        peaks = [max(run, key=lambda i: abs(errors[i])) for run in runs]
        worst = max(abs(e) for e in errors)
        if len(peaks) < n or worst < abs(solution[degree + 1]) * mpf("1.01"):
            break
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        nodes = [grid[i] for i in peaks]
    return c, worst


def nonzero(f: Function) -> Function:
    """Steps over a removable singularity at 0."""
    tiny = mpf(10) ** -16
    return lambda x: f(x if abs(x) > tiny else tiny)


def odd_rest(f: Function) -> Function:
    """(f(x) / x - 1) / x² as a function of x²."""
    return nonzero(lambda z: (f(sqrt(abs(z))) / sqrt(abs(z)) - 1) / abs(z))


def erfcx_argument(u: mpf) -> mpf:
    """Maps [-1, 1] to [1, 6]."""
    return mpf("3.5") + mpf("2.5") * u


HALF_LN2, QUARTER_PI = log(2) / 2 * mpf("1.0001"), pi / 4 * mpf("1.0005")
LOG_LOW, LOG_HIGH = sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1
LOG_Z = (LOG_HIGH / (LOG_HIGH + 2)) ** 2 * mpf("1.001")
square = nonzero(abs)
# name: function, weight that makes the error one of the result, range, degrees (float, double)
FITS = {
    "exp_tail": (
        nonzero(lambda r: (expm1(r) - r) / r**2),
        nonzero(lambda r: r**2 / abs(expm1(r))),
        *(-HALF_LN2, HALF_LN2, 5, 9),
    ),
    "sinh": (odd_rest(sinh), square, mpf(0), mpf("1.001"), 3, 6),
    "tanh": (odd_rest(tanh), square, mpf(0), mpf("0.625") ** 2, 4, None),
    "log_rest float": (
        nonzero(lambda f: (log1p(f) - f + f * f / 2) / f**3),
        nonzero(lambda f: abs(f**3 / log1p(f))),
        *(LOG_LOW, LOG_HIGH, 8, None),
    ),
    "log_rest double": (
        nonzero(lambda z: (2 * atanh(sqrt(abs(z))) / sqrt(abs(z)) - 2) / abs(z)),
        *(square, mpf(0), LOG_Z, None, 6),
    ),
    "sin": (odd_rest(sin), square, mpf(0), QUARTER_PI**2, 2, 5),
    "cos": (
        nonzero(lambda z: (cos(sqrt(abs(z))) - 1 + abs(z) / 2) / z**2),
        *(nonzero(lambda z: z**2), mpf(0), QUARTER_PI**2, 2, 5),
    ),
    "atan": (odd_rest(atan), square, mpf(0), mpf("0.4385") ** 2, 4, 10),
    "asin": (odd_rest(asin), square, mpf(0), mpf("0.25025"), 4, 11),
    "erf float": (
        nonzero(lambda z: erf(sqrt(abs(z))) / sqrt(abs(z)) - 1),
        *(lambda _: mpf(1), mpf(0), mpf("0.93") ** 2, 6, None),
    ),
    "erf double": (
        nonzero(lambda z: erf(sqrt(abs(z))) / sqrt(abs(z)) - 1),
        *(lambda _: mpf(1), mpf(0), mpf("1.001"), None, 11),
    ),
    "log_erfc": (
        lambda x: log(erfc(x)),
        *(lambda x: erfc(x) / erf(x), mpf("0.92"), mpf("3.95"), 7, None),
    ),
    "log_erfcx": (
        lambda u: log(erfc(erfcx_argument(u))) + erfcx_argument(u) ** 2,
        lambda u: erfc(erfcx_argument(u)) / erf(erfcx_argument(u)),
        *(mpf(-1), mpf(1), None, 17),
    ),
}


def main() -> None:
    """Prints the fits named on the command line, or all."""
    for name in sys.argv[1:] or FITS:
        f, weight, low, high, *degrees = FITS[name]
        for type_name, degree in zip(("float", "double"), degrees, strict=True):
            if degree is None:
                continue
            c, error = remez(f, weight, low, high, degree)
            if type_name == "float":
                rounded = [struct.unpack("f", struct.pack("f", float(x)))[0] for x in c]
                text = ", ".join(f"{x:.9g}f" for x in rounded)
            else:
                text = ", ".join(repr(float(x)) for x in c)
            print(f"{name}, {type_name}: error 2^{nstr(log(error, 2), 4)}\n  {text}")


if __name__ == "__main__":
    main()
