"""The link of an asset and a basket at the closes of the exchange."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs import session_rows
from undertow.evidence.lag.baskets import benchmark_symbol, read_basket
from undertow.evidence.lag.shocks import liquidation_feed, liquidation_ranks
from undertow.evidence.link.correlation import (
    adjusted_correlation,
    bartlett_lags,
    correlation_interval,
    difference_p,
    two_sided_slopes,
)
from undertow.evidence.link.record import Linkage
from undertow.market import (
    BoolArray,
    DataError,
    FloatArray,
    InstantArray,
    IntArray,
    Market,
    ParameterError,
    align,
    decisions,
)

# A week with a day of liquidations in the top twentieth of its venue regime is a liquidation week.
HIGH_RANK = 0.95
LEADS = (-3, -2, -1, 0, 1, 2, 3)
_FEWEST_SESSIONS = 60


def linkage(
    market: Market,
    *,
    basket: str | None = None,
    asset: str = "BTC",
    universe: str = "growth",
    split: str = "2020-01-01",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    seed: int = 0,
    resamples: int = 0,
) -> Linkage:
    """How an asset and a basket move together; see `Linkage`.

    Timing: log returns between consecutive closes of the exchange (half days too), the asset as of the same instants.
    Hindsight: no decision reads it. NaN: a session without a price at either end is left out and counted. Source:
    Newey and West (1987, 1994), Forbes and Rigobon (2002), Granger (1969).

    Args:
        market: the market
        basket: as in `lag_curve`, without a beta; None: the market's benchmark
        asset: asset of the bars
        universe: universe of winners, losers, high-beta and low-beta
        split: first day of the second part of the weekends
        start: first session
        end: last session
        seed: not used, nothing is drawn; for one signature of all evidence
        resamples: not used either

    Raises `ParameterError` on a bad value and on fewer than 60 sessions with both returns, `UnknownNameError` on an
    unknown basket, `DataError` where the market has no bars of the asset.

        linkage(market, basket="QQQ").by_year
    """
    name = benchmark_symbol(market) if basket is None else basket
    rows = session_rows(market, start, end)
    chosen = read_basket(market, name, universe)
    if chosen.beta:
        raise ParameterError(f"`basket` {name}: the link is measured without a beta; name {name.replace('beta*', '')}")
    second = np.zeros(2 * len(market.sessions)) if chosen.second is None else chosen.second.steps
    steps = (chosen.first.steps - second)[2 * rows.start : 2 * rows.stop]
    calendar = market.calendar.slice(market.sessions[rows.start], market.sessions[rows.stop - 1])
    bars = market.bars(asset)
    levels = np.log(align(bars.known_at, bars["close"], calendar.closes, tolerance=bars.tolerance))
    own = (steps[0::2] + steps[1::2])[1:]
    other = np.diff(levels)
    present = np.isfinite(own) & np.isfinite(other)
    if present.sum() < _FEWEST_SESSIONS:
        raise ParameterError(
            f"{int(present.sum())} sessions have a return of {name} and of {asset}; the link takes {_FEWEST_SESSIONS}"
        )
    sessions = calendar.sessions[1:]
    years = sessions.year.to_numpy()
    before_open = decisions(calendar, "open").at
    morning = np.log(align(bars.known_at, bars["close"], before_open, tolerance=bars.tolerance))
    return Linkage(
        by_year={
            str(year): correlation_interval(other[chosen_year], own[chosen_year])
            for year in np.unique(years)
            for chosen_year in [present & (years == year)]
        },
        span=correlation_interval(other[present], own[present]),
        lead_lag={lead: _led(other, own, lead) for lead in LEADS},
        weeks=_weeks(market, sessions, other, own, asset),
        weekend=_weekend(calendar.sessions, morning[1:] - levels[:-1], steps, split),
        granger=_granger(other[present], own[present]),
        settings={
            "basket": name,
            "asset": asset,
            "split": str(pd.Timestamp(split).date()),
            "start": str(calendar.sessions[0].date()),
            "end": str(calendar.sessions[-1].date()),
            "sessions": int(present.sum()),
            "left_out": int((~present).sum()),
            "hac_lags": bartlett_lags(int(present.sum())),
            "market": market.name,
            "seed": seed,
            "resamples": resamples,
        },
    )


def _led(other: FloatArray, own: FloatArray, lead: int) -> dict[str, float]:
    """Correlation of the basket with the asset `lead` sessions earlier."""
    count = len(own)
    x = other[: count - lead] if lead >= 0 else other[-lead:]
    y = own[lead:] if lead >= 0 else own[: count + lead]
    both = np.isfinite(x) & np.isfinite(y)
    return correlation_interval(x[both], y[both])


def _weeks(
    market: Market, sessions: pd.DatetimeIndex, other: FloatArray, own: FloatArray, asset: str
) -> dict[str, Any]:
    """Weeks with a day of large liquidations against the others of the feed's span."""
    try:
        feed = liquidation_feed(market, asset)
    except DataError:
        return {}
    ranks = liquidation_ranks(feed)
    ranked = np.isfinite(ranks)
    week_of_day = _week_numbers(feed.times[ranked])
    high = np.unique(week_of_day[ranks[ranked] >= HIGH_RANK])
    week = _week_numbers(np.asarray(sessions, dtype="datetime64[ns]"))
    both = np.isfinite(own) & np.isfinite(other) & np.isin(week, week_of_day)
    volatile: BoolArray = both & np.isin(week, high)
    calm: BoolArray = both & ~np.isin(week, high)
    if volatile.sum() < 2 or calm.sum() < 2:
        return {}
    first, second = (correlation_interval(other[part], own[part]) for part in (volatile, calm))
    ratio = float(other[volatile].var(ddof=1) / other[calm].var(ddof=1))
    return {
        "liquidation": first | {"weeks": len(np.unique(week[volatile]))},
        "calm": second | {"weeks": len(np.unique(week[calm]))},
        "variance_ratio": ratio,
        "adjusted": adjusted_correlation(first["r"], ratio),
        "p_difference": difference_p(first, second),
    }


