"""Compile what the tests use, in two processes that share the work: begun cold, every worker would compile most of it.

Run by `make test` before the suite; with code that is there already it takes a few seconds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pandas as pd

from undertow import strategies
from undertow.backtests import backtest
from undertow.backtests.sweeps import sweep
from undertow.market import simulate_market
from undertow.signals.base.registry import SIGNALS, load, registered
from undertow.testing.inputs import inputs_of, sample_inputs, short_parameters


def accounts() -> None:
    """One account order by order, and many."""
    market = simulate_market(seed=4, years=1.2, names=6)
    backtest(strategies.LiquidityDrain(), market)
    for strategy in (strategies.DrawdownDeRisk, strategies.RiskTiers):
        sweep(strategy, market, pd.DataFrame({"lag": [0, 24]}))


def signals() -> None:
    """Every output of every signal."""
    for name in registered(SIGNALS):
        spec = load(SIGNALS, name).spec
        parameters = short_parameters(spec)
        for output in spec.outputs:
            spec.compute_one(output, inputs_of(spec, sample_inputs), parameters)


PARTS: dict[str, Callable[[], object]] = {"accounts": accounts, "signals": signals}


def main() -> int:
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]]()
        return 0
    processes = [subprocess.Popen([sys.executable, __file__, name]) for name in PARTS]
    return max(process.wait() for process in processes)


if __name__ == "__main__":
    sys.exit(main())
