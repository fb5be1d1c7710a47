"""Strategy times universe to a vectorbt portfolio; costs; the result store."""

from undertow.backtests.backtest import backtest
from undertow.backtests.costs import Costs
from undertow.backtests.run import Recipe, Run
from undertow.backtests.saved import load_run
from undertow.backtests.store import save_run

__all__ = ["Costs", "Recipe", "Run", "backtest", "load_run", "save_run"]
