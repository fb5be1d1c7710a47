"""Which events carry a result: each of them left out once."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.evidence.lag.inference import FEWEST_EVENTS, MeanBand, event_counts, mean_band, without_each
from undertow.market import FloatArray, InstantArray


def influence_of(
    values: FloatArray, known: InstantArray, band: MeanBand, fixed_errors: bool, resamples: int, seed: int
) -> dict[str, Any]:
    """Leave one event out, at the point of the largest |t|.

    `low` and `high` are the range of the mean; `carried_by` the events without which the verdict at that point is
    another, at the critical value of all; `largest` the event of the largest move, and `without_largest` the result
    without it, with a band of its own.

    Args:
        values: log returns (n, K) of the events.
        known: their instants (n,).
        band: their means and band.
        fixed_errors: as in `mean_band`.
        resamples: number of resamples.
        seed: seed of the bootstrap.
    """
    column = values[:, band.best]
    mean, error = without_each(column)
    excluded = abs(band.mean[band.best]) > band.critical * band.error[band.best]
    changed = (np.abs(mean) > band.critical * error) != excluded
    largest = int(np.argmax(np.abs(column)))
    result: dict[str, Any] = {
        "low": float(mean.min()),
        "high": float(mean.max()),
        "carried_by": [str(instant.astype("datetime64[m]")) + "Z" for instant in known[changed]],
        "largest": str(known[largest].astype("datetime64[m]")) + "Z",
        "without_largest": None,
    }
    if len(values) > FEWEST_EVENTS:
        rest = np.delete(values, largest, axis=0)
        remaining = mean_band(rest, event_counts(len(rest), resamples, seed), fixed_errors=fixed_errors)
        result["without_largest"] = {
            "mean": float(remaining.mean[band.best]),
            "low": float(remaining.low[band.best]),
            "high": float(remaining.high[band.best]),
            "p_best": remaining.p_best,
        }
    return result
