"""Combinatorial purged cross-validation: many out-of-sample paths instead of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from undertow.backtests.account import Account, AccountSettings, make_account
from undertow.backtests.checks import check_search
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves
from undertow.backtests.keywords import split_keywords
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.metrics import return_metrics, short_window
from undertow.backtests.objectives import BASELINES, Metrics, Objective
from undertow.backtests.runs.backtest import make_plan, session_rows
from undertow.backtests.runs.describe import known_cash_returns
from undertow.backtests.runs.entries import enter_sweep
from undertow.backtests.sweeps.chunk import FIGURES
from undertow.backtests.sweeps.design import design
from undertow.backtests.tuning.settings import Search, SearchSettings, make_search
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy
from undertow.backtests.validation.settings import WalkSettings, make_walk_settings, resolve_events
from undertow.backtests.validation.splits import Fold, make_split
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.market import SESSIONS_A_YEAR, BoolArray, FloatArray, IntArray, Market, ParameterError
from undertow.signals.decisions import DecisionTable, shared_table
from undertow.strategies import Strategy, VolTarget

# Objectives that differ by less are equal.
_ROUNDING = 1e-9
# Settings of a search that one design over the whole span cannot follow.
_UNUSED = ("constraints", "storage", "study", "sampler", "design")


class CpcvKeywords(AccountSettings, SearchSettings, total=False):
    """The fields of `Account` and `Search` as keywords of `cpcv`."""


@dataclass(frozen=True, eq=False)
class CpcvResult:
    """The result of a combinatorial purged cross-validation.

    Args:
        strategy: class of the strategy.
        split: the split.
        settings: settings of the account and of the tuning.
        seed: seed of the design.
        folds: one row per choice of test groups: the chosen set, its objective inside and outside training, and `rank`,
            the share of trials that it beat outside, ties counted by half.
        paths: out-of-sample returns of continuous accounts (sessions, paths), decimal, per session.
        hold: returns of the basket without the rule (sessions,), decimal, per session.
        cash: returns of cash (sessions,), decimal, per session.
        sessions_a_year: sessions of a year on the market's calendar.
    """

    strategy: type[Strategy]
    split: CombinatorialPurgedKFold
    settings: WalkSettings
    seed: int
    folds: pd.DataFrame
    paths: pd.DataFrame
    hold: pd.Series
    cash: pd.Series
    sessions_a_year: int = SESSIONS_A_YEAR

    def __repr__(self) -> str:
        low, middle, high = np.percentile(self.sharpes, [0, 50, 100])
        return (
            f"<CpcvResult {self.strategy.name()!r} on {self.settings.universe!r}: {len(self.folds)} folds,"
            f" {len(self.sharpes)} paths, annual Sharpe {low:.2f} to {high:.2f}, median {middle:.2f}>"
        )

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics of `Run.metrics` that need returns alone, one row per path."""
        rows = [_series_metrics(self.paths[name], self.cash, self.sessions_a_year) for name in self.paths]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="path"))

    @property
    def sharpes(self) -> FloatArray:
        """The annual Sharpe ratio of every path."""
        return self.metrics["annual_sharpe"].to_numpy(dtype=np.float64)

    @property
    def below_median(self) -> float:
        """The share of folds whose choice was below the median of all trials in the test.

        NaN where no test has a value of the objective. Where all trials are luck it is 0.5 on average, and 0.2 to 0.8
        in four samples of five: folds share most of their sessions. Source: Bailey, Borwein, Lopez de Prado and Zhu
        (2017), the probability of backtest overfitting.
        """
        ranks = self.folds["rank"].dropna()
        return float((ranks < 0.5).mean()) if len(ranks) else float("nan")

    def summary(self) -> dict[str, Any]:
        """The result as plain values: the entry `cpcv` of `--json`."""
        low, middle, high = np.percentile(self.sharpes, [5, 50, 95])
        lowest, highest = self.sharpes.min(), self.sharpes.max()
        return {
            "split": self.split.text,
            "folds": len(self.folds),
            "paths": len(self.sharpes),
            "annual_sharpe": {
                "lowest": float(lowest),
                "p5": float(low),
                "median": float(middle),
                "p95": float(high),
                "highest": float(highest),
            },
            "annual_sharpe_buy_and_hold": _series_metrics(self.hold, self.cash, self.sessions_a_year)["annual_sharpe"],
            "share_below_median": self.below_median,
        }


