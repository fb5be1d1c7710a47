"""Does the walk-forward find the lag that a simulated market has, and nothing where there is none?

For each seed a market is simulated with forced selling `--lag-hours` after a cascade (none: `--effect 0`). The
flagship is tuned over its lag alone, once on the whole span and fold by fold. The stitched run is held against its
basket, net of costs: that is what it gained. A rule that must act pays for it whether or not there is anything to
find, in costs and in what stocks earn while it is away; so its timing is reported as well (`ut.timing`): before the
costs of its orders, against a mix of basket and cash that is as much in stocks on every session as the rule is on
average. And the alternative of the walk is reported: a fold acts there only where Hansen's test of all trials in
training gives p of 0.10 or less, else it holds. Run it with `python benchmarks/lag_study.py --seeds 20 --effect 1`.

What is fixed, and why. The trigger stays at its defaults: searching it would move the clock that the lag is counted
on. `source` proportional and `cash` 1.0: the effect on the whole basket, undiluted. `min_hold` 0, `max_hold` 24,
`calm` 0, `steps` 1: a position is away for one session, so that only the right lag is away when the selling comes; a
long absence covers for a lag that is too short (at the default holds the best lag is near 0, also reported). The
objective is CAGR.

What was chosen, and when. The stays of one session, the lag from the shock to the fill and the gate were chosen after
seeds 0 to 19 had been seen. Before seeds 20 to 39 were ever run this was fixed, in the default market: with the effect
the median over seeds of the tuned lag, from the shock to the fill on the whole span, lies in 24 to 48 hours; without it
the spread among folds is more than twice as wide, and the 95 % interval over seeds of the gain of a walk that acts on
gate alone holds zero. `--first-seed 20` checks it. Fixed before they were run with `--at-the-open 0`: the median of
the parameter itself, on the whole span and over the folds, lies in 24 to 48 hours.

How to read the lag. The parameter says how old the shock must be at a decision; decisions come once a session, so the
sale follows it by another 19 hours on average, nights and weekends counted. The lag of a run, of a search and of a fold
(`lag_hours`) is what the episodes measure, from the shock to the fill; it is what compares with `--lag-hours`. Selling
that arrives while the exchange is closed waits for the open, so prices move about 56 hours after a cascade that has a
lag of 36.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.engines import BACKENDS, Engine, run_tasks
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.runs.run import Run
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.evidence import Interval, SPATest, confidence_set, difference, timing
from undertow.market import Market, simulate_market
from undertow.market.clock import FloatArray
from undertow.strategies import BuyAndHold, LiquidityDrain

FIXED: dict[str, Any] = {
    "cash": 1.0,
    "source": "proportional",
    "min_hold": 0,
    "max_hold": 24,
    "low_days": 1,
    "calm": 0,
    "steps": 1,
}
OBJECTIVE = "cagr"


def lag_curve(market: Market, fixed: dict[str, Any], step: int = 1) -> tuple[pd.Series, FloatArray]:
    """The objective at every lag of the search range, and the returns behind it (lags, T)."""
    lags = np.arange(0, 97, step)
    table = pd.DataFrame({"lag": lags, **fixed}, index=range(len(lags)))
    swept = sweep(LiquidityDrain, market, table, returns=True)
    return pd.Series(swept.table[OBJECTIVE].to_numpy(), index=lags), swept.returns


def alike(market: Market, returns: FloatArray) -> dict[str, float]:
    """The share of lags that cannot be told from the best, and whether buy-and-hold is as good for all one can say."""
    hold = sweep(BuyAndHold, market, pd.DataFrame(index=range(1)), returns=True).returns
    included = confidence_set(np.vstack([returns, hold])).included
    return {"alike": float(included[:-1].mean()), "hold_in": float(included[-1])}


def best_lag(curve: pd.Series) -> float:
    """The middle of the lags that tie for the best: decisions come once a session, so neighbours act alike."""
    return float(np.median(curve.index[curve >= curve.max() - 1e-12]))


def study(seed: int, *, years: float, trials: int, step: int = 1, **truth: Any) -> dict[str, float]:
    """One seed of such a world: the lag tuned on the whole span, the median over folds, the run less its basket."""
    market = simulate_market(seed=seed, years=years, **truth)
    curve, returns = lag_curve(market, FIXED, step)
    whole, usual = best_lag(curve), best_lag(lag_curve(market, {}, step)[0])
    tuned, long = (
        backtest(LiquidityDrain(lag=int(lag), **held), market).lag_hours for lag, held in ((whole, FIXED), (usual, {}))
    )
    free = walk_forward(
        LiquidityDrain,
        market,
        split=WalkForward(train=504, test=252),
        objective=OBJECTIVE,
        trials=trials,
        fixed=FIXED,
        seed=seed,
        # With this one the claims were written down before the seeds were run.
        sampler="tpe",
        gate=SPATest(alpha=0.10),
        on_fail="act",
    )
    assert free.alternative is not None
    lags = free.table["lag"].to_numpy(dtype=np.float64)
    return {
        "seed": seed,
        "cascades": 0 if market.truth is None else len(market.truth.events),
        "lag": whole,
        "tuned": np.nan if tuned is None else tuned.median,
        **alike(market, returns),
        "usual_lag": usual,
        "usual_tuned": np.nan if long is None else long.median,
        "fold_lag": float(np.median(lags)),
        "fold_tuned": float(free.table["in_lag_hours"].median()),
        "fold_spread": float(np.ptp(lags)),
        **_told("net", _net(free.run)),
        **_told("proven", _net(free.alternative)),
        "acting": free.passed / len(free.folds),
        **_told("timing", timing(free.run).difference.annual_return),
    }


def _net(run: Run) -> Interval:
    """A stitched run less its basket, a year."""
    own, hold = (run.series[name].to_numpy() for name in ("return", "hold_return"))
    return difference(own, hold).annual_return


def _told(name: str, part: Interval) -> dict[str, float]:
    return {name: part.estimate, f"{name}_low": part.low, f"{name}_high": part.high}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--seeds", type=int, default=20)
    given.add_argument("--first-seed", type=int, default=0, help="seeds that no choice was made on: 20")
    given.add_argument("--effect", type=float, default=1.0)
    given.add_argument("--lag-hours", type=float, default=36.0)
    given.add_argument("--at-the-open", type=float, default=0.5)
    given.add_argument("--years", type=float, default=6.0)
    given.add_argument("--trials", type=int, default=64)
    given.add_argument("--jobs", type=int, default=1)
    given.add_argument("--backend", choices=BACKENDS, default="loky")
    given.add_argument("--address", help="a running Dask or Ray cluster")
    words = given.parse_args()
    world = {name: getattr(words, name) for name in ("effect", "lag_hours", "at_the_open", "years", "trials")}
    engine = Engine(words.backend, words.jobs, words.address)
    report(
        pd.DataFrame(run_tasks(one_seed, world, range(words.first_seed, words.first_seed + words.seeds), engine=engine))
    )


def one_seed(world: dict[str, Any], seed: int) -> dict[str, float]:
    """A task of `main`."""
    return study(seed, **world)


def report(table: pd.DataFrame) -> None:
    print(table.round(3).to_string(index=False))
    for name, words in (
        ("tuned", "tuned lag, from the shock to the fill, whole span"),
        ("fold_tuned", "tuned lag, from the shock to the fill, median over folds"),
        ("usual_tuned", "the same at the default holds, whole span"),
        ("lag", "parameter of the tuned lag, whole span"),
        ("fold_lag", "parameter, median over folds"),
        ("usual_lag", "parameter at the default holds"),
        ("fold_spread", "highest less lowest parameter among the folds of a seed"),
    ):
        low, middle, high = np.nanpercentile(table[name], [25, 50, 75])
        print(f"{words}: median {middle:g} h, half of the seeds within {low:g} to {high:g} h")
    print(
        f"{table['alike'].median():.0%} of the lags cannot be told from the best in the median seed (model confidence"
        f" set, 90 %); buy-and-hold cannot in {table['hold_in'].sum():.0f} of {len(table)}"
    )
    print(f"with a gate {table['acting'].mean():.0%} of the folds act")
    for name, words in (
        ("net", "walked forward less buy-and-hold"),
        ("proven", "the same where a fold acts on gate alone"),
        ("timing", "the timing of that walk"),
    ):
        above, below = (table[f"{name}_low"] > 0).sum(), (table[f"{name}_high"] < 0).sum()
        gains = table[name].to_numpy()
        error = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
        print(
            f"{words}: mean {gains.mean():+.2%} a year, 1.96 standard errors over seeds"
            f" +-{error:.2%}; 95 % interval of a seed above zero for {above}, below for {below} of {len(table)}"
        )


if __name__ == "__main__":
    main()
