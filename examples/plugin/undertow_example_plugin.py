"""A signal and a strategy from outside Undertow: step back when Bitcoin falls on a surge of volume."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numba import njit
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import FloatArray
from undertow.signals import Bounds, Drop, Parameter, Spec, indicator
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision, Sets, Strategy, banded_nb


@njit(cache=True)
def volume_surge_nb(volume: FloatArray, window: int) -> FloatArray:
    """Volume over its mean in the last `window` rows (T, N); NaN unless the window is complete."""
    rows, columns = volume.shape
    out = np.full((rows, columns), np.nan)
    for column in range(columns):
        for row in range(window - 1, rows):
            total = 0.0
            for back in range(row - window + 1, row + 1):
                total += volume[back, column]
            if total > 0:
                out[row, column] = volume[row, column] * window / total
    return out


VolumeSurge = indicator(
    Spec(
        name="volume-surge",
        summary="Volume against its mean in a trailing window.",
        kernel=volume_surge_nb,
        inputs={"volume": ("bars", "volume")},
        parameters={"window": Parameter(168, IntDistribution(24, 720, log=True))},
        outputs=("ratio",),
        units="ratio: 1 is the mean of the window",
        lookback=lambda window: (window,),
        scale_free=("volume",),
        bounds={"ratio": Bounds(0.0)},
        source="our own definition",
    )
)


class VolumeCaution(Strategy):
    """Hold less on the session after BTC fell a day long while its volume surged.

    Exposure is `1 - cash` where the largest surge since the last decision reached `surge` and BTC's return over a day
    is negative, 1 elsewhere. Where either is unknown the last exposure is held and the session is marked stale.
    """

    summary: ClassVar[str] = "Less exposure on the session after BTC fell on a surge of volume"

    surge: Annotated[float, FloatDistribution(1.5, 20.0)] = 4.0  # times the mean
    window: Annotated[int, IntDistribution(24, 720, log=True)] = 168  # hours
    lag: Annotated[int, IntDistribution(0, 96)] = 24  # hours
    cash: Annotated[float, FloatDistribution(0.05, 1.0)] = 0.3  # of capital

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        """Exposure from BTC's volume and its last day."""
        surge = table.signal(VolumeSurge, {"window": sets["window"]}, lag=sets["lag"], how="max")
        day = table.signal(Drop, {"horizon": 24}, lag=sets["lag"])
        exposure = np.where((surge >= sets["surge"]) & (day < 0), 1.0 - sets["cash"], 1.0)
        unknown = np.isnan(surge) | np.isnan(day)
        no_band = np.zeros(len(sets["lag"]))
        return Decision.proportional(*banded_nb(np.where(unknown, np.nan, exposure), no_band))
