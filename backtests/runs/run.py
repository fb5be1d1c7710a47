"""A run: what a strategy did with a market, and what it was worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.costs import Costs
from undertow.backtests.folders import replacing, write_json
from undertow.backtests.metrics import SESSIONS_A_YEAR, return_metrics
from undertow.backtests.runs.cash_statement import cash_statement
from undertow.backtests.runs.lag_hours import LagHours, summarised
from undertow.backtests.runs.tax import realised, tax_sentence, tax_summary
from undertow.market.clock import FloatArray
from undertow.market.errors import ParameterError
from undertow.signals.base.registry import PAGES, load
from undertow.strategies.reasons.explain import changes, explain, remark, vetoes

if TYPE_CHECKING:
    from collections.abc import Callable

    from undertow.backtests.ledger.ledger import TrialCount
    from undertow.backtests.runs.attribution import Attribution
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio
    from undertow.strategies.reasons.explain import Explanation
    from undertow.strategies.reasons.reasons import Reasons


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, as plain values: equal recipes give equal bytes."""

    strategy: str
    parameters: dict[str, Any]
    universe: str
    start: str
    end: str
    sessions: int
    fill: str
    weighting: str
    rebalance: str
    fee_bps: float
    slippage_bps: float
    haircut_bps: float
    capital: float
    market: str
    market_path: str | None
    market_fingerprint: str
    calendar: str
    benchmark: str | None
    cash: str | None
    seed: int | None
    sessions_a_year: int
    versions: dict[str, str]
    command: str | None
    borrow_bps: float = 50.0
    tax_rate: float = 0.20
    lots: str = "hifo"


