"""Sentences on the data behind a run's figures: gaps, spans, errors of prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.metrics import known_span, short_window
from undertow.market import FloatArray, is_extreme, split_ratio

# The most moves that a result lists, the largest.
MOST_MOVES = 100
# The account of a search that holds the names without a rule.
BASKET = "basket"
# Sessions in a row without any return of the cash symbol that are reported.
IDLE_CASH_SESSIONS = 60
# Average share of cash in the basket without the rule, which wants none, that is reported.
_IDLE_MONEY = 0.02
_NAMED, _LISTED = 8, 5


def data_notes(
    series: pd.DataFrame, counts: Mapping[str, Any], *, benchmark: str | None, cash: str | None, fill: str
) -> tuple[str, ...]:
    """What a reader of a run's figures has to know about their data, a sentence each.

    Args:
        series: `Run.series`.
        counts: `Run.counts`.
        benchmark: symbol of the benchmark.
        cash: symbol of cash.
        fill: "open" or "close".
    """
    reason = short_window(len(series))
    sentences = (
        f"{reason}: they are blank" if reason else "",
        moves_sentence([*counts.get("moves", ()), *benchmark_moves(series["benchmark_return"], benchmark)]),
        benchmark_sentence(series["benchmark_return"], benchmark),
        cash_sentence(series["cash_return"], cash),
        idle_sentence(series, counts.get("never_filled", ()), fill),
        weights_sentence(counts.get("weights_without_price", {})),
        hedge_sentence(int(counts.get("hedge_sessions_without_price", 0)), len(series)),
    )
    return tuple(sentence for sentence in sentences if sentence)


def move_record(symbol: str, session: pd.Timestamp, change: float) -> dict[str, Any]:
    """An extreme move as plain values: symbol, session, decimal change, nearest split.

    `split` is the ratio of a split that the change is close to, or ""; `held_by` names the accounts that held it.
    """
    return {
        "symbol": symbol,
        "session": f"{session:%Y-%m-%d}",
        "change": round(change, 4),
        "split": split_ratio(change),
        "held_by": [],
    }


def benchmark_moves(returns: pd.Series, symbol: str | None) -> list[dict[str, Any]]:
    """The extreme moves of the benchmark, as `Run.moves` has them."""
    changes = returns.to_numpy(dtype=np.float64)
    return [
        {**move_record(str(symbol), returns.index[int(row)], float(changes[row])), "held_by": ["benchmark"]}
        for row in np.flatnonzero(is_extreme(changes))
    ]


def moves_sentence(moves: Sequence[Mapping[str, Any]]) -> str:
    """The extreme moves in one sentence, largest first; empty without any."""
    if not moves:
        return ""
    ordered = sorted(moves, key=lambda move: -abs(move["change"]))
    listed = "; ".join(map(move_text, ordered[:_LISTED]))
    further = f"; {len(moves) - _LISTED:,} more in `moves`" if len(moves) > _LISTED else ""
    number = f"{MOST_MOVES:,} or more" if len(moves) >= MOST_MOVES else f"{len(moves):,}"
    return (
        f"{number} extreme move{'s' if len(moves) > 1 else ''} of names that were held, real or errors of the prices"
        f" behind the figures: {listed}{further}"
    )


def move_text(move: Mapping[str, Any]) -> str:
    """`AAA +300.0% on 2021-07-01, close to a split of 1:4`, and the holder if another."""
    split = f", close to a split of {move['split']}" if move["split"] else ""
    holders = move["held_by"]
    if "benchmark" in holders:
        holder = " (the benchmark)"
    else:
        holder = "" if {"run", BASKET} & set(holders) else f" (in {holders[0]} alone)"
    return f"{move['symbol']} {move['change']:+,.1%} on {move['session']}{split}{holder}"


def benchmark_sentence(returns: pd.Series, symbol: str | None) -> str:
    """The span of the benchmark's figures where it is not the run's; else empty."""
    if symbol is None or returns.notna().all():
        return ""
    span = valued_sessions(returns)
    if span is None:
        return f"{symbol}, the benchmark, has no prices in these sessions: its figures are blank"
    return f"figures of {symbol}, the benchmark, are those of {span_text(span)}, on which it has prices"


def cash_sentence(returns: pd.Series, symbol: str | None) -> str:
    """The sessions on which the cash symbol has no price, or no return; else empty."""
    if symbol is None:
        return ""
    values, span = returns.to_numpy(dtype=np.float64), valued_sessions(returns)
    if np.isnan(values).all():
        return (
            f"{symbol}, the cash symbol, has no prices in these sessions: cash earned nothing, and the Sharpe ratio"
            " over cash is blank"
        )
    parts = []
    if span is not None:
        parts.append(
            f"has prices on {span_text(span)}: cash earned nothing on the others, and the Sharpe ratio over cash is"
            " that of its span"
        )
    idle = longest_idle(values[np.isfinite(values)])
    if idle >= IDLE_CASH_SESSIONS:
        parts.append(f"has no return on {idle:,} sessions in a row: its prices may miss its payments")
    return f"{symbol}, the cash symbol, {'; it '.join(parts)}" if parts else ""


def idle_sentence(series: pd.DataFrame, never: Sequence[str], fill: str) -> str:
    """The money that lay idle for want of prices, and names never filled; or empty.

    Idle is what the basket without the rule, which wants to be in stocks throughout, had in cash: a rule that raises
    cash, hedges or stops has cash that it wants.

    Args:
        series: `Run.series`.
        never: names of the universe that had closes, and no price at the fill.
        fill: "open" or "close".
    """
    idle = float(series["hold_cash_share"].mean()) if "hold_cash_share" in series else 0.0
    parts = []
    if idle > _IDLE_MONEY:
        parts.append(f"{idle:.1%} of buy-and-hold lay idle on average, for want of prices to be filled at")
    if never:
        names = ", ".join(never[:_NAMED]) + (f" and {len(never) - _NAMED:,} more" if len(never) > _NAMED else "")
        remedy = "; `--fill close` can buy them" if fill == "open" else ""
        verb = "name has" if len(never) == 1 else "names have"
        parts.append(
            f"{len(never):,} {verb} closes and no price at the {fill}, so no order was filled: {names}{remedy}"
        )
    return "; ".join(parts)


def hedge_sentence(missing: int, sessions: int) -> str:
    """The sessions on which the hedge had no price; empty without any."""
    if not missing:
        return ""
    return f"the symbol sold short has no price on {missing:,} of {sessions:,} sessions on which the rule had a hedge"


def weights_sentence(counts: Mapping[str, int]) -> str:
    """The names of stated weights that had no price at rebalances; empty without any."""
    if not counts:
        return ""
    listed = ", ".join(f"{name} at {count:,}" for name, count in list(counts.items())[:_NAMED])
    further = f" and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else ""
    return (
        f"stated weights without a price in the week before, spread over the other names, by rebalances: {listed}"
        f"{further}"
    )


def longest_idle(returns: FloatArray) -> int:
    """The longest row of sessions whose return is 0."""
    longest = current = 0
    for value in returns:
        current = current + 1 if value == 0.0 else 0
        longest = max(longest, current)
    return longest


def valued_sessions(returns: pd.Series) -> dict[str, Any] | None:
    """First and last session with a return, their number, and that of all.

    None where every session has a return, or none has.
    """
    values = returns.to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if known.all() or not known.any():
        return None
    rows, index = known_span(values), returns.index
    return {
        "first": f"{index[rows.start]:%Y-%m-%d}",
        "last": f"{index[rows.stop - 1]:%Y-%m-%d}",
        "sessions": int(known.sum()),
        "of": len(returns),
    }


def span_text(span: Mapping[str, Any]) -> str:
    """`2021-03-01 to 2021-12-31 (210 of 252 sessions)`."""
    return f"{span['first']} to {span['last']} ({span['sessions']:,} of {span['of']:,} sessions)"


def hold_label(rebalance: str) -> str:
    """`buy-and-hold`, with its rebalancing where it has one."""
    return "buy-and-hold" if rebalance == "never" else f"buy-and-hold, rebalanced {rebalance}"


def hold_sentence(rebalance: str) -> str:
    """What buy-and-hold does with its weights; empty where it leaves them alone."""
    if rebalance == "never":
        return ""
    return (
        f"buy-and-hold is the same basket without the rule, rebalanced {rebalance} as the run is; `--rebalance never`"
        " buys it once and leaves it alone"
    )
