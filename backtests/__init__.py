"""Strategy times universe to a vectorbt portfolio; costs; the result store."""

from undertow.backtests.costs import Costs
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.runs.run import Recipe, Run
from undertow.backtests.runs.saved import load_run, save_run

__all__ = ["Costs", "Recipe", "Run", "backtest", "load_run", "save_run"]
