"""Volume spikes: trading that is unusual against its own recent past."""

from __future__ import annotations

from numba import njit
from optuna.distributions import IntDistribution

from undertow.market import FloatArray
from undertow.signals.base import RANK, Parameter, Spec, rolling_spike_nb, rolling_total_nb
from undertow.signals.base.venue_regimes import regime_indicator


@njit(cache=True)
def volume_spike_nb(volume: FloatArray, regime: FloatArray, horizon: int, window: int) -> tuple[FloatArray, FloatArray]:
    """Robust z and percentile rank (T, N) of the volume over a horizon.

    The sum is compared with those of the last `window` rows of the same venue regime. NaN until the window is full, at
    a missing volume and where more than half of a window is missing; z also where the median deviation is 0.

    Args:
        volume: traded volume (T, N).
        regime: venue regime (T, N).
        horizon: rows over which the volume is summed.
        window: rows of the z and of the rank.
    """
    return rolling_spike_nb(rolling_total_nb(volume, regime, horizon), regime, window)


VolumeSpike = regime_indicator(
    Spec(
        name="volume-spike",
        summary="How unusual the volume of the last hours is against its own recent past.",
        kernel=volume_spike_nb,
        inputs={"volume": ("bars", "volume"), "regime": ("bars", "regime")},
        parameters={
            "horizon": Parameter(24, IntDistribution(1, 72)),
            "window": Parameter(2160, IntDistribution(720, 8760, log=True)),
        },
        outputs=("z", "rank"),
        units="z in robust standard deviations, rank in (0, 1]",
        lookback=lambda horizon, window: (horizon + window - 1,) * 2,
        source="robust z of Iglewicz and Hoaglin (1993), (x - median) / (1.4826 MAD); rank as pandas rolling.rank",
        scale_free=("volume",),
        defaults={"regime": 0.0},
        bounds={"rank": RANK},
    )
)