@dataclass(frozen=True, eq=False)
class Run:
    """The outcome of a backtest.

    `series` (sessions) has the columns value and return of the run, exposure (the target), cash_share (at the close),
    cash_before (USD at the fill, before anything is traded), turnover and costs (of the session), hold_before,
    hold_value and hold_return (the same basket without the rule, USD at the fill and at the close), benchmark_return
    (NaN where the market names no benchmark), cash_return and btc (last known close). `weights` (sessions, symbols) are
    shares of the value at the close, what is sold short negative. `orders` and `episodes` are one row each. Returns
    are decimal, money in USD. `trial_count` says how many
    trials were ever made on the market, where a ledger counts them.
    """

    recipe: Recipe
    series: pd.DataFrame
    weights: pd.DataFrame
    orders: pd.DataFrame
    episodes: pd.DataFrame
    counts: dict[str, Any]
    build_portfolio: Callable[[], Portfolio] | None = field(default=None, repr=False)
    reasons: Reasons | None = field(default=None, repr=False)
    attribution_parts: Attribution | None = field(default=None, repr=False)
    trial_count: TrialCount | None = None
    find_hold_tax: Callable[[], dict[str, Any]] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # vectorbt's portfolio does not pickle once it has been asked anything, and can be built again.
        return {name: value for name, value in self.__dict__.items() if name != "portfolio"}

    def __repr__(self) -> str:
        given = self.recipe
        return f"<Run {self.name!r} on {given.universe!r}: {given.sessions} sessions, {given.start} to {given.end}>"

    @property
    def tiers(self) -> pd.Series | None:
        """The tier of every session by name; None for a strategy that is not put together from parts."""
        return None if self.reasons is None else self.reasons.tiers

    def explain(self, session: str | pd.Timestamp) -> Explanation:
        """Why the rule decided what it did for a session: see `Explanation`.

        Raises `ParameterError` for a strategy that is not put together from parts, `DataError` on a day that is no
        session of the run.
        """
        return explain(self._reasons(), session)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Every change of tier, one row each: why, the score, what each driver added to it, what would have changed it.

        The columns after `counterfactual` are the drivers' contributions; they sum to `score`. Errors as in `explain`.
        """
        return changes(self._reasons())

    @cached_property
    def vetoes(self) -> pd.DataFrame:
        """Every stretch of sessions on which gates kept the score from a higher tier, one row each; errors as above."""
        return vetoes(self._reasons())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know beside the figures: that a rule's trigger was off, or on, at every session."""
        told = "" if self.reasons is None else remark(self.reasons)
        return (told,) if told else ()

    def attribution(self) -> Attribution:
        """The difference to buy-and-hold in final value, split into parts that sum exactly: see `Attribution`."""
        if self.attribution_parts is None:
            raise ParameterError("this run was saved without its attribution; run the `command` in its run.json again")
        return self.attribution_parts

    def _reasons(self) -> Reasons:
        if self.reasons is None:
            raise ParameterError(f"`{self.name}` is not put together from parts, so its decisions have no drivers")
        return self.reasons

    @property
    def returns(self) -> pd.Series:
        """Session returns, close to close; the first from the capital."""
        return self.series["return"]

    @property
    def exposure(self) -> pd.Series:
        """The share of capital in stocks that the strategy asked for."""
        return self.series["exposure"]

    @property
    def name(self) -> str:
        """The strategy's name on the command line."""
        return self.recipe.strategy

    @cached_property
    def portfolio(self) -> Portfolio:
        """The run as a vectorbt Portfolio, annualised with 252 sessions."""
        if self.build_portfolio is None:
            raise ParameterError("a loaded run has no vectorbt portfolio; run the `command` in its run.json again")
        return self.build_portfolio()

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The headline figures; decimal, annualised where the name says so, costs in USD."""
        return self.metrics_between(self.series.index[0], self.series.index[-1])

    def metrics_between(self, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, float]:
        """The same figures of the sessions `first` to `last`, both included; an episode counts where it begins.

        One session has no standard deviation, and what needs one is NaN.
        """
        series = self.series.loc[first:last]
        years = len(series) / SESSIONS_A_YEAR
        return {
            **return_metrics(_array(series["return"]), _array(series["cash_return"])),
            "annual_turnover": float(series["turnover"].sum() / years),
            "average_exposure": float(series["exposure"].mean()),
            "average_cash": float(series["cash_share"].mean()),
            "costs_paid": float(series["costs"].sum()),
            "episodes": int(self.episodes["session"].between(first, last).sum()),
        }

    @cached_property
    def lag_hours(self) -> LagHours | None:
        """Hours from the shock to the fill over the episodes; None where none has a shock: see `LagHours`."""
        return summarised(_array(self.episodes["lag_hours"]))

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """The same figures for the basket held without the rule, and for the benchmark where there is one."""
        found = {"buy-and-hold": self._of(self.series["hold_return"])}
        if self.recipe.benchmark is not None:
            found[self.recipe.benchmark] = self._of(self.series["benchmark_return"])
        return found

    @property
    def account(self) -> Account:
        """The settings of the account, from the recipe."""
        recipe = asdict(self.recipe)
        costs = Costs(**{each.name: recipe[each.name] for each in fields(Costs)})
        return Account(
            **{each.name: recipe[each.name] for each in fields(Account) if each.name != "costs"}, costs=costs
        )

    @property
    def costs(self) -> Costs:
        """Costs of trading, from the recipe."""
        return self.account.costs

    @cached_property
    def realised(self) -> pd.DataFrame:
        """One row for each order that closes a position, with its gain and tax in USD; see `backtests/lots.py`."""
        return realised(self.orders, self.costs)

    @cached_property
    def tax(self) -> dict[str, Any]:
        """Realised gains, losses and the tax on them, in USD: stated, never taken from the account."""
        return tax_summary(self.realised, self.costs)

    @cached_property
    def hold_tax(self) -> dict[str, Any] | None:
        """`tax` of the same basket held without the rule; None for a run that was saved without it."""
        return None if self.find_hold_tax is None else self.find_hold_tax()

    @property
    def tax_as_dict(self) -> dict[str, Any]:
        """The tax as plain values, that of buy-and-hold with it."""
        return {**self.tax, "buy-and-hold": self.hold_tax}

    def tax_sentence(self) -> str:
        """What the tax of the run comes to beside that of buy-and-hold, in USD."""
        apart = float(self.series["value"].iloc[-1] - self.series["hold_value"].iloc[-1])
        return tax_sentence(self.tax, self.hold_tax, apart)

    def cash_statement(self, session: str | pd.Timestamp) -> pd.DataFrame:
        """How the cash came together on a session: cash before, each sale and purchase, cash after, as rows.

        Raises `ParameterError` where nothing was traded on it, and where the run was saved without what it takes.
        """
        if "cash_before" not in self.series or "settles" not in self.orders:
            raise ParameterError("this run was saved without settlement; run the `command` in its run.json again")
        return cash_statement(self.orders, self.series["cash_before"], session)

    def _of(self, returns: pd.Series) -> dict[str, float]:
        return return_metrics(_array(returns), _array(self.series["cash_return"]))

    @property
    def trial_count_as_dict(self) -> dict[str, int] | None:
        """The standing as plain values; None where no ledger counts."""
        return None if self.trial_count is None else asdict(self.trial_count)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        recipe = self.recipe
        return {
            "strategy": recipe.strategy,
            "parameters": recipe.parameters,
            "universe": recipe.universe,
            "start": recipe.start,
            "end": recipe.end,
            "sessions": recipe.sessions,
            "metrics": self.metrics,
            "baselines": self.baselines,
            "lag_hours": None if self.lag_hours is None else asdict(self.lag_hours),
            "tax": self.tax_as_dict,
            "counts": self.counts,
            "notes": list(self.notes),
            "ledger": self.trial_count_as_dict,
        }

    def tearsheet(self, path: str | FilePath) -> FilePath:
        """Write the run's tearsheet, one self-contained HTML page, to `path`."""
        return _page("tearsheet", self, path)

    def figure(self, path: str | FilePath) -> FilePath:
        """Write the run's main figure, a PNG, to `path`."""
        return _page("figure", self, path)

    def save(self, folder: str | FilePath) -> FilePath:
        """Write the run into `folder`, all or nothing, replacing an earlier run; see `undertow.backtests.folders`."""
        target = FilePath(folder)
        with replacing(target) as draft:
            write_json(
                draft / "run.json", {**asdict(self.recipe), "counts": self.counts, "ledger": self.trial_count_as_dict}
            )
            write_json(draft / "metrics.json", {"run": self.metrics, **self.baselines})
            write_json(draft / "tax.json", self.tax_as_dict)
            self.series.to_parquet(draft / "returns.parquet")
            self.weights.to_parquet(draft / "weights.parquet")
            self.orders.to_parquet(draft / "orders.parquet")
            self.episodes.to_parquet(draft / "episodes.parquet")
            if self.attribution_parts is not None:
                write_json(draft / "attribution.json", asdict(self.attribution_parts))
            if self.reasons is not None:
                write_json(draft / "rule.json", self.reasons.rule.model_dump(mode="json"))
                self.reasons.frame().to_parquet(draft / "reasons.parquet")
            self.tearsheet(draft / "tearsheet.html")
            self.figure(draft / "figure.png")
        return target


def _page(name: str, run: Run, path: str | FilePath) -> FilePath:
    # Pages live above this floor: they are found by name, never imported.
    written: FilePath = load(PAGES, name)(run, FilePath(path))
    return written


def _array(series: pd.Series) -> FloatArray:
    return series.to_numpy(dtype=np.float64)
