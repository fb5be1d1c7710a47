"""Combinatorial purged cross-validation of a strategy: many out-of-sample paths instead of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.checks import check_search
from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import walk_plan
from undertow.backtests.kernel.prices import read_price_grid
from undertow.backtests.kernel.sleeves import add_sleeves
from undertow.backtests.ledger.entries import enter_sweep
from undertow.backtests.ledger.ledger import Ledger, open_ledger
from undertow.backtests.metrics import return_metrics
from undertow.backtests.objectives import BASELINES, Metrics, Objective
from undertow.backtests.runs.backtest import make_plan, session_rows
from undertow.backtests.sweeps.chunk import FIGURES
from undertow.backtests.sweeps.design import design
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy
from undertow.backtests.validation.settings import WalkSettings, checked_settings
from undertow.backtests.validation.splits import Fold, checked_split
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.market.calendar import Fill
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.decisions.table import DecisionTable, shared_table
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget

# Objectives that differ by less are equal.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class CpcvResult:
    """Combinatorial purged cross-validation of one strategy.

    `folds` has a row a choice of test groups: what was chosen in training, its objective inside and outside, and
    `rank`, the share of trials that it beat outside, those that tie with it by half. `paths` (sessions, paths) are
    out-of-sample returns of continuous accounts, `hold` (sessions,) those of the basket without the rule; decimal, a
    session.
    """

    strategy: type[Strategy]
    split: CombinatorialPurgedKFold
    settings: WalkSettings
    seed: int
    folds: pd.DataFrame
    paths: pd.DataFrame
    hold: pd.Series
    cash: pd.Series

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The figures of `Run.metrics` that need returns alone, one row a path."""
        rows = [_metrics(self.paths[name], self.cash) for name in self.paths]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="path"))

    @property
    def sharpes(self) -> FloatArray:
        """The annual Sharpe ratio of each path."""
        return self.metrics["annual_sharpe"].to_numpy(dtype=np.float64)

    @property
    def below_median(self) -> float:
        """The share of folds whose choice, the best in training, was below the median of all trials outside.

        Where all trials are luck it is 0.5 on average, and 0.2 to 0.8 in four samples of five: folds share most of
        their sessions. Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), the probability of backtest overfitting.
        """
        return float((self.folds["rank"] < 0.5).mean())

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
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
            "annual_sharpe_buy_and_hold": _metrics(self.hold, self.cash)["annual_sharpe"],
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
    objective: str | Objective | Callable[[Metrics], float] = "sharpe",
    trials: int = 200,
    seed: int = 7,
    fixed: Mapping[str, Any] | None = None,
    narrowed: Mapping[str, Any] | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
    ledger: Ledger | str | Path | None = None,
) -> CpcvResult:
    """Out-of-sample paths of `strategy` from every choice of test groups.

    `trials` parameter sets, one scrambled Sobol design, are walked once over the whole span. Each fold takes the set
    that is best by `objective` on its training sessions, which need not be in one piece: figures there are of the
    returns joined together. On each path one account runs through all groups with what their folds chose. Training
    sessions may lie after the tested ones, as in any cross-validation: the paths say how much the result depends on
    the stretch of history, not how the rule would have been found at the time. A `ledger` counts the sets. Source:
    Lopez de Prado (2018), ch. 12.

    The objective must need returns alone: training sessions in pieces have no turnover or costs of their own. Raises
    `ParameterError` before any work where it does not, and as `walk_forward` does.
    """
    check_search(strategy, market, universe, costs)
    rule = checked_split(split, CombinatorialPurgedKFold)
    account: dict[str, Any] = {
        "universe": universe,
        "fill": fill,
        "costs": costs,
        "weighting": weighting,
        "rebalance": rebalance,
        "capital": capital,
    }
    settings = checked_settings(strategy, fixed, narrowed, objective, None, trials, **account)
    check_aim(settings.objective)
    table = shared_table(market, universe, fill)
    settings = replace(settings, universe=table.universe.name)
    rows = session_rows(market, start, end)
    sessions = market.sessions[rows]
    folds = rule.folds(sessions)
    _refuse_empty(table, rule.groups(sessions), rows)
    kept = open_ledger(ledger, market)
    tried = _tried(settings, seed)
    strategies = [strategy.create(row) for row in tried.to_dict(orient="records")]  # type: ignore[arg-type]
    returns, hold, cash = _walked(table, list(strategies), rows, settings)
    rival, _, _ = _walked(table, [VolTarget()], rows, settings)
    chosen, report = _choices(
        folds, returns, dict(zip(BASELINES, (hold, rival[0]), strict=True)), cash, settings.objective
    )
    paths = [
        _seams([strategies[chosen[fold]] for fold in path], rule.groups(sessions), sessions) for path in rule.paths()
    ]
    made, _, _ = _walked(table, [ScheduledStrategy(seams=path) for path in paths], rows, settings)
    if kept is not None:
        enter_sweep(kept, strategy, market, tried, "cpcv", start=start, end=end, account=settings.account)
    days = sessions.rename("session")
    picked = tried.iloc[chosen].reset_index(drop=True)[list(settings.space)]
    groups = [", ".join(str(group + 1) for group in each) for each in rule.choices]
    report.insert(1, "groups", groups)
    return CpcvResult(
        strategy=strategy,
        split=rule,
        settings=settings,
        seed=seed,
        folds=pd.concat([report, picked], axis=1),
        paths=pd.DataFrame(made.T, index=days, columns=[f"path {n}" for n in range(1, len(paths) + 1)]),
        hold=pd.Series(hold, index=days, name="buy-and-hold"),
        cash=pd.Series(cash, index=days, name="cash"),
    )


