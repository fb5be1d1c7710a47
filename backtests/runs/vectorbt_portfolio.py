"""The orders of a run booked by vectorbt, as a Portfolio."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio.enums import Direction
from vectorbt.utils.config import Config, PickleableDict

from undertow.backtests.account import Account
from undertow.backtests.kernel.prices import PriceGrid
from undertow.backtests.metrics import LEAST_SPREAD
from undertow.market import SESSIONS_A_YEAR, FloatArray, ParameterError


def _calendar_period(self: Any) -> int:
    """Calendar days from the first session to the last, both included."""
    index = self.wrapper.index
    return int((index[-1] - index[0]).days) + 1


def _calendar_days(records: Any, first: str, last: str) -> Any:
    """Calendar days between two positions of each record, as a mapped array."""
    index = records.wrapper.index
    days = (index[records.get_field_arr(last)] - index[records.get_field_arr(first)]).days
    return records.map_array(np.asarray(days, dtype=np.float64))


def _longest_fall(_self: Any, falls: Any, _settings: Any) -> Any:
    """Calendar days from a peak to the recovery, or to the last session without one."""
    known = falls.apply_mask(np.abs(falls.drawdown.values) > LEAST_SPREAD)
    return _calendar_days(known, "peak_idx", "end_idx").max()


def _average_trade(_self: Any, trades: Any, _settings: Any) -> Any:
    """Calendar days from the entry to the exit of trades, on average."""
    return _calendar_days(trades, "entry_idx", "exit_idx").mean()


def _deepest_fall(_self: Any, fall: Any, _settings: Any) -> Any:
    """The deepest fall in percent, 0 or more, as vectorbt states it; 0 where rounding."""
    return -fall * 100.0 * (abs(fall) > LEAST_SPREAD)


def _stats_metrics() -> Config:
    """vectorbt's rows of `stats`, with durations in calendar days."""
    changes: dict[str, dict[str, Any]] = {
        "period": {"calc_func": _calendar_period},
        "max_dd": {"post_calc_func": _deepest_fall},
        "max_dd_duration": {"calc_func": "drawdowns", "post_calc_func": _longest_fall, "apply_to_timedelta": True},
        "avg_winning_trade_duration": {"calc_func": "trades.winning", "post_calc_func": _average_trade},
        "avg_losing_trade_duration": {"calc_func": "trades.losing", "post_calc_func": _average_trade},
    }
    metrics = {name: {**metric, **changes.get(name, {})} for name, metric in vbt.Portfolio._metrics.items()}
    metrics["max_dd_duration"].pop("fill_wrap_kwargs", None)
    return Config(metrics, copy_kwargs={"copy_mode": "deep"})


class Portfolio(vbt.Portfolio):  # type: ignore[misc]
    """A vectorbt portfolio that annualises with the sessions of its calendar, not 365 days.

    Durations in `stats` are calendar days, those of falls from the peak to the recovery. Everywhere else vectorbt
    counts rows, so what `portfolio.drawdowns` or `portfolio.trades` call days are sessions: five a week. Returns and
    falls that are only rounding are 0.

    Its benchmark is `hold` (T,), the value of the same basket held without the rule, where that is set; every account
    of a sweep has the same one. vectorbt's benchmark divides the capital among all columns, those of the cash symbol
    and of unlisted names included, and never rebalances.

    The money that a run holds as cash is the position in the last column of an account, that of the cash symbol.
    """

    hold: FloatArray | None = None
    sessions_a_year: int = SESSIONS_A_YEAR

    _metrics = _stats_metrics()

    @property
    def writeable_attrs(self) -> set[str]:
        """The attributes that copies and pickles have beside the configuration."""
        return {*super().writeable_attrs, "_metrics", "hold", "sessions_a_year"}

    def dumps(self, **kwargs: Any) -> bytes:
        """Pickle to bytes; `vbt.Portfolio.loads` makes this class of them again."""
        # vectorbt makes an object of the class that is asked to load, and then sets its attributes: without its own
        # class it would annualise with 365 days.
        attributes = {**{name: getattr(self, name) for name in self.writeable_attrs}, "__class__": type(self)}
        return pickle.dumps((self.config.dumps(**kwargs), PickleableDict(attributes).dumps(**kwargs)))

    def save(self, fname: Any, **kwargs: Any) -> None:
        """Save as a pickle for `vbt.Portfolio.load`; loading a pickle runs code.

        Raises `ParameterError` on a file in the folder of a saved run, which holds no code.
        """
        folder = Path(fname).resolve().parent
        if (folder / "run.json").is_file():
            raise ParameterError(
                f"`{fname}` is in the folder of a saved run, which holds no pickle; save the portfolio elsewhere, or"
                " load the run and use its `portfolio`"
            )
        super().save(fname, **kwargs)

    @property
    def stats_defaults(self) -> dict[str, Any]:
        """vectorbt's defaults with the sessions of a year."""
        defaults = super().stats_defaults
        settings = {**defaults.get("settings", {}), "year_freq": f"{self.sessions_a_year} days"}
        return {**defaults, "settings": settings}

    @property
    def plots_defaults(self) -> dict[str, Any]:
        """vectorbt's defaults with the subplots that one account of many names can show."""
        return {**super().plots_defaults, "subplots": ["cum_returns", "drawdowns", "underwater", "gross_exposure"]}

    def benchmark_value(self, group_by: Any = None, wrap_kwargs: Any = None, engine: str | None = None) -> Any:
        """Buy-and-hold for each account; vectorbt's benchmark for other groupings."""
        groups = self.wrapper.get_shape_2d(group_by=group_by)[1]
        accounts = groups == 1 or not self.wrapper.grouper.is_grouping_modified(group_by=group_by)
        if self.hold is None or not accounts or groups != np.size(self._init_cash):
            return super().benchmark_value(group_by=group_by, wrap_kwargs=wrap_kwargs, engine=engine)
        values = np.repeat(self.hold[:, None], groups, axis=1)
        return self.wrapper.wrap(values, group_by=group_by, **(wrap_kwargs or {}))

    def returns(self, *args: Any, **kwargs: Any) -> Any:
        """vectorbt's returns, 0 where they are only rounding."""
        returns = super().returns(*args, **kwargs)
        return returns.where(returns.abs() > LEAST_SPREAD, 0.0)

    def get_returns_acc(self, *args: Any, **kwargs: Any) -> Any:
        """vectorbt's returns accessor with the sessions of a year."""
        if kwargs.get("year_freq") is None:
            kwargs["year_freq"] = f"{self.sessions_a_year} days"
        return super().get_returns_acc(*args, **kwargs)


