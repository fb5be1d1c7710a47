"""The absorption ratio: how much of the market moves as one."""

from __future__ import annotations

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import Bounds, Parameter, Spec, indicator, safe_ratio_nb, trailing_moments_nb
from undertow.signals.correlation import complete_nb
from undertow.signals.drawdown import drop_nb


def absorbed(returns: FloatArray, weights: FloatArray, fraction: float) -> float:
    """Share of weighted variance that the first `fraction` of eigenvectors explains.

    `returns` (window, n), `weights` (window,) that sum to one. The fraction is of the eigenvectors that can have any
    variance, n or one less than the window: with more names than rows, a fifth of the names would explain nearly all of
    it by construction. NaN where no return differs from its mean.
    """
    rows, names = returns.shape
    centred = np.sqrt(weights)[:, None] * (returns - weights @ returns)
    # Both Gram matrices have the same eigenvalues above zero; the smaller one is cheaper.
    gram = centred @ centred.T if names > rows else centred.T @ centred
    total = float(np.trace(gram))
    if not total > 0:
        return np.nan
    count = max(1, round(fraction * min(names, rows - 1)))
    return min(1.0, float(np.linalg.eigvalsh(gram)[-count:].sum()) / total)


def absorption_ratio(
    close: FloatArray, member: FloatArray, window: int, fraction: float, short: int, long: int
) -> tuple[FloatArray, FloatArray]:
    """Absorption ratio of the members' returns and its standardised shift, (T, N).

    Both are the same in all columns. Returns weigh half as much for each half window of age. shift = (mean of the ratio
    over `short` rows - mean over `long` rows) / its sample deviation over `long` rows. Names that lack a return of the
    window are left out; NaN under two names and until a window is full. Measured on two cores: 2,400 sessions of 500
    names take 1.5 s with a window of 126 sessions and 4.5 s with 250.

    Args:
        close: closes (T, N).
        member: membership (T, N), above 0 for members.
        window: returns of a ratio, rows.
        fraction: share of the eigenvectors, in (0, 1].
        short: rows of the short mean.
        long: rows of the long mean and of the deviation.
    """
    returns = drop_nb(close, 1)
    complete = complete_nb(returns, member, window)
    weights = 0.5 ** (np.arange(window)[::-1] / (0.5 * window))
    weights /= weights.sum()
    ratio = np.full((len(close), 1), np.nan)
    for row in np.flatnonzero(complete.sum(axis=1) >= 2):
        part = returns[row - window + 1 : row + 1, complete[row]]
        ratio[row] = absorbed(part, weights, fraction)
    fast, _ = trailing_moments_nb(ratio, short)
    slow, deviation = trailing_moments_nb(ratio, long)
    shift = safe_ratio_nb(fast - slow, deviation)
    return np.repeat(ratio, close.shape[1], axis=1), np.repeat(shift, close.shape[1], axis=1)


AbsorptionRatio = indicator(
    Spec(
        name="absorption-ratio",
        summary="Share of the variance of members' returns in their first eigenvectors, and its standardised shift.",
        kernel=absorption_ratio,
        inputs={"close": ("prices", "close"), "member": ("prices", "member")},
        parameters={
            "window": Parameter(126, IntDistribution(21, 252, log=True), unit="sessions"),
            "fraction": Parameter(0.2, FloatDistribution(0.02, 0.5), unit="share of eigenvectors"),
            "short": Parameter(15, IntDistribution(5, 63, log=True), unit="sessions"),
            "long": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
        },
        outputs=("ratio", "shift"),
        units="ratio decimal in (0, 1]; shift in standard deviations of the long window",
        lookback=lambda window, fraction, short, long: (window + 1, window + max(short, long)),
        source="Kritzman, Li, Page and Rigobon (2011), there with 500 sessions and half as many of half-life",
        clock="session",
        scale_free=("close",),
        across_names=True,
        bounds={"ratio": Bounds(0.0, 1.0, open_low=True)},
        decimal=("ratio",),
    )
)
