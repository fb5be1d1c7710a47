"""The Sharpe ratio after luck: probabilistic, deflated, and what many trials give."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np

from undertow.market import FloatArray, ParameterError, is_number

_EULER = 0.5772156649015329
_NORMAL = NormalDist()
# A standard deviation below this is the rounding of equal returns.
_LEAST_SPREAD = 1e-12


@dataclass(frozen=True)
class SharpeMoments:
    """The moments of T session returns that the distribution of a Sharpe ratio needs.

    Args:
        sharpe: mean over standard deviation (ddof 0), per session; NaN where nothing varies
        skew: third standardised moment, 0 for a normal distribution
        kurtosis: raw fourth standardised moment, 3 for a normal distribution
        sessions: number of returns
    """

    sharpe: float
    skew: float
    kurtosis: float
    sessions: int


@dataclass(frozen=True)
class DeflatedSharpe:
    """A Sharpe ratio and the probability that it is above zero, and above luck's best.

    Args:
        sharpe: per session
        psr: probability that the true ratio is above 0
        dsr: probability that it is above `expected_max`
        expected_max: ratio per session that the best of the trials has by luck alone
        trials: number of trials
        variance: variance of the trials' ratios, per session
        variance_of: "trials", or "no skill": 1 / (T - 1), where the trials' ratios are not known
    """

    sharpe: float
    psr: float
    dsr: float
    expected_max: float
    trials: int
    variance: float
    variance_of: str

    def as_dict(self) -> dict[str, float | int | str]:
        """The fields as plain values."""
        return asdict(self)


def sharpe_moments(returns: FloatArray) -> SharpeMoments:
    """The moments of session returns (T,), decimal or log, with ddof 0."""
    values = np.asarray(returns, dtype=np.float64)
    spread = float(values.std()) if len(values) > 1 else 0.0
    if not spread > _LEAST_SPREAD:
        return SharpeMoments(math.nan, math.nan, math.nan, len(values))
    scaled = (values - values.mean()) / spread
    return SharpeMoments(
        float(values.mean()) / spread, float((scaled**3).mean()), float((scaled**4).mean()), len(values)
    )


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, both per session.

    NaN where the ratio is. Source: Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier.
    """
    square = _square_of_error(moments)
    if not square > 0.0 or moments.sessions < 2:
        return math.nan
    return _NORMAL.cdf((moments.sharpe - benchmark) * math.sqrt(moments.sessions - 1) / math.sqrt(square))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, level: float = 0.95) -> float:
    """The sessions after which the probabilistic Sharpe ratio reaches `level`.

    Infinite where the ratio is at or below `benchmark`. Source: Bailey and López de Prado (2012).
    """
    if math.isnan(moments.sharpe):
        return math.nan
    if moments.sharpe <= benchmark:
        return math.inf
    return 1.0 + _square_of_error(moments) * (_NORMAL.inv_cdf(level) / (moments.sharpe - benchmark)) ** 2


def expected_maximum(trials: int) -> float:
    """The expected largest of `trials` independent standard normal numbers; 0 for one.

    Source: Bailey and López de Prado (2014), The Deflated Sharpe Ratio, equation 1.
    """
    if not is_number(trials) or trials < 1:
        raise ParameterError(f"`trials` must be 1 or more, got {trials!r}")
    if trials == 1:
        return 0.0
    return (1.0 - _EULER) * _NORMAL.inv_cdf(1.0 - 1.0 / trials) + _EULER * _NORMAL.inv_cdf(
        1.0 - 1.0 / (trials * math.e)
    )


def minimum_backtest_years(trials: int, annual_sharpe: float = 1.0) -> float:
    """The years below which the best of `trials` by luck is expected to reach a ratio.

    Source: Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism.
    """
    if not is_number(annual_sharpe) or not annual_sharpe > 0.0:
        return math.inf
    return (expected_maximum(trials) / annual_sharpe) ** 2


def deflated_sharpe(moments: SharpeMoments, trials: int, variance: float | None = None) -> DeflatedSharpe:
    """The Sharpe ratio, deflated by the number of trials that it was chosen from.

    Args:
        moments: those of the chosen trial's returns.
        trials: number of trials ever made, 1 or more.
        variance: variance (ddof 1) of the trials' ratios, per session; None for that of trials without skill.

    Source: Bailey and López de Prado (2014), The Deflated Sharpe Ratio. Trials that are alike count as independent
    ones, so that the figure is a cautious one where they are.
    """
    is_stated = variance is not None
    spread = float(variance) if variance is not None else 1.0 / max(1, moments.sessions - 1)
    threshold = math.sqrt(spread) * expected_maximum(trials)
    return DeflatedSharpe(
        sharpe=moments.sharpe,
        psr=probabilistic_sharpe(moments),
        dsr=probabilistic_sharpe(moments, threshold),
        expected_max=threshold,
        trials=trials,
        variance=spread,
        variance_of="trials" if is_stated else "no skill",
    )


def _square_of_error(moments: SharpeMoments) -> float:
    return 1.0 - moments.skew * moments.sharpe + (moments.kurtosis - 1.0) / 4.0 * moments.sharpe**2


def deflated_returns(returns: FloatArray, hold: FloatArray, trials: int) -> dict[str, DeflatedSharpe]:
    """Deflated ratios of log returns: `over_hold`, less buy-and-hold, and `absolute`.

    An absolute one of 0.99 is mostly the market's own return. NaN where an account lost everything.

    Args:
        returns: session returns (T,), decimal.
        hold: those of buy-and-hold (T,).
        trials: number of trials ever made, 1 or more.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        run, base = np.log1p(returns), np.log1p(hold)
        series = {"over_hold": run - base, "absolute": run}
    known = {name: values if np.isfinite(values).all() else np.zeros(len(values)) for name, values in series.items()}
    return {name: deflated_sharpe(sharpe_moments(values), trials) for name, values in known.items()}


def deflated_sentence(deflated: dict[str, DeflatedSharpe]) -> str:
    """The probability that a run beats buy-and-hold by more than luck, as text."""
    over_hold, absolute = deflated["over_hold"], deflated["absolute"]
    if math.isnan(over_hold.dsr):
        return "It never differs from buy-and-hold: there is no skill to judge."
    trials = f"{over_hold.trials:,} trial{'s' if over_hold.trials != 1 else ''}"
    return (
        f"After {trials} its Sharpe ratio over buy-and-hold is above what luck gives with a probability of"
        f" {over_hold.dsr:.0%} (deflated; absolute {absolute.dsr:.0%}, mostly the market's own return)."
    )
