"""Compile what the tests use, in two processes that share the work: begun cold, every worker would compile all of it.

Run by `make test` before the suite; with code that is there already it takes a few seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable

from undertow import strategies
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import simulate_market


def books() -> None:
    """One account, order by order, and what it rests on."""
    market = simulate_market(seed=4, years=1.2, names=6)
    for source in ("proportional", "least-tax", "winners-first"):
        backtest(strategies.LiquidityDrain(source=source), market)


def sweeps() -> None:
    """Signals, rules and many accounts."""
    market = simulate_market(seed=4, years=1.2, names=6)
    for strategy in (strategies.DrawdownDeRisk, strategies.RiskTiers, strategies.LiquidityDrain):
        sweep(strategy, market, {"lag": [0, 24]})


PARTS: dict[str, Callable[[], None]] = {"books": books, "sweeps": sweeps}


def main() -> int:
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory():
            PARTS[sys.argv[1]]()
        return 0
    running = [subprocess.Popen([sys.executable, __file__, name]) for name in PARTS]
    return max(process.wait() for process in running)


if __name__ == "__main__":
    sys.exit(main())
