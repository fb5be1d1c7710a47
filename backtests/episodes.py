"""De-risk episodes: from the shock to the return of the money, and what the absence was worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.orders import DE_RISK, RENEWAL
from undertow.backtests.path import Path
from undertow.market.calendar import Decisions
from undertow.market.clock import HOUR, FloatArray, InstantArray, IntArray

COLUMNS = (
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
    "basket_return",
    "run_return",
    "return_avoided",
)


def episodes(exposure: FloatArray, shocks: InstantArray, decisions: Decisions, run: Path, hold: Path) -> pd.DataFrame:
    """One row for each stretch of sessions with exposure below 1.

    `exposure`, `shocks` and `decisions` (T,) are of the run's sessions; `hold` is the same basket without the rule.
    `shock` is when the trigger became known and `lag_hours` the hours from then to the fill, both blank where the
    strategy names no shock. `cash_raised` is the money sold to get there, `sold` the names by money. `re_entry` is
    the first session on which money went back, `end` the one on which all of it had; blank where the run ends first.
    `basket_return` and `run_return` run from the first fill to the last (the last close where the run ends first),
    and `return_avoided` is run less basket: positive where the absence paid, after its costs.
    """
    below = np.concatenate(([False], exposure < 1.0, [False]))
    starts = np.flatnonzero(below[1:-1] & ~below[:-2])
    ends = np.flatnonzero(below[1:-1] & ~below[2:]) + 1
    rows = [
        _episode(int(start), int(end), exposure, shocks, decisions, run, hold)
        for start, end in zip(starts, ends, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("shock", "decision"):
        table[column] = pd.to_datetime(table[column], utc=True).astype("datetime64[ns, UTC]")
    for column in ("session", "re_entry", "end"):
        table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
    return table


def _episode(
    start: int, end: int, exposure: FloatArray, shocks: InstantArray, decisions: Decisions, run: Path, hold: Path
) -> tuple[object, ...]:
    sessions = decisions.sessions
    over = end == len(exposure)
    shock = shocks[start]
    lag = float((decisions.filled_at[start] - shock) / HOUR) if not np.isnat(shock) else np.nan
    money, names = _sold(run, start, end)
    rises = np.flatnonzero(np.diff(exposure[start : end + 1]) > 0)
    basket, own = _between(hold, start, end), _between(run, start, end)
    return (
        shock,
        decisions.at[start],
        sessions[start],
        lag,
        1.0 - exposure[start:end].min(),
        money,
        len(names),
        ", ".join(run.tape.symbols[name] for name in names),
        sessions[start + 1 + rises[0]] if len(rises) else pd.NaT,
        pd.NaT if over else sessions[end],
        end - start,
        basket,
        own,
        own - basket,
    )


def _sold(run: Path, start: int, end: int) -> tuple[float, IntArray]:
    stocks = run.tape.stocks
    reasons = run.reasons[start:end, :stocks]
    # On a renewal the sales of that session serve the renewal and the rule at once; only the first session's count.
    for_cash = reasons == DE_RISK
    for_cash[0] |= reasons[0] == RENEWAL
    sold = np.where(for_cash & (run.amounts[start:end, :stocks] < 0), run.traded[start:end, :stocks], 0.0).sum(axis=0)
    names = np.flatnonzero(sold > 0)
    return float(sold.sum()), names[np.argsort(-sold[names], kind="stable")]


def _between(path: Path, start: int, end: int) -> float:
    last = path.before[end] if end < len(path.before) else path.values[-1]
    return float(last / path.before[start] - 1.0)