def cpcv(
    strategy: type[Strategy],
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    split: CombinatorialPurgedKFold | None = None,
    search: Search | None = None,
    seed: int = 7,
    account: Account | None = None,
    ledger: Ledger | str | Path | None = None,
    **settings: Unpack[CpcvKeywords],
) -> CpcvResult:
    """Out-of-sample paths of `strategy` from every choice of test groups.

    One scrambled Sobol design of parameter sets is walked over the whole span. Each fold takes the set that is best by
    the objective on its training sessions, which may be in several pieces: metrics there are those of the returns
    joined together. On each path one account runs through all groups with the choices of their folds. Training sessions
    may lie after the tested ones, as in any cross-validation: the paths show how much the result depends on the stretch
    of history, not how the rule would have been found at the time. Source: Lopez de Prado (2018), ch. 12.

    Args:
        strategy: class of the strategy.
        market: the market.
        universe: name of the universe, or a screen.
        start: first session; None for the market's first.
        end: last session; None for the market's last.
        split: the split; None for 6 groups, 2 of them tested.
        search: objective, number of trials (None for 200), fixed and narrowed parameters.
        seed: seed of the design.
        account: settings of the account.
        ledger: ledger, or its folder, that counts the sets; None for none.
        settings: fields of `Search` and `Account` as keywords.

    Raises `ParameterError` before any work on an objective that needs more than returns, since training sessions in
    pieces have no turnover or costs, on constraints and a storage, and as `walk_forward` does.
    """
    check_search(strategy, market, universe)
    split = make_split(split, CombinatorialPurgedKFold)
    account_keywords, search_keywords = split_keywords(settings, Account, Search)
    search = make_search(search, search_keywords)
    for name in _UNUSED:
        if getattr(search, name):
            raise ParameterError(f"`{name}` has no use in `cpcv`, which walks one design; leave it out")
    walk_settings = make_walk_settings(strategy, search, make_account(account, account_keywords), universe=universe)
    check_path_objective(walk_settings.objective)
    return cross_validate(strategy, market, split, walk_settings, seed=seed, start=start, end=end, ledger=ledger)


def cross_validate(
    strategy: type[Strategy],
    market: Market,
    split: CombinatorialPurgedKFold,
    settings: WalkSettings,
    *,
    seed: int,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
    ledger: Ledger | str | Path | None,
) -> CpcvResult:
    """`cpcv` from settings that have been checked; see there for the arguments.

    Args:
        strategy: class of the strategy.
        market: the market.
        split: the split.
        settings: settings of the account and of the tuning.
        seed: seed of the design.
        start: first session; None for the market's first.
        end: last session; None for the market's last.
        ledger: ledger, or its folder, that counts the sets; None for none.
    """
    table = shared_table(market, settings.universe, settings.account.fill)
    settings = replace(settings, universe=table.universe.name)
    rows = session_rows(market, start, end)
    sessions = market.sessions[rows]
    split = resolve_events(split, strategy, market, sessions, settings)
    folds = split.folds(sessions)
    groups = split.groups(sessions)
    _refuse_empty(table, groups, rows)
    opened = open_ledger(ledger, market)
    sets = _parameter_sets(settings, seed)
    strategies = [strategy.create(row) for row in sets.to_dict(orient="records")]  # type: ignore[arg-type]
    returns, hold, cash = _account_returns(table, list(strategies), rows, settings)
    vol_target, _, _ = _account_returns(table, [VolTarget()], rows, settings)
    baselines = dict(zip(BASELINES, (hold, vol_target[0]), strict=True))
    year = market.calendar.sessions_a_year
    chosen, report = _choose_sets(folds, returns, baselines, cash, settings.objective, year=year)
    choices = [[strategies[chosen[fold]] for fold in path] for path in split.paths()]
    schedules = [_path_schedule(path, groups, sessions) for path in choices]
    rules: list[Strategy] = [ScheduledStrategy(schedule=schedule) for schedule in schedules]
    path_returns, _, _ = _account_returns(table, rules, rows, settings)
    if opened is not None:
        enter_sweep(
            opened,
            strategy,
            market,
            sets,
            "cpcv",
            window=(start, end),
            account=settings.account,
            universe=settings.universe,
        )
    days = sessions.rename("session")
    parameters = sets.iloc[chosen].reset_index(drop=True)[list(settings.space)]
    report.insert(1, "groups", [", ".join(str(group + 1) for group in choice) for choice in split.choices])
    return CpcvResult(
        strategy=strategy,
        split=split,
        settings=settings,
        seed=seed,
        folds=pd.concat([report, parameters], axis=1),
        paths=pd.DataFrame(path_returns.T, index=days, columns=[f"path {n}" for n in range(1, len(schedules) + 1)]),
        hold=pd.Series(hold, index=days, name="buy-and-hold"),
        cash=pd.Series(cash, index=days, name="cash"),
        sessions_a_year=year,
    )


def _refuse_empty(table: DecisionTable, borders: IntArray, rows: slice) -> None:
    """Raise `ParameterError` where a group has no symbol to hold: it would earn cash."""
    alive, sessions = table.alive[rows], table.decisions.sessions[rows]
    for number, (begin, end) in enumerate(pairwise(borders), 1):
        if not alive[begin:end].any():
            raise ParameterError(
                f"group {number} is empty: from {sessions[begin]:%Y-%m-%d} to {sessions[end - 1]:%Y-%m-%d} universe"
                f" `{table.universe.name}` has no name with prices; move `start` or `end`, or name another universe"
            )


def check_path_objective(objective: Objective) -> None:
    """Raise `ParameterError` where an objective needs more than returns.

    Paths have no costs and no turnover.
    """
    metrics = return_metrics(np.tile([0.01, -0.01, 0.02], 20), np.zeros(60))
    _objective_value(metrics, dict.fromkeys(BASELINES, metrics), objective)


