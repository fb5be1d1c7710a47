"""Is the best of the sets tried more than luck: `ut.skill`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests import Account, Ledger, Run, backtest
from undertow.backtests.ledger import (
    DeflatedSharpe,
    deflated_sharpe,
    minimum_backtest_years,
    minimum_track_record,
    sharpe_moments,
)
from undertow.backtests.sweeps import Rearranged, Sweep, rearranged, sweep
from undertow.evidence.bootstrap import RESAMPLES
from undertow.evidence.confidence import confidence_set
from undertow.evidence.difference import difference
from undertow.evidence.luck.cross_validation import Overfitting, overfitting
from undertow.evidence.luck.intervals import metric_intervals, reality_check
from undertow.evidence.luck.placebos import annual_ratios, placebos
from undertow.evidence.luck.placements import episode_spans, episodes_left_out
from undertow.evidence.luck.record import Skill
from undertow.evidence.spa import SPATest
from undertow.market import FloatArray, Market, ParameterError, check_whole
from undertow.strategies import Strategy

# The model confidence set takes seconds for so many sets, minutes for more.
_MOST_COMPARED = 200


@dataclass(frozen=True)
class _Tried:
    """The session returns of the sets tried, with what they are compared with."""

    returns: FloatArray
    hold: FloatArray
    trials: int
    year: int


def skill(
    market: Market,
    strategy: type[Strategy],
    sets: pd.DataFrame,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
    guided: bool = False,
    trials: int = 0,
    ledger: Ledger | str | Path | None = None,
    wrong_assets: tuple[str, ...] = (),
    count: int = 1_000,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Skill:
    """Whether the best of some parameter sets is more than luck; see `Skill`.

    The best is the set with the highest annual Sharpe ratio. It is deflated by the number of trials, of the log returns
    over buy-and-hold and, beside them, absolute; all figures are in-sample and none of them shows that a rule works:
    they say what luck alone could have done.

    Args:
        market: market, from `load_market` or `simulate_market`.
        strategy: class of the strategy.
        sets: one row a set, one column a parameter, in the order in which they were tried.
        universe: name of a universe or a screen.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: fill, costs, weighting, rebalance and capital; by default `Account()`.
        guided: whether the sets are the path of a search that learns; such a path has no PBO.
        trials: number of trials ever made; the largest of it, of the sets and of the ledger's count is used.
        ledger: folder or `Ledger` that counts the sets, and knows of all trials on the market.
        wrong_assets: symbols on which the same decisions should be worth nothing.
        count: number of placebos of each kind, 100 or more.
        seed: seed of every draw.
        resamples: resamples of every bootstrap.

    Raises `ParameterError` as `sweep` does, and on fewer than 60 sessions.
    """
    check_whole("count", count, 100)
    check_whole("seed", seed, 0)
    check_whole("resamples", resamples, 100)
    span: dict[str, Any] = {"universe": universe, "start": start, "end": end}
    account = account or Account()
    walked = sweep(strategy, market, sets, **span, account=account, returns=True, ledger=ledger)
    scores = walked.scores("annual_sharpe").to_numpy(dtype=np.float64)
    if not np.isfinite(scores).any():
        raise ParameterError("no set has a Sharpe ratio on these sessions; widen the window or change the sets")
    row = int(np.nanargmax(scores))
    rule = strategy.create({str(name): value for name, value in sets.iloc[row].items()})
    run = backtest(rule, market, **span, account=account)
    counted = 0 if walked.trial_count is None else walked.trial_count.total + walked.trial_count.other_data
    # Returns of the runs with an ended account are missing: they are trials all the same.
    known = (np.isfinite(walked.returns) & (walked.returns > -1.0)).all(axis=1)
    tried = _Tried(
        walked.returns[known],
        run.series["hold_return"].to_numpy(dtype=np.float64),
        max(len(sets), int(trials), counted),
        market.calendar.sessions_a_year,
    )
    decisions = rearranged(rule, market, **span, account=account)
    return _record(walked, run, decisions, tried, row, (guided, count, seed, resamples, wrong_assets))


def _record(
    walked: Sweep,
    run: Run,
    decisions: Rearranged,
    tried: _Tried,
    row: int,
    options: tuple[bool, int, int, int, tuple[str, ...]],
) -> Skill:
    guided, count, seed, resamples, wrong_assets = options
    returns = run.returns.to_numpy(dtype=np.float64)
    absolute, over_hold = _deflated(returns, tried, over_hold=False), _deflated(returns, tried, over_hold=True)
    gap, year = sharpe_moments(np.log1p(returns) - np.log1p(tried.hold)), math.sqrt(tried.year)
    scores = walked.scores("annual_sharpe").to_numpy(dtype=np.float64)
    overfit, remarks = _overfitting(tried, guided)
    lost = len(walked) - len(tried.returns)
    if lost:
        remarks.append(f"{lost} sets lost everything or have missing returns; they count as trials alone")
    names = walked.varied or tuple(walked.sets.columns)
    settings = {
        "strategy": walked.strategy.name(),
        "universe": walked.universe,
        "start": walked.start,
        "end": walked.end,
        "sessions": len(walked.sessions),
        "sessions_a_year": tried.year,
        "market": walked.market.name,
        "market_fingerprint": walked.market.fingerprint,
        "account": walked.account.as_dict(),
        "placebos": count,
        "seed": seed,
        "resamples": resamples,
    }
    return Skill(
        best={name: _plain(walked.sets[name].iloc[row]) for name in names},
        sharpe_annual=absolute.sharpe * year,
        sharpe_over_hold=over_hold.sharpe * year,
        absolute=absolute,
        over_hold=over_hold,
        difference=difference(returns, tried.hold, seed=seed, resamples=resamples, source="buy-and-hold"),
        min_track_record=minimum_track_record(gap),
        min_backtest_years=minimum_backtest_years(tried.trials, absolute.sharpe * year),
        overfitting=overfit,
        spa_p=SPATest(resamples=resamples, seed=seed)(tried.returns, tried.hold),
        reality_check_p=reality_check(tried.returns, tried.hold, resamples=resamples, seed=seed),
        confidence_set=_confidence_set(walked, tried, resamples, seed, remarks),
        metrics=metric_intervals(
            returns,
            run.series["cash_return"].to_numpy(dtype=np.float64),
            sessions_a_year=tried.year,
            resamples=resamples,
            seed=seed,
        ),
        placebos=placebos(decisions, tried.hold, count=count, seed=seed, year=tried.year),
        episodes=_without_each(decisions, returns, walked.sessions, tried.year),
        wrong_asset={symbol: _on_other(decisions, symbol, tried.year) for symbol in wrong_assets},
        sets=len(walked),
        converged=has_converged(scores) if guided else None,
        remarks=tuple(remarks),
        settings=settings,
    )


def has_converged(scores: FloatArray) -> bool:
    """Whether the best of a search did not change over the last half of its trials.

    Args:
        scores: values (P,) of the trials in their order, higher is better; NaN for a failed one.
    """
    known = np.where(np.isfinite(scores), scores, -np.inf)
    half = (len(known) + 1) // 2
    return bool(len(known) > 1 and known[:half].max() >= known.max())


def _deflated(returns: FloatArray, tried: _Tried, *, over_hold: bool) -> DeflatedSharpe:
    base = np.log1p(tried.hold) if over_hold else np.zeros(len(tried.hold))
    ratios = [sharpe_moments(series - base).sharpe for series in np.log1p(tried.returns)]
    known = np.array([ratio for ratio in ratios if math.isfinite(ratio)])
    variance = float(known.var(ddof=1)) if len(known) > 1 else None
    return deflated_sharpe(sharpe_moments(np.log1p(returns) - base), tried.trials, variance)


def _overfitting(tried: _Tried, guided: bool) -> tuple[Overfitting | None, list[str]]:
    if guided:
        return None, [
            "the sets are judged by their Sharpe ratio, whatever the search looked for: the best need not be its own",
            "PBO is refused for the path of a guided search: its later sets were chosen by the same sessions",
        ]
    if len(tried.returns) < 2:
        return None, ["PBO needs two sets or more"]
    return overfitting(tried.returns), []


def _confidence_set(
    walked: Sweep, tried: _Tried, resamples: int, seed: int, remarks: list[str]
) -> dict[str, Any] | None:
    if len(tried.returns) < 2 or len(tried.returns) != len(walked):
        return None
    if len(walked) > _MOST_COMPARED:
        remarks.append(f"the model confidence set is left out: it takes minutes for more than {_MOST_COMPARED} sets")
        return None
    chosen = confidence_set(np.vstack([tried.returns, tried.hold]), resamples=resamples, seed=seed)
    included = chosen.included
    return {"level": chosen.level, "sets": int(included[:-1].sum()), "buy_and_hold": bool(included[-1])}


def _without_each(decisions: Rearranged, returns: FloatArray, sessions: pd.DatetimeIndex, year: int) -> pd.DataFrame:
    """Sharpe ratio of the rule less that without each episode, the most helpful first."""
    spans = episode_spans(decisions.away)
    own = float(annual_ratios(returns[None, :], year)[0])
    if not spans:
        return pd.DataFrame({"sessions": [], "sharpe": [], "sharpe_without": []}).rename_axis("session")
    without = annual_ratios(decisions.returns(episodes_left_out(spans, len(returns), decisions.resting)), year)
    table = pd.DataFrame(
        {"sessions": [after - first for first, after in spans], "sharpe": own - without, "sharpe_without": without},
        index=pd.Index([str(sessions[first].date()) for first, _ in spans], name="session"),
    )
    return table.sort_values("sharpe", ascending=False, kind="stable")


def _on_other(decisions: Rearranged, symbol: str, year: int) -> float:
    """Annual log return of the same decisions on another symbol, less holding it."""
    other, sessions = decisions.on(symbol), len(decisions.exposure)
    rows = np.vstack([np.arange(sessions), np.full(sessions, decisions.resting)])
    rule, hold = np.log1p(other.returns(rows))
    return float((rule - hold).mean() * year)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