def _week_numbers(days: InstantArray) -> IntArray:
    """The number of the week of each day, from Saturday on.

    Monday's return has the weekend in it.
    """
    # 1970-01-01 was a Thursday.
    return (days.astype("datetime64[D]").astype(np.int64) + 5) // 7


def _weekend(sessions: pd.DatetimeIndex, weekend: FloatArray, steps: FloatArray, split: str) -> dict[str, Any]:
    """Monday's gap and session on the asset's move over the weekend."""
    days = np.asarray(sessions, dtype="datetime64[D]").astype(np.int64)
    # Day 4 is Monday 1970-01-05.
    mondays = (days[1:] % 7 == 4) & (np.diff(days) == 3)
    after = np.asarray(sessions[1:] >= pd.Timestamp(split))
    parts = {"all": mondays, "before": mondays & ~after, "after": mondays & after}
    responses = {"gap": steps[0::2][1:], "session": steps[1::2][1:]}
    return {
        response: {
            part: two_sided_slopes(weekend[rows], values[rows])
            for part, chosen in parts.items()
            for rows in [chosen & np.isfinite(weekend) & np.isfinite(values)]
        }
        for response, values in responses.items()
    }


def _granger(other: FloatArray, own: FloatArray) -> dict[str, dict[str, float]]:
    """p-values of Granger's F test with one to three lags, in both directions."""
    from statsmodels.tsa.stattools import grangercausalitytests

    result: dict[str, dict[str, float]] = {}
    for direction, pair in (("asset_first", (own, other)), ("basket_first", (other, own))):
        tests = grangercausalitytests(np.column_stack(pair), maxlag=3)
        result[direction] = {str(lag): float(test[0]["ssr_ftest"][1]) for lag, test in tests.items()}
    return result
