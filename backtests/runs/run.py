"""A run: the account of a strategy on a market, its figures and its pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, Recipe
from undertow.backtests.costs import Costs
from undertow.backtests.ledger.deflated import DeflatedSharpe, deflated_returns
from undertow.backtests.metrics import (
    METRICS,
    annual_turnover,
    carried_returns,
    cash_metrics,
    known_span,
    return_metrics,
)
from undertow.backtests.runs.card import card_html
from undertow.backtests.runs.cash_statement import cash_statement
from undertow.backtests.runs.endings import endings
from undertow.backtests.runs.lag_hours import LagHours, summarize_lag
from undertow.backtests.runs.notes import benchmark_moves, data_notes, hold_label
from undertow.backtests.runs.tax import realised, tax_sentence, tax_summary
from undertow.market import FloatArray, ParameterError
from undertow.signals.base import PAGES, load, load_path
from undertow.strategies.reasons import changes, explain, remark, vetoes

if TYPE_CHECKING:
    from collections.abc import Callable

    from undertow.backtests.ledger.trial_count import TrialCount
    from undertow.backtests.runs.attribution import Attribution
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio
    from undertow.strategies.reasons import Explanation, Reasons

NO_PORTFOLIO = "a loaded run has no vectorbt portfolio; run the `command` in its run.json again"
_SAVE = "undertow.backtests.runs.saved:save_run"
_CARD = ("cagr", "annual_volatility", "annual_sharpe", "max_drawdown", "annual_turnover", "average_exposure")


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The result of a backtest. Returns are decimal, money is in USD.

    Args:
        recipe: everything that decides the run.
        series: one row a session: value and return of the run; exposure, the target; cash_share at the close;
            cash_before, USD at the fill before trading; turnover and costs of the session; hold_before, hold_value,
            hold_return and hold_cash_share of the same basket without the rule; benchmark_return and cash_return, NaN
            on sessions without a price; btc, the last known close.
        weights: share of the account's value at the close (sessions, symbols), negative for a short position.
        orders: one row an order.
        episodes: one row a de-risk episode; see `undertow.backtests.runs.episodes`.
        counts: events that were handled, by name.
        build_portfolio: builds the vectorbt portfolio.
        reasons: drivers of each decision, for a rule.
        attribution_parts: difference to buy-and-hold by cause.
        trial_count: number of trials on the market, where a ledger counts them.
        find_hold_tax: computes the tax of buy-and-hold.
        no_reasons: why the drivers of a rule are missing; empty where they are there, or where no rule decided.
    """

    recipe: Recipe
    series: pd.DataFrame
    weights: pd.DataFrame
    orders: pd.DataFrame
    episodes: pd.DataFrame
    counts: dict[str, Any]
    build_portfolio: Callable[[], Portfolio] | None = None
    reasons: Reasons | None = None
    attribution_parts: Attribution | None = None
    trial_count: TrialCount | None = None
    find_hold_tax: Callable[[], dict[str, Any]] | None = None
    no_reasons: str = ""

    def __getstate__(self) -> dict[str, Any]:
        # vectorbt's portfolio cannot be pickled after its first use, and can be built again.
        return {name: value for name, value in self.__dict__.items() if name != "portfolio"}

    def __repr__(self) -> str:
        recipe = self.recipe
        return f"<Run {self.name!r} on {recipe.universe!r}: {recipe.sessions} sessions, {recipe.start} to {recipe.end}>"

    def _repr_html_(self) -> str:
        """A card for a notebook: six metrics beside those of buy-and-hold."""
        recipe = self.recipe
        columns = (self.metrics, self.baselines["buy-and-hold"])
        rows = [
            [metric.label, *(metric.text(column.get(metric.key, float("nan"))) for column in columns)]
            for metric in METRICS
            if metric.key in _CARD
        ]
        window = f"{recipe.universe}, {recipe.start} to {recipe.end}, {recipe.sessions:,} sessions"
        return card_html(self.name, window, ["", self.name, hold_label(recipe.rebalance)], rows)

    @property
    def tiers(self) -> pd.Series | None:
        """The tier on every session; None for a strategy that is not rule-based."""
        return None if self.reasons is None else self.reasons.tiers

    def explain(self, session: str | pd.Timestamp) -> Explanation:
        """The decision of the rule for a session and its drivers: see `Explanation`.

        Raises `ParameterError` for a strategy that is not rule-based, `DataError` on a day that is not a session of
        the run.
        """
        return explain(self._reasons(), session)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Every change of tier, one row each.

        Columns are label, score, counterfactual and the contribution of each driver. The columns after `counterfactual`
        are the contributions; they sum to `score`. Errors as in `explain`.
        """
        return changes(self._reasons())

    @cached_property
    def vetoes(self) -> pd.DataFrame:
        """Every period in which gates kept the score from a higher tier.

        Errors as in `explain`.
        """
        return vetoes(self._reasons())

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks beside the figures: those on the rule, then those on the data."""
        return (*self.rule_notes, *self.data_notes)

    @property
    def rule_notes(self) -> tuple[str, ...]:
        """Remarks on the rule, such as a trigger that was never on."""
        note = self.no_reasons if self.reasons is None else remark(self.reasons)
        return (note,) if note else ()

    @cached_property
    def data_notes(self) -> tuple[str, ...]:
        """Remarks on the data behind the figures.

        Extreme moves, spans without prices, idle money, a window too short for annual figures.
        """
        recipe = self.recipe
        return data_notes(self.series, self.counts, benchmark=recipe.benchmark, cash=recipe.cash, fill=recipe.fill)

    @property
    def moves(self) -> list[dict[str, Any]]:
        """The extreme moves of names while they were held, and of the benchmark.

        A row has `symbol`, `session`, `change` (decimal), `split` (the ratio of a split that it is close to, or "") and
        `held_by`: "run", "buy-and-hold", "benchmark". They may be real; an unadjusted split or another unit of the
        currency looks the same.
        """
        moves: list[dict[str, Any]] = list(self.counts.get("moves", ()))
        return moves + benchmark_moves(self.series["benchmark_return"], self.recipe.benchmark)

    def attribution(self) -> Attribution:
        """The difference to buy-and-hold in parts that sum exactly: see `Attribution`."""
        if self.attribution_parts is None:
            raise ParameterError("this run was saved without its attribution; run the `command` in its run.json again")
        return self.attribution_parts

    def _reasons(self) -> Reasons:
        if self.no_reasons:
            raise ParameterError(f"the decisions of `{self.name}` cannot be explained: {self.no_reasons}")
        if self.reasons is None:
            raise ParameterError(f"`{self.name}` is not rule-based, so its decisions have no drivers")
        return self.reasons

    @property
    def returns(self) -> pd.Series:
        """Session returns, close to close; the first from the capital."""
        return self.series["return"]

    @property
    def exposure(self) -> pd.Series:
        """The target share of capital in stocks."""
        return self.series["exposure"]

    @property
    def cash(self) -> pd.Series:
        """The money that is not in stocks at each close (T,), USD.

        Raised and idle cash together, the proceeds of a short position too. The books (`portfolio`) hold it as the
        position in the cash symbol's column, the last one.
        """
        return (self.series["cash_share"] * self.series["value"]).rename("cash")

    @property
    def name(self) -> str:
        """The strategy's name on the command line."""
        return self.recipe.strategy

    @property
    def account(self) -> Account:
        """The settings of the account, from the recipe."""
        return self.recipe.account

    @property
    def costs(self) -> Costs:
        """The costs of trading, from the recipe."""
        return self.account.costs

    @cached_property
    def portfolio(self) -> Portfolio:
        """The run as a vectorbt Portfolio, annualised with the sessions of its calendar.

        For a loaded run the recipe is run again. Raises `ParameterError` where its market folder or its strategy has
        changed or is missing, `DataError` where the values are not the saved ones.
        """
        if self.build_portfolio is None:
            raise ParameterError(NO_PORTFOLIO)
        return self.build_portfolio()

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The headline figures; decimal, annualised where the name says so, costs in USD."""
        return self.metrics_between(self.series.index[0], self.series.index[-1])

    def metrics_between(self, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, float]:
        """The same figures of the sessions `first` to `last`, both included.

        An episode counts where it begins. Annual figures of fewer than 60 sessions are NaN.
        """
        series = self.series.loc[first:last]
        year = self.recipe.sessions_a_year
        return {
            **return_metrics(_array(series["return"]), _array(series["cash_return"]), year),
            "annual_turnover": annual_turnover(float(series["turnover"].sum()), len(series), year),
            "average_exposure": float(series["exposure"].mean()),
            **cash_metrics(_array(series["cash_share"])),
            "costs_paid": float(series["costs"].sum()),
            "episodes": int(self.episodes["session"].between(first, last).sum()),
        }

    @cached_property
    def lag_hours(self) -> LagHours | None:
        """Hours from the shock to the fill over the episodes: see `LagHours`.

        None where no episode has a shock.
        """
        return summarize_lag(_array(self.episodes["lag_hours"]))

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """The same figures of buy-and-hold, and of the benchmark where there is one."""
        baselines = {"buy-and-hold": self._metrics_of(self.series["hold_return"])}
        # Runs of earlier versions were saved without it.
        if "hold_cash_share" in self.series:
            baselines["buy-and-hold"] |= cash_metrics(_array(self.series["hold_cash_share"]))
        if self.recipe.benchmark is not None:
            baselines[self.recipe.benchmark] = self._metrics_of(self.series["benchmark_return"])
        return baselines

    def _metrics_of(self, returns: pd.Series) -> dict[str, float]:
        values = _array(returns)
        span = known_span(values)
        cash = _array(self.series["cash_return"])[span]
        return return_metrics(carried_returns(values)[span], cash, self.recipe.sessions_a_year)

    @cached_property
    def realised(self) -> pd.DataFrame:
        """One row for each order that closes a position, with its gain and tax in USD."""
        return realised(self.orders, self.costs)

    @cached_property
    def tax(self) -> dict[str, Any]:
        """Realised gains, losses and the tax on them, in USD: reported, never deducted."""
        return tax_summary(self.realised, self.costs)

    @cached_property
    def endings(self) -> pd.DataFrame:
        """Positions closed because their names had no price for too long: see `endings`."""
        return endings(self.orders, self.recipe.haircut_bps)

    @cached_property
    def hold_tax(self) -> dict[str, Any] | None:
        """`tax` of buy-and-hold; None for a run that was saved without it."""
        return None if self.find_hold_tax is None else self.find_hold_tax()

    @property
    def tax_as_dict(self) -> dict[str, Any]:
        """The tax as plain values, with that of buy-and-hold."""
        return {**self.tax, "buy-and-hold": self.hold_tax}

    def tax_sentence(self) -> str:
        """The tax of the run beside that of buy-and-hold, in USD."""
        difference = float(self.series["value"].iloc[-1] - self.series["hold_value"].iloc[-1])
        return tax_sentence(self.tax, self.hold_tax, difference)

    def cash_statement(self, session: str | pd.Timestamp) -> pd.DataFrame:
        """Cash before, each sale and purchase, and cash after on a session, as rows.

        Raises `ParameterError` on a session without orders, and for a run that was saved without settlement dates.
        """
        if "cash_before" not in self.series or "settles" not in self.orders:
            raise ParameterError("this run was saved without settlement; run the `command` in its run.json again")
        return cash_statement(self.orders, self.series["cash_before"], session)

    @property
    def trial_count_as_dict(self) -> dict[str, int] | None:
        """The trial count as plain values; None where no ledger counts."""
        return None if self.trial_count is None else asdict(self.trial_count)

    @cached_property
    def deflated(self) -> dict[str, DeflatedSharpe]:
        """The Sharpe ratio after all trials of the ledger, `over_hold` and `absolute`.

        Of log returns; one trial where no ledger counts. See `deflated_sharpe`.
        """
        trials = 1 if self.trial_count is None else max(1, self.trial_count.total)
        return deflated_returns(_array(self.series["return"]), _array(self.series["hold_return"]), trials)

    @property
    def deflated_as_dict(self) -> dict[str, dict[str, Any]]:
        """The deflated Sharpe ratios as plain values."""
        return {name: ratio.as_dict() for name, ratio in self.deflated.items()}

    def summary(self) -> dict[str, Any]:
        """The content of `--json`."""
        recipe = self.recipe
        return {
            "strategy": recipe.strategy,
            "parameters": recipe.parameters,
            "universe": recipe.universe,
            "start": recipe.start,
            "end": recipe.end,
            "sessions": recipe.sessions,
            "metrics": self.metrics,
            "deflated": self.deflated_as_dict,
            "baselines": self.baselines,
            "labels": {"buy-and-hold": hold_label(recipe.rebalance)},
            "lag_hours": None if self.lag_hours is None else asdict(self.lag_hours),
            "tax": self.tax_as_dict,
            "counts": {name: count for name, count in self.counts.items() if name != "moves"},
            "moves": self.moves,
            "endings": [{**row, "session": str(row["session"].date())} for row in self.endings.to_dict("records")],
            "notes": list(self.notes),
            "ledger": self.trial_count_as_dict,
        }

    def tearsheet(self, path: str | FilePath) -> FilePath:
        """Write the run's tearsheet, one self-contained HTML page, to `path`."""
        return _write_page("tearsheet", self, path)

    def figure(self, path: str | FilePath) -> FilePath:
        """Write the run's main figure, a PNG, to `path`."""
        return _write_page("figure", self, path)

    def save(self, folder: str | FilePath) -> FilePath:
        """Write the run into `folder`, all or nothing: see `save_run`."""
        # Writing needs this module: it is found by name.
        path: FilePath = load_path(_SAVE, "a run cannot be saved")(self, folder)
        return path


def _write_page(name: str, run: Run, path: str | FilePath) -> FilePath:
    # Pages are on a higher floor: they are found by name, never imported.
    written: FilePath = load(PAGES, name)(run, FilePath(path))
    return written


def _array(series: pd.Series) -> FloatArray:
    return series.to_numpy(dtype=np.float64)
