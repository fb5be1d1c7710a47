"""Size and power of the lag curve on simulated markets.

Size: the share of markets without any effect in which the largest |t| of ten points has a p-value below 0.05. Power:
the share of markets with the effect in which the simultaneous band excludes zero at any point from S1 open to S5
close. Run `python benchmarks/lag_size.py --effect 0 --seeds 200` for the size, and
`--effect 0.25 0.5 0.75 1 --seeds 100` for the power at shares of the default effect. The true size of an effect is
that of the simulator, per event, in log return of the basket.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.engines import Engine, run_tasks
from undertow.evidence import lag_curve
from undertow.market import simulate_market


def one_seed(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """One market: whether an effect is found, and what was true."""
    market = simulate_market(seed=seed, years=settings["years"], effect=settings["effect"])
    curve = lag_curve(
        market,
        basket="growth",
        fall=settings["fall"],
        resamples=settings["resamples"],
        seed=seed,
        fixed_errors=settings["fixed_errors"],
    )
    truth = market.truth
    assert truth is not None
    impact = truth.events["equity_impact"].to_numpy(dtype=np.float64)
    return {
        "seed": seed,
        "events": len(curve.events),
        "p_best": curve.p_best,
        "p_shift": curve.p_shift,
        "found": float(curve.found),
        "detectable": curve.detectable,
        "impact": float(impact.mean()) if len(impact) else float("nan"),
        "mean": float(curve.table["mean"]["S2 close"]),
    }


def main() -> None:
    """Print size, or power by effect."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--effect", type=float, nargs="+", default=[0.0])
    options.add_argument("--seeds", type=int, default=200)
    options.add_argument("--first-seed", type=int, default=1)
    options.add_argument("--years", type=float, default=6.0)
    options.add_argument("--fall", type=float, default=0.10)
    options.add_argument("--resamples", type=int, default=2_000)
    options.add_argument("--fixed-errors", action="store_true")
    options.add_argument("--jobs", type=int, default=1)
    settings = vars(options.parse_args())
    engine = Engine("loky" if settings["jobs"] > 1 else "serial", settings["jobs"], None)
    for effect in settings["effect"]:
        seeds = range(settings["first_seed"], settings["first_seed"] + settings["seeds"])
        table = pd.DataFrame(run_tasks(one_seed, settings | {"effect": effect}, seeds, engine=engine))
        report(effect, table)


def report(effect: float, table: pd.DataFrame) -> None:
    """Print one effect: shares found, with the standard error of a share."""
    found, shifted = float((table["p_best"] < 0.05).mean()), float((table["p_shift"] < 0.05).mean())
    error = np.sqrt(found * (1.0 - found) / len(table))
    print(
        f"effect {effect:g}: {len(table)} markets, {table['events'].median():.0f} events in the median one; p_best"
        f" below 0.05 in {found:.1%} (standard error {error:.1%}), band excludes zero in {table['found'].mean():.1%},"
        f" circular shifts below 0.05 in {shifted:.1%}; true impact {table['impact'].mean():+.2%} an event, mean at S2"
        f" close {table['mean'].mean():+.2%}, detectable {table['detectable'].median():.2%}"
    )


if __name__ == "__main__":
    main()