def book_orders(
    grid: PriceGrid,
    amounts: FloatArray,
    cash_trades: FloatArray,
    cash: str | None,
    account: Account,
    hold: FloatArray | None = None,
    sessions_a_year: int = SESSIONS_A_YEAR,
) -> Portfolio:
    """Book the orders of a run with vectorbt's Rust engine as one account.

    Args:
        grid: prices of the sessions of the run.
        amounts: shares bought or, negative, sold (T, N).
        cash_trades: units of the cash symbol bought or sold (T,), free of cost.
        cash: cash symbol, the last column of the portfolio; None for a market without one.
        account: settings of the account.
        hold: value of buy-and-hold (T,), USD, the benchmark.
        sessions_a_year: sessions of a year, for annual figures.
    """
    size, price, close = amounts, np.where(amounts != 0, grid.fill, grid.close), grid.close
    ended = np.isfinite(grid.end_price) & (amounts != 0)
    price = np.where(ended, grid.end_price, price)
    fees = np.where(ended, 0.0, account.costs.fee)
    slippage = np.where(ended, 0.0, account.costs.slippage)
    symbols = list(grid.symbols)
    # The proceeds of a short sale stay in the account's cash: `lock_cash` is off by default.
    direction = np.full(len(symbols) + (cash is not None), Direction.LongOnly)
    if grid.short:
        direction[len(symbols) - 1] = Direction.Both
    if cash is not None:
        free = np.zeros((len(size), 1))
        size, close = np.column_stack([size, cash_trades]), np.column_stack([close, grid.cash_close])
        price = np.column_stack([price, grid.cash_fill])
        fees, slippage = np.hstack([fees, free]), np.hstack([slippage, free])
        symbols.append(f"{cash} (cash)" if cash in grid.symbols else cash)
    portfolio: Portfolio = Portfolio.from_orders(
        pd.DataFrame(close, index=grid.sessions, columns=pd.Index(symbols, name="symbol")),
        size=size,
        size_type="amount",
        direction=direction,
        price=price,
        fees=fees,
        slippage=slippage,
        init_cash=account.capital,
        min_size=0.0,
        cash_sharing=True,
        group_by=pd.Index(["portfolio"] * len(symbols), name="group"),
        call_seq=np.argsort(np.sign(size), axis=1, kind="stable"),
        freq="1D",
        engine="rust",
    )
    portfolio.hold, portfolio.sessions_a_year = hold, sessions_a_year
    return portfolio


def stack_accounts(account: Portfolio, orders: Sequence[Any], levels: pd.Index) -> Portfolio:
    """Several accounts with equal columns as one portfolio, one group an account.

    Nothing is booked anew: orders keep their fills.

    Args:
        account: one of the accounts, as `book_orders` returns it; sessions, closes, capital and benchmark of all.
        orders: order records of each account (P,), by vectorbt.
        levels: label of each account (P,), one or more levels, all different; the column levels above "symbol".
    """
    symbols = account.wrapper.columns
    counts = np.cumsum([0, *map(len, orders)])
    records = np.concatenate(orders)
    for number, (first, end) in enumerate(itertools.pairwise(counts)):
        records["col"][first:end] += number * len(symbols)
        records["id"][first:end] += first
    groups = levels.repeat(len(symbols))
    arrays = [groups.get_level_values(level) for level in range(levels.nlevels)]
    columns = pd.MultiIndex.from_arrays([*arrays, pd.Index(np.tile(symbols, len(levels)), name=symbols.name)])
    stacked: Portfolio = account.replace(
        wrapper=account.wrapper.replace(columns=columns, group_by=groups),
        close=np.tile(account.close.to_numpy(), len(levels)),
        order_records=records,
        init_cash=np.full(len(levels), account.init_cash),
        call_seq=None,
    )
    return stacked
