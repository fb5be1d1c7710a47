"""Whether the best of many rules beats a baseline, given that many were tried."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from undertow.evidence.bootstrap import RESAMPLES, resampled_means
from undertow.evidence.difference import FEWEST_SESSIONS
from undertow.market import BoolArray, FloatArray, ParameterError, check_returns, check_whole, is_number

_ROUNDING = 1e-12  # of a session's return: rounding by which a rule that did nothing differs from its basket


@dataclass(frozen=True)
class SPATest:
    """Hansen's test of superior predictive ability, as a gate for rules to act.

    It passes where p is `alpha` or less. The null hypothesis is that no rule tried grows capital faster than the
    baseline, by log returns of the same sessions. p is the consistent one, from scaled means and the stationary
    bootstrap with mean blocks of sqrt(T) sessions. It allows for the best having been picked from many, even from many
    that are alike, and changes little when hopeless rules are added.

    Size: where up to 200 rules are nothing but luck, 4 to 18 of 100 samples pass at 0.10, 11 on average over nine
    simulated markets, from 400 sessions on. With fewer sessions the bootstrap's variance is too small, by
    (2 sqrt(T) - 1) / T for independent returns: of 50 rules that leave the baseline on every session and share nothing,
    18 to 24 of 100 samples pass on 60 to 252 sessions, of 200 rules up to 37; of rules that leave it now and then at
    most 13.

    Args:
        alpha: the largest p that passes, in (0, 1)
        resamples: number of resamples, 100 or more
        seed: seed of the bootstrap, 0 or more

    Raises `ParameterError` where one is out of range. Source: Hansen (2005), A Test for Superior Predictive Ability.
    Each difference is divided by its standard deviation. The paper
    divides by the long-run deviation, which a few hundred sessions estimate so roughly that the largest of many ratios
    belongs to a rule whose deviation was estimated too small: 17 to 43 of 100 samples of luck pass at 0.10 in the same
    markets.
    """

    alpha: float = 0.10
    resamples: int = RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_number(self.alpha) or not 0.0 < self.alpha < 1.0:
            raise ParameterError(f"`alpha` must lie between 0 and 1, such as 0.10; got {self.alpha!r}")
        check_whole("resamples", self.resamples, 100)
        check_whole("seed", self.seed, 0)

    @property
    def fewest(self) -> int:
        """The fewest sessions it accepts."""
        return FEWEST_SESSIONS

    @property
    def name(self) -> str:
        """Its name in a recipe: `SPA p <= 0.1`, and the settings that are not default."""
        changed = [f"{name} {getattr(self, name)}" for name in ("resamples", "seed") if self._is_changed(name)]
        return ", ".join([f"SPA p <= {self.alpha:g}", *changed])

    def _is_changed(self, name: str) -> bool:

        return bool(getattr(self, name) != type(self).__dataclass_fields__[name].default)

    def __call__(self, returns: FloatArray, hold: FloatArray) -> float:
        """p for decimal session returns (P, T) of P rules against `hold` (T,).

        Rules that never left the baseline, or lost everything, cannot be better and are not tested; nor are those that
        left it for one span of sqrt(T) sessions or less: one episode proves nothing. 1.0 where no rule is tested.
        Raises `ParameterError` on fewer than 60 sessions, on returns of other sessions, on missing ones, and on account
        values, gross returns and percent.
        """
        tried, base = np.atleast_2d(check_returns("returns", returns)), check_returns("hold", hold)
        if base.ndim != 1 or tried.shape[1] != len(base):
            raise ParameterError(
                f"`returns` has {tried.shape[1]} sessions, `hold` {base.size}; both need the same sessions"
            )
        if len(base) < FEWEST_SESSIONS:
            raise ParameterError(f"the test needs {FEWEST_SESSIONS} sessions or more, got {len(base)}")
        if np.isnan(tried).any() or not (base > -1.0).all():
            raise ParameterError("the test needs known returns, and a baseline that did not lose everything")
        gap = np.log1p(tried[(tried > -1.0).all(axis=1)]) - np.log1p(base)
        block = math.isqrt(len(base))
        acting = np.unique(gap[(np.ptp(gap, axis=1) > _ROUNDING) & ~_one_episode(gap, block)], axis=0)
        if not len(acting):
            return 1.0
        scaled = acting / acting.std(axis=1, keepdims=True)
        mean = scaled.mean(axis=1)
        # Rules that are so bad that they cannot be the best do not raise the bar.
        hopeless = mean < -np.sqrt(2.0 * math.log(math.log(len(base))) * _long_run(scaled, block) / len(base))
        centre = np.where(hopeless, mean, 0.0)
        best = max(0.0, float(mean.max()))
        above = sum(
            int((np.maximum((drawn + centre).max(axis=1), 0.0) > best).sum())
            for drawn in resampled_means(scaled.T, block, self.resamples, self.seed)
        )
        return above / self.resamples


def _long_run(values: FloatArray, block: int) -> FloatArray:
    """Variance (P,) of the root of T times a mean, as the stationary bootstrap has it."""
    rows = values.shape[1]
    lags, stay = np.arange(1, rows), 1.0 - 1.0 / block
    weights = (1.0 - lags / rows) * stay**lags + lags / rows * stay ** (rows - lags)
    variances = np.empty(len(values))
    for rule, series in enumerate(values):
        spectrum = np.abs(np.fft.rfft(series - series.mean(), 2 * rows)) ** 2
        covariances = np.fft.irfft(spectrum)[:rows] / rows
        variances[rule] = covariances[0] + 2.0 * covariances[1:] @ weights
    return np.maximum(variances, 0.0)


def _one_episode(gap: FloatArray, block: int) -> BoolArray:
    """Whether a row (P,) differs from the baseline in one span of at most a block."""
    away = np.abs(gap) > _ROUNDING
    begins = away[:, 0].astype(np.int64) + (away[:, 1:] & ~away[:, :-1]).sum(axis=1)
    is_one: BoolArray = (begins <= 1) & (away.sum(axis=1) <= block)
    return is_one
