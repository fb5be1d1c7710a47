"""Means of events with bootstrap intervals, simultaneous bands and a detectable effect.

Events are the unit. A resample is a row of counts, so that all resampled means are one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.market import FloatArray, ParameterError, check_whole

FEWEST_EVENTS = 5
LEVEL = 0.95
# Normal quantile of a power of 80 %.
POWER_QUANTILE = 0.84


@dataclass(frozen=True, eq=False)
class MeanBand:
    """Means of columns of events (n, K) with their intervals, each (K,).

    Args:
        mean: means over the events.
        error: standard errors, ddof 1.
        low: low ends of the pointwise intervals.
        high: high ends of the pointwise intervals.
        band_low: low ends of the simultaneous band.
        band_high: high ends of the simultaneous band.
        critical: the largest |t| that a resample exceeds in one case of twenty.
        p_best: share of resamples with a larger |t| than the largest one.
        best: column of the largest |t|.
    """

    mean: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    band_low: FloatArray
    band_high: FloatArray
    critical: float
    p_best: float
    best: int

    @property
    def detectable(self) -> float:
        """The effect at the best column that would be seen with a power of 80 %."""
        return float((self.critical + POWER_QUANTILE) * self.error[self.best])


def event_counts(events: int, resamples: int, seed: int) -> FloatArray:
    """How often each event is drawn in each resample (R, n)."""
    check_whole("resamples", resamples, 100)
    check_whole("seed", seed, 0)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, events, size=(resamples, events)) + events * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * events).reshape(resamples, events).astype(np.float64)


def mean_band(values: FloatArray, counts: FloatArray, *, fixed_errors: bool = False) -> MeanBand:
    """Means of events (n, K) with intervals from resamples (R, n).

    A resample's t is its mean less that of the events, over its own standard error, or over that of the events with
    `fixed_errors`; intervals are symmetric in |t|, NaN where one resample in twenty has no spread. Source: Efron and
    Tibshirani (1993), chapter 12, for the studentised bootstrap; Romano and Wolf (2005) for the band of the largest.

    Raises `ParameterError` on fewer than five events.
    """
    events = len(values)
    if events < FEWEST_EVENTS:
        raise ParameterError(f"{events} events are too few for an interval; it takes {FEWEST_EVENTS} or more")
    mean = values.mean(axis=0)
    centred = values - mean
    error = values.std(axis=0, ddof=1) / np.sqrt(events)
    moved = counts @ centred / events
    if fixed_errors:
        sizes = _ratio(np.abs(moved), np.broadcast_to(error, moved.shape))
    else:
        spread = counts @ centred**2 / events - moved**2
        floor = 1e-12 * np.square(centred).mean(axis=0)
        errors = np.sqrt(np.where(spread > floor, spread, 0.0) / (events - 1))
        sizes = _ratio(np.abs(moved), errors)
    pointwise = np.quantile(sizes, LEVEL, axis=0, method="higher")
    largest = sizes.max(axis=1)
    critical = float(np.quantile(largest, LEVEL, method="higher"))
    own = _ratio(np.abs(mean), error)
    best = int(np.argmax(own))
    # Where few events moved at all, many resamples have no spread, and there is no interval.
    narrow = np.where(np.isfinite(pointwise), pointwise, np.nan) * error
    wide = (critical if np.isfinite(critical) else np.nan) * error
    return MeanBand(
        mean=mean,
        error=error,
        low=mean - narrow,
        high=mean + narrow,
        band_low=mean - wide,
        band_high=mean + wide,
        critical=critical,
        p_best=float((1 + np.count_nonzero(largest >= own[best])) / (1 + len(largest))),
        best=best,
    )


def without_each(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard error (n,) of events (n,), each event left out once."""
    events = len(values)
    mean = (values.sum() - values) / (events - 1)
    square = (np.square(values).sum() - np.square(values)) / (events - 1)
    spread = np.maximum(square - mean**2, 0.0) * (events - 1) / (events - 2)
    return mean, np.sqrt(spread / (events - 1))


def largest_t(values: FloatArray) -> FloatArray:
    """The largest |t| of the means over events, of (..., n, K) one (...)."""
    error = values.std(axis=-2, ddof=1) / np.sqrt(values.shape[-2])
    return np.asarray(_ratio(np.abs(values.mean(axis=-2)), error).max(axis=-1), dtype=np.float64)


def _ratio(size: FloatArray, error: FloatArray) -> FloatArray:
    """Size over error: 0 of 0 over 0, infinite of another size over 0."""
    blank = np.where(size > 0.0, np.inf, 0.0)
    return np.divide(size, error, out=blank, where=error > 0.0)
