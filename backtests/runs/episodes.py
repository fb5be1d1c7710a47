"""De-risk episodes: from the shock to the return of the money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.backtests.kernel.path import AccountPath
from undertow.backtests.kernel.state import DE_RISK, REBALANCE
from undertow.market import HOUR, BoolArray, Decisions, FloatArray, InstantArray, IntArray
from undertow.strategies import Decision

# A return below this is rounding: values agree to all but a few of sixteen digits.
_ROUNDING = 1e-13
EPISODE_COLUMNS = (
    "shock",
    "decision",
    "session",
    "lag_hours",
    "cash_target",
    "cash_raised",
    "names_sold",
    "sold",
    "re_entry",
    "end",
    "sessions",
    "gap_return",
    "waited_return",
    "basket_return",
    "run_return",
    "return_avoided",
    "tier",
    "label",
)


@dataclass(frozen=True, eq=False)
class Acting:
    """The state of a rule on every session of a run (T,).

    Args:
        active: whether the rule acts.
        exposure: target share of capital in stocks, net of short positions.
        stocks: target share of capital in stocks, without short positions.
        shocks: instant at which the trigger became known, NaT without one.
        tiers: name of the tier, empty for a strategy without tiers.
        labels: type of shock, empty for a strategy without tiers.
        before: whether the rule acted on the session before the first one, or there is none.
    """

    active: BoolArray
    exposure: FloatArray
    stocks: FloatArray
    shocks: InstantArray
    tiers: npt.NDArray[np.object_]
    labels: npt.NDArray[np.object_]
    before: bool


@dataclass(frozen=True, eq=False)
class EpisodeClock:
    """Decisions, opens, closes and overnight returns of the basket, each (T,)."""

    decisions: Decisions
    opens: InstantArray
    closes: InstantArray
    overnight: FloatArray


def episodes(acting: Acting, clock: EpisodeClock, run: AccountPath, hold: AccountPath) -> pd.DataFrame:
    """One row for each period in which the rule acts.

    A rule acts with less in stocks, or in a tier above calm. A period that was under way when the run began, and in
    which nothing is sold, is none: it has neither a shock nor a sale. `shock` is the instant at which the
    trigger became known and `lag_hours` the hours from then to the fill, both missing where the strategy names no shock
    or no alarm began.
    `cash_target` is the largest share out of stocks, net of short positions; `cash_raised` the stocks sold to reach it,
    from the last rise of exposure before it on, without the sales of a rebalance; `sold` the names by money. `re_entry`
    is the first session on which money returned, `end` the one by which all of it had; missing where the run ends
    first.

    `gap_return` is the basket's return from the last close before the shock to the next open, which nobody could trade;
    0 for a shock during a session. `waited_return` continues from there (for a shock during a session from that
    session's close, the first price after it) to the first fill: tradable, and lost to the lag. `basket_return` and
    `run_return` are from the first fill to the last (the last close where the run ends first), and `return_avoided` is
    run less basket: positive where the absence paid, after its costs. `tier` is the one with the lowest exposure,
    `label` the type of shock at the start.

    Args:
        acting: state of the rule on every session.
        clock: decisions, opens and closes of the sessions.
        run: account of the strategy.
        hold: account of the same basket without the rule.
    """
    on = np.concatenate(([False], acting.active, [False]))
    starts = np.flatnonzero(on[1:-1] & ~on[:-2])
    ends = np.flatnonzero(on[1:-1] & ~on[2:]) + 1
    net, stocks = acting.exposure[:, None], acting.stocks[:, None]
    inherited = under_way(acting.active[:, None], net, stocks, np.array([acting.before]))[0]
    spans = [*zip(starts.tolist(), ends.tolist(), strict=True)][int(inherited) :]
    rows = [_episode(start, end, acting, clock, run, hold) for start, end in spans]
    table = pd.DataFrame(rows, columns=list(EPISODE_COLUMNS))
    for column in ("shock", "decision"):
        table[column] = pd.to_datetime(table[column], utc=True).astype("datetime64[ns, UTC]")
    for column in ("session", "re_entry", "end"):
        table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
    return table


def acted_before(decision: Decision, first: int) -> BoolArray:
    """Whether each set (P,) acted on the session before row `first`, or there is none."""
    return np.ones(decision.exposure.shape[1], np.bool_) if first == 0 else decision.acting[first - 1]


def under_way(active: BoolArray, net: FloatArray, stocks: FloatArray, before: BoolArray) -> BoolArray:
    """Which sets (P,) begin within an episode that is not theirs.

    It was under way before the first session, and nothing is sold in it, neither stocks nor short.

    Args:
        active: the sessions (T, P) on which a rule acts.
        net: target share of capital in stocks, net of short positions (T, P).
        stocks: the same without short positions (T, P).
        before: whether each rule acted on the session before the first one, or there is none (P,).
    """
    first = np.logical_and.accumulate(active, axis=0)
    sold = (first[1:] & (net[1:] < net[:-1])).any(axis=0) | (net[0] < stocks[0])
    return np.asarray(first[0] & before & ~sold)


def _episode(
    start: int, end: int, acting: Acting, clock: EpisodeClock, run: AccountPath, hold: AccountPath
) -> tuple[object, ...]:
    exposure, sessions = acting.exposure, clock.decisions.sessions
    over = end == len(exposure)
    shock = acting.shocks[start]
    lag = float((clock.decisions.filled_at[start] - shock) / HOUR) if not np.isnat(shock) else np.nan
    money, names = _sold(run, acting.stocks, start, end)
    rises = np.flatnonzero(np.diff(exposure[start : end + 1]) > 0)
    basket, ruled = _between(hold, start, end), _between(run, start, end)
    gap, waited = _before(start, shock, clock, hold)
    return (
        shock,
        clock.decisions.at[start],
        sessions[start],
        lag,
        1.0 - exposure[start:end].min(),
        money,
        len(names),
        ", ".join(run.grid.symbols[name] for name in names),
        sessions[start + 1 + rises[0]] if len(rises) else pd.NaT,
        pd.NaT if over else sessions[end],
        end - start,
        gap,
        waited,
        basket,
        ruled,
        _rounded(ruled - basket),
        acting.tiers[start + int(exposure[start:end].argmin())],
        acting.labels[start],
    )


def _before(start: int, shock: np.datetime64, clock: EpisodeClock, hold: AccountPath) -> tuple[float, float]:
    """The basket's return in the gap after a shock, and from there to the fill."""
    if np.isnat(shock) or shock < clock.closes[0]:
        return float("nan"), float("nan")
    last = int(np.searchsorted(clock.closes, shock, side="right")) - 1
    after = last + 1
    if after >= len(clock.closes) or after > start:
        return float("nan"), float("nan")
    if shock > clock.opens[after]:
        return 0.0, _rounded(hold.before[start] / hold.values[after] - 1.0) if start > after else 0.0
    gap = float(clock.overnight[after])
    return gap, _rounded(hold.before[start] / (hold.values[last] * (1.0 + gap)) - 1.0)


def _sold(run: AccountPath, exposure: FloatArray, start: int, end: int) -> tuple[float, IntArray]:
    stocks = run.grid.stocks
    change = np.diff(exposure[:end], prepend=1.0)
    low = start + int(exposure[start:end].argmin())
    risen = start + np.flatnonzero(change[start : low + 1] > 0.0)
    rows = slice(int(risen[-1]) if len(risen) else start, low + 1)
    sales = np.where(run.amounts[rows, :stocks] < 0, run.traded[rows, :stocks], 0.0)
    reasons = run.reasons[rows, :stocks]
    for_cash = np.where(reasons == DE_RISK, sales, 0.0)
    # On a rebalance the sales of a session serve the rebalance and the rule at once: the rule's part is its request.
    rebalancing = np.where(reasons == REBALANCE, sales, 0.0)
    requested = np.maximum(0.0, -change[rows]) * run.before[rows]
    total = rebalancing.sum(axis=1)
    part = np.minimum(1.0, np.divide(requested, total, out=np.zeros_like(requested), where=total > 0.0))
    sold = (for_cash + rebalancing * part[:, None]).sum(axis=0)
    names = np.flatnonzero(sold > 0)
    return float(sold.sum()), names[np.argsort(-sold[names], kind="stable")]


def _between(path: AccountPath, start: int, end: int) -> float:
    last = path.before[end] if end < len(path.before) else path.values[-1]
    return _rounded(last / path.before[start] - 1.0)


def _rounded(change: float) -> float:
    """A return, 0 where it is only rounding."""
    return float(change) if abs(change) > _ROUNDING else 0.0
