"""Forward scenarios as states: normalisation, tightening, reflation."""

from __future__ import annotations

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import BoolArray, FloatArray
from undertow.signals.base import FLAG, STATE, Parameter, Spec, full_nb, indicator, rolling_max_nb, trailing_median_nb
from undertow.signals.macro import log_shock_nb, shock_nb

# A fall of exactly the threshold must not be lost to rounding: the VIX is quoted to a hundredth.
_ROUNDING = 1e-9


@njit(cache=True)
def flag_nb(met: BoolArray, known: FloatArray) -> FloatArray:
    """1 where met, 0 where not, NaN where `known` is NaN, all (T, N)."""
    return np.where(np.isnan(known), np.nan, np.where(met, 1.0, 0.0))


@njit(cache=True)
def normalisation_nb(
    vix: FloatArray, spread_z: FloatArray, peak: int, window: int, ease: float, move: float
) -> FloatArray:
    """Whether volatility comes down and credit does not object: 1, 0 or NaN (T, N).

    Args:
        vix: the VIX (T, N), points; it must be below its median.
        spread_z: change of the credit spread (T, N), in deviations.
        peak: rows of the VIX's high.
        window: rows of the VIX's median.
        ease: least fall of the VIX from its high, decimal.
        move: widening of the spread that objects, in deviations.
    """
    highest = np.where(full_nb(vix, peak), rolling_max_nb(vix, peak), np.nan)
    median = trailing_median_nb(vix, window)
    met = (vix <= (1.0 - ease + _ROUNDING) * highest) & (vix < median) & (spread_z < move)
    return flag_nb(met, highest + median + spread_z)


@njit(cache=True)
def scenario_nb(
    benchmark: FloatArray,
    nominal: FloatArray,
    real: FloatArray,
    dollar: FloatArray,
    spread: FloatArray,
    vix: FloatArray,
    horizon: int,
    window: int,
    peak: int,
    ease: float,
    move: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The scenario and whether each of the three holds, all (T, N).

    A series rises where its change over `horizon` rows is at least `move` sample deviations of the last `window` such
    changes, and falls where it is at most -`move`. 1 normalisation as in `normalisation_nb`; 2 tightening: real yield
    and dollar rise; 3 reflation: nominal yield and benchmark rise and the spread falls. The highest number wins: a rise
    of yields that lifts stocks and narrows spreads is reflation, whatever the dollar does. 0 where no known one holds.

    NaN: a scenario whose own inputs are not all known, or one of which has not moved in its window; the state where all
    three are unknown. So a market without the dollar, say, never reads tightening, and still has the other two.

    Args:
        benchmark: closes of the benchmark (T, N).
        nominal: nominal yield (T, N), percent.
        real: real yield (T, N), percent.
        dollar: dollar index (T, N).
        spread: credit spread (T, N), percent.
        vix: the VIX (T, N), points.
        horizon: rows of the changes.
        window: rows of the deviations and of the VIX's median.
        peak: rows of the VIX's high.
        ease: least fall of the VIX from its high, decimal.
        move: size of a rise or a fall, in deviations.
    """
    _, stocks = log_shock_nb(benchmark, horizon, window)
    _, currency = log_shock_nb(dollar, horizon, window)
    _, yields = shock_nb(nominal, horizon, window)
    _, real_yields = shock_nb(real, horizon, window)
    _, credit = shock_nb(spread, horizon, window)
    normal = normalisation_nb(vix, credit, peak, window, ease, move)
    tight = flag_nb((real_yields >= move) & (currency >= move), real_yields + currency)
    reflation = flag_nb((yields >= move) & (credit <= -move) & (stocks >= move), yields + credit + stocks)
    unknown = np.isnan(normal) & np.isnan(tight) & np.isnan(reflation)
    state = np.where(unknown, np.nan, 0.0)
    state = np.where(normal == 1.0, 1.0, state)
    state = np.where(tight == 1.0, 2.0, state)
    return np.where(reflation == 1.0, 3.0, state), normal, tight, reflation


def _lookback(horizon: int, window: int, peak: int, ease: float, move: float) -> tuple[int, ...]:
    change = horizon + window
    return change, max(change, peak), change, change


Scenario = indicator(
    Spec(
        name="scenario",
        summary="Which way the market leans: normalisation, tightening, reflation or none of them.",
        kernel=scenario_nb,
        inputs={
            "benchmark": ("prices", "benchmark"),
            "nominal": ("macro", "DGS10"),
            "real": ("macro", "DFII10"),
            "dollar": ("macro", "DTWEXBGS"),
            "spread": ("macro", "BAMLH0A0HYM2"),
            "vix": ("macro", "VIXCLS"),
        },
        parameters={
            "horizon": Parameter(21, IntDistribution(5, 126, log=True), unit="sessions"),
            "window": Parameter(252, IntDistribution(63, 504, log=True), unit="sessions"),
            "peak": Parameter(63, IntDistribution(10, 126, log=True), unit="sessions"),
            "ease": Parameter(0.3, FloatDistribution(0.1, 0.7), unit="decimal fall of the VIX"),
            "move": Parameter(0.5, FloatDistribution(0.0, 2.0), unit="standard deviations"),
        },
        outputs=("scenario", "normalisation", "tightening", "reflation"),
        units="scenario 0 none, 1 normalisation, 2 tightening, 3 reflation; the others 1 or 0",
        lookback=_lookback,
        source="our own definition; macro series are known a session late, so their horizon ends a session earlier",
        clock="session",
        scale_free=("benchmark", "dollar", "vix"),
        defaults={"nominal": np.nan, "real": np.nan, "dollar": np.nan, "spread": np.nan, "vix": np.nan},
        bounds={"scenario": STATE, "normalisation": FLAG, "tightening": FLAG, "reflation": FLAG},
    )
)