def _account_returns(
    table: DecisionTable, strategies: list[Strategy], rows: slice, settings: WalkSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Session returns of the strategies (P, T), of the basket (T,) and of cash (T,)."""
    account = settings.account
    plan, decision = make_plan(table, strategies, rows, account)
    if not plan.base.any():
        raise ParameterError(f"universe `{settings.universe}` has no name with prices in the requested sessions")
    grid = add_sleeves(read_price_grid(table, rows, account.costs.haircut), table, rows, decision, account.costs)
    # A class without parameters decides one column for all.
    returns = [walk_plan(grid, plan, number, account.costs, account.capital).returns for number in range(plan.sets)]
    rules = np.stack(returns[:-1])
    cash = known_cash_returns(table, rows, grid.cash_returns)
    return np.broadcast_to(rules, (len(strategies), rules.shape[1])), returns[-1], cash


def _parameter_sets(settings: WalkSettings, seed: int) -> pd.DataFrame:
    """One parameter set per row, fixed parameters included."""
    count = settings.trials if settings.space else 1
    drawn = design(settings.space, count, seed=seed) if settings.space else pd.DataFrame(index=range(1))
    return drawn.assign(**{name: [value] * count for name, value in settings.fixed.items()})


def _choose_sets(
    folds: list[Fold],
    returns: FloatArray,
    baselines: Mapping[str, FloatArray],
    cash: FloatArray,
    objective: Objective,
    *,
    year: int,
) -> tuple[IntArray, pd.DataFrame]:
    """The trial that each fold takes (F,), and one row per fold about it."""
    chosen, rows = [], []
    for fold in folds:
        inside, outside = (
            _objective_values(
                [trial[part] for trial in returns],
                {name: baseline[part] for name, baseline in baselines.items()},
                cash[part],
                objective,
                year,
            )
            for part in (fold.train, fold.test)
        )
        if not np.isfinite(inside).any():
            raise ParameterError(
                f"no trial has a value of `{objective.name}` in the training sessions of fold"
                f" {fold.number}{_short(fold)}"
            )
        trained, tested = (
            np.where(np.isfinite(values), objective.sign * values, -np.inf) for values in (inside, outside)
        )
        best = int(np.argmax(_nearly_equal(trained, trained.max())))
        # Trials that tie with the choice count half, so that a choice among equals ranks in the middle.
        ties = _nearly_equal(tested, tested[best])
        rank = (((tested < tested[best]) & ~ties).sum() + 0.5 * ties.sum()) / len(tested)
        chosen.append(best)
        rows.append(
            {
                "fold": fold.number,
                "sessions_trained": len(fold.train),
                "sessions_tested": len(fold.test),
                "purged": fold.purged,
                "embargoed": fold.embargoed,
                "dropped_with_events": fold.dropped,
                "trial": best,
                "in_objective": inside[best],
                "out_objective": outside[best],
                # Where no trial has a value in the test there is nothing to rank.
                "rank": rank if np.isfinite(outside).any() else np.nan,
            }
        )
    return np.array(chosen, dtype=np.int64), pd.DataFrame(rows)


def _short(fold: Fold) -> str:
    reason = short_window(len(fold.train))
    return f": {reason}" if reason else ""


def _nearly_equal(values: FloatArray, value: float) -> BoolArray:
    """Whether values are equal but for rounding.

    Accounts that differed once compound the rounding from then on.
    """
    return np.isclose(values, value, rtol=_ROUNDING, atol=_ROUNDING)


def _objective_values(
    returns: list[FloatArray], baselines: Mapping[str, FloatArray], cash: FloatArray, objective: Objective, year: int
) -> FloatArray:
    """The objective of every trial (P,); NaN where it has no value or raises."""
    baseline_metrics = {name: return_metrics(baseline, cash, year) for name, baseline in baselines.items()}
    values = [_objective_value(return_metrics(trial, cash, year), baseline_metrics, objective) for trial in returns]
    return np.array(values, dtype=np.float64)


def _objective_value(metrics: Metrics, baselines: Mapping[str, Metrics], objective: Objective) -> float:
    try:
        return objective.value(metrics, baselines)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an objective is the user's: where it raises, a trial has no value
        if isinstance(error, KeyError) and error.args[:1] and error.args[0] in set(FIGURES) - set(metrics):
            raise ParameterError(
                f"`objective` {objective.name} needs {error.args[0]!r}, which combinatorial paths do not have: they are"
                " judged by returns alone"
            ) from None
        return float("nan")


def _path_schedule(strategies: list[Strategy], borders: IntArray, sessions: pd.DatetimeIndex) -> Schedule:
    return Schedule(
        tuple(
            ScheduledSpan(strategy, sessions[first], sessions[after - 1])
            for strategy, first, after in zip(strategies, borders[:-1], borders[1:], strict=True)
        )
    )


def _series_metrics(returns: pd.Series, cash: pd.Series, year: int) -> dict[str, float]:
    return return_metrics(returns.to_numpy(dtype=np.float64), cash.to_numpy(dtype=np.float64), year)