def _refuse_empty(table: DecisionTable, borders: IntArray, rows: slice) -> None:
    """Raise `ParameterError` where a group has no name to hold: what is left there is the interest of cash."""
    alive, sessions = table.alive[rows], table.decisions.sessions[rows]
    for number, (begin, end) in enumerate(pairwise(borders), 1):
        if not alive[begin:end].any():
            raise ParameterError(
                f"group {number} is empty: from {sessions[begin]:%Y-%m-%d} to {sessions[end - 1]:%Y-%m-%d} universe"
                f" `{table.universe.name}` has no name with prices; move `start` or `end`, or name another universe"
            )


def check_aim(aim: Objective) -> None:
    """Raise `ParameterError` where an objective needs more than returns, such as costs, which paths have not."""
    row = return_metrics(np.array([0.01, -0.01, 0.02]), np.zeros(3))
    _score(row, dict.fromkeys(BASELINES, row), aim)


def _walked(
    table: DecisionTable, strategies: list[Strategy], rows: slice, settings: WalkSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Session returns of each strategy (P, T), of the basket without a rule (T,), and of cash (T,)."""
    plan, decision = make_plan(table, strategies, rows, settings.weighting, settings.rebalance)
    if not plan.base.any():
        raise ParameterError(f"universe `{settings.universe}` has no name with prices in the sessions asked for")
    tape = add_sleeves(read_price_grid(table, rows, settings.costs.haircut), table, rows, decision, settings.costs)
    # A class without parameters decides one column for all.
    found = [walk_plan(tape, plan, which, settings.costs, settings.capital).returns for which in range(plan.sets)]
    own = np.stack(found[:-1])
    return np.broadcast_to(own, (len(strategies), own.shape[1])), found[-1], tape.cash_returns


def _tried(settings: WalkSettings, seed: int) -> pd.DataFrame:
    """One parameter set a row, what is fixed included; one row where nothing is tuned."""
    count = settings.trials if settings.space else 1
    drawn = design(settings.space, count, seed=seed) if settings.space else pd.DataFrame(index=range(1))
    return drawn.assign(**{name: [value] * count for name, value in settings.fixed.items()})


def _choices(
    folds: list[Fold], returns: FloatArray, others: Mapping[str, FloatArray], cash: FloatArray, aim: Objective
) -> tuple[IntArray, pd.DataFrame]:
    """Which trial each fold takes, and one row a fold about it."""
    chosen, rows = [], []
    for fold in folds:
        inside, outside = (
            _scores(
                [each[part] for each in returns], {name: each[part] for name, each in others.items()}, cash[part], aim
            )
            for part in (fold.train, fold.test)
        )
        better = np.where(np.isfinite(inside), aim.sign * inside, -np.inf)
        if not np.isfinite(inside).any():
            raise ParameterError(f"no trial has a value of `{aim.name}` in the training sessions of fold {fold.number}")
        best = int(np.argmax(_equal(better, better.max())))
        beaten = np.where(np.isfinite(outside), aim.sign * outside, -np.inf)
        # Trials that tie with the choice count half, so that a choice among equals ranks in the middle.
        ties = _equal(beaten, beaten[best])
        rank = (((beaten < beaten[best]) & ~ties).sum() + 0.5 * ties.sum()) / len(beaten)
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
                "rank": rank,
            }
        )
    return np.array(chosen, dtype=np.int64), pd.DataFrame(rows)


def _equal(values: FloatArray, value: float) -> BoolArray:
    """Which values are one and the same but for rounding: accounts that once differed compound it ever after."""
    return np.isclose(values, value, rtol=ROUNDING, atol=ROUNDING)


def _scores(
    returns: list[FloatArray], others: Mapping[str, FloatArray], cash: FloatArray, aim: Objective
) -> FloatArray:
    """The objective of each trial (P,) over some sessions; NaN where it has none or raises."""
    baselines = {name: return_metrics(each, cash) for name, each in others.items()}
    return np.array([_score(return_metrics(each, cash), baselines, aim) for each in returns], dtype=np.float64)


def _score(metrics: Metrics, baselines: Mapping[str, Metrics], aim: Objective) -> float:
    try:
        return aim.value(metrics, baselines)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an objective is the user's: where it raises, a trial has no value
        if isinstance(error, KeyError) and error.args[:1] and error.args[0] in set(FIGURES) - set(metrics):
            raise ParameterError(
                f"`objective` {aim.name} needs {error.args[0]!r}, which combinatorial paths have not: they are judged"
                f" by returns alone"
            ) from None
        return float("nan")


def _seams(strategies: list[Strategy], borders: IntArray, sessions: pd.DatetimeIndex) -> Schedule:
    return Schedule(
        tuple(
            ScheduledSpan(strategy, sessions[first], sessions[after - 1])
            for strategy, first, after in zip(strategies, borders[:-1], borders[1:], strict=True)
        )
    )


def _metrics(returns: pd.Series, cash: pd.Series) -> dict[str, float]:
    return return_metrics(returns.to_numpy(dtype=np.float64), cash.to_numpy(dtype=np.float64))
