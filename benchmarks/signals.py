"""A liquidation spike for many parameter sets on ten years of hourly bars, against a loop of pandas rolling calls.

And every signal on four times the rows, with windows of the same hours: 4 times the time is linear.
Run it with `python benchmarks/signals.py 1000`; the number is how many sets. Memory is the peak of the process.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from undertow.signals.base import SIGNALS, Spec, load, registered
from undertow.signals.liquidation import liquidation_spike_nb
from undertow.testing.inputs import inputs_of, sample_inputs

HOURS = 87_600
PANDAS_SETS = 2
GROWTH = 4
# Rows of the first measurement on the clocks of feeds and of the exchange.
ROWS = {"feed": 12_000, "session": 2500}


def by_pandas(longs: pd.Series, horizon: int, window: int) -> pd.DataFrame:
    """Robust z and rank as a pandas user would write them."""
    summed = longs.rolling(horizon).sum()
    rolling = summed.rolling(window)
    spread = rolling.apply(lambda part: np.median(np.abs(part - np.median(part))), raw=True)
    return pd.DataFrame({"z": (summed - rolling.median()) / (1.4826 * spread), "rank": rolling.rank(pct=True)})


def main(sets: int) -> None:
    rng = np.random.default_rng(1)
    longs = rng.lognormal(10, 2, (HOURS, 1))
    blank, regime = np.full_like(longs, np.nan), np.zeros_like(longs)
    drawn = list(zip(rng.integers(1, 72, sets).tolist(), rng.integers(720, 4320, sets).tolist(), strict=True))
    found = liquidation_spike_nb(longs, blank, blank, regime, *drawn[0])
    expected = by_pandas(pd.Series(longs[:, 0]), *drawn[0])
    np.testing.assert_allclose(found[1][:, 0], expected["rank"])
    np.testing.assert_allclose(found[0][:, 0], expected["z"], rtol=1e-6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    for horizon, window in drawn:
        liquidation_spike_nb(longs, blank, blank, regime, horizon, window)
    ours = (time.perf_counter() - begun) / sets
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    begun = time.perf_counter()
    for horizon, window in drawn[:PANDAS_SETS]:
        by_pandas(pd.Series(longs[:, 0]), horizon, window)
    theirs = (time.perf_counter() - begun) / PANDAS_SETS
    print(
        f"{sets:,} sets x {HOURS:,} hours: {ours * sets:.1f} s, {1e3 * ours:.0f} ms a set, {grown / 1024:.0f} MB more"
    )
    print(f"pandas rolling loop: {theirs:.1f} s a set ({PANDAS_SETS} measured); {theirs / ours:.0f} times ours")


def seconds(spec: Spec, finer: int) -> float:
    """CPU seconds of every output, where rows of the feed are `finer` times as many, and its windows too."""
    scaled = {
        name: value.default * (finer if spec.clock == "feed" and value.unit == "rows" else 1)
        for name, value in spec.parameters.items()
    }
    parameters = {name: int(value) if spec.parameters[name].whole else value for name, value in scaled.items()}
    inputs = inputs_of(spec, sample_inputs, rows=ROWS[spec.clock] * finer)
    begun = time.process_time()
    spec.compute(inputs, parameters)
    return time.process_time() - begun


def growth() -> None:
    """Print what four times the rows cost, signal by signal."""
    print(f"{'signal':<30}{'ms':>9}{f'{GROWTH} x rows':>10}{'ratio':>7}")
    for name in registered(SIGNALS):
        spec = load(SIGNALS, name).spec
        seconds(spec, 1)
        short, long = seconds(spec, 1), seconds(spec, GROWTH)
        print(f"{name:<30}{1e3 * short:>9.1f}{1e3 * long:>10.1f}{long / max(short, 1e-5):>7.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
    growth()
