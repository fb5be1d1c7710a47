"""The lag curve: what a basket did in the hours and sessions after shocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.runs import session_rows
from undertow.evidence.bootstrap import RESAMPLES
from undertow.evidence.lag.baskets import benchmark_symbol, read_basket
from undertow.evidence.lag.groups import event_groups, grouped
from undertow.evidence.lag.inference import FEWEST_EVENTS, POWER_QUANTILE, event_counts, largest_t, mean_band
from undertow.evidence.lag.influence import influence_of
from undertow.evidence.lag.points import (
    AFTER,
    BEFORE,
    BEFORE_POINTS,
    HOURS,
    POINTS,
    WINDOWS,
    BarPaths,
    Paths,
    Places,
    places_of,
    window_moves,
)
from undertow.evidence.lag.record import LagCurve
from undertow.evidence.lag.shocks import (
    Shocks,
    check_change,
    check_count,
    dated_shocks,
    hours_of,
    liquidation_shocks,
    price_shocks,
    signal_shocks,
)
from undertow.evidence.lag.truth import true_moves
from undertow.market import FloatArray, InstantArray, Market, ParameterError

_WEEK = np.timedelta64(7, "D").astype("timedelta64[ns]")
_FEWEST_SHIFTS = 20


def lag_curve(
    market: Market,
    *,
    basket: str | None = None,
    fall: float | None = None,
    rise: float | None = None,
    within: str = "24h",
    apart: str = "120h",
    asset: str = "BTC",
    top_liquidations: int | None = None,
    shock: str | None = None,
    events: Any = None,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    fixed_errors: bool = False,
) -> LagCurve:
    """What a basket did after shocks, by session and by the clock; see `LagCurve`.

    Timing: a shock counts from the instant at which it was known; the base is the last open or close at or before it.
    Hindsight: no decision reads it. NaN: an event with a missing price from three sessions before to five after is
    left out and counted; a symbol's missing price within its span is the price before it, counted too. Source:
    MacKinlay (1997) for event studies.

    Args:
        market: the market
        basket: a symbol, a universe, winners, losers, high-beta, low-beta, a file of weights, `a-b` or `a-beta*b`;
            None: the market's benchmark
        fall: simple fall of the close from the highest one before, a positive decimal; 0.10 where no shock is named
        rise: simple rise from the lowest one before, instead of `fall`
        within: length in which the highest or lowest close lies, such as "24h"
        apart: a shock less than this after the last accepted one belongs to it
        asset: asset of the shocks
        top_liquidations: number of days of the largest long liquidations, instead of `fall`
        shock: level of a signal, such as "liquidation-spike.rank >= 0.98", instead of `fall`
        events: file or list of UTC instants, instead of `fall`
        universe: universe of winners, losers, high-beta and low-beta
        start: first session
        end: last session
        seed: seed of the bootstrap, 0 or more
        resamples: number of resamples, 100 or more
        fixed_errors: studentise resamples by the standard error of the events, not by their own

    Raises `ParameterError` on a bad value, on two kinds of shocks and on fewer than five events, `UnknownNameError` on
    an unknown basket, `DataError` where the market lacks a feed.

        lag_curve(market, fall=0.10, basket="growth-QQQ").sentence()
    """
    # Checked before anything is computed.
    event_counts(1, resamples, seed)
    name = benchmark_symbol(market) if basket is None else basket
    rows = session_rows(market, start, end)
    chosen = read_basket(market, name, universe)
    shocks = _shocks(
        market,
        {"fall": fall, "rise": rise, "top_liquidations": top_liquidations, "shock": shock, "events": events},
        (hours_of("within", within), hours_of("apart", apart)),
        asset,
        universe,
    )
    paths = Paths(market, chosen, rows)
    counted, outside, unpriced = _counted(shocks, paths, rows, top_liquidations)
    if len(counted) < FEWEST_EVENTS:
        raise ParameterError(
            f"{len(counted)} {shocks.name} have {BEFORE} sessions before and {AFTER} after with prices of {name}, of"
            f" {len(shocks)} in all; it takes {FEWEST_EVENTS}: name smaller shocks or a longer span"
        )
    settings = {
        "basket": name,
        "shocks": shocks.name,
        "start": str(market.sessions[rows.start].date()),
        "end": str(market.sessions[rows.stop - 1].date()),
        "seed": seed,
        "resamples": resamples,
        "fixed_errors": fixed_errors,
        "before_span": outside,
        "without_prices": unpriced,
        "requested": top_liquidations,
        "carried_prices": sum(leg.carried for leg in (chosen.first, chosen.second) if leg is not None),
        "market": market.name,
    }
    return _curve(market, paths, counted, rows, settings)


def _shocks(market: Market, kinds: dict[str, Any], hours: tuple[float, float], asset: str, universe: str) -> Shocks:
    stated = [kind for kind, value in kinds.items() if value is not None]
    if len(stated) > 1:
        raise ParameterError(f"`{stated[0]}` and `{stated[1]}` are two kinds of shocks; name one")
    kind = stated[0] if stated else "fall"
    value = kinds[kind] if stated else 0.10
    if kind == "events":
        return dated_shocks(value, hours[1])
    if kind == "shock":
        return signal_shocks(market, str(value), hours[1], asset, universe)
    if kind == "top_liquidations":
        check_count("top_liquidations", value)
        return liquidation_shocks(market, asset)
    check_change(kind, value)
    return price_shocks(market, -value if kind == "fall" else value, *hours, asset)


def _counted(shocks: Shocks, paths: Paths, rows: slice, top: int | None) -> tuple[Shocks, int, int]:
    """The shocks that count, how many lie outside the span, and how many lack prices."""
    places = places_of(paths.instants, shocks.at)
    inside = (places.last - (2 * BEFORE - 1) >= 2 * rows.start) & (places.first + 2 * AFTER <= 2 * rows.stop)
    usable = paths.usable(places) & inside
    counted = np.flatnonzero(usable)
    lacking = inside & ~usable
    if top is not None:
        # The days of the highest ranks that count, by date.
        counted = counted[:top]
        counted = counted[np.argsort(shocks.at[counted])]
        name = f"{len(counted)} {shocks.name}"
        return Shocks(shocks.at[counted], shocks.sizes[counted], name), 0, 0
    return Shocks(shocks.at[counted], shocks.sizes[counted], shocks.name), int((~inside).sum()), int(lacking.sum())


def _curve(market: Market, paths: Paths, shocks: Shocks, rows: slice, settings: dict[str, Any]) -> LagCurve:
    places, known = places_of(paths.instants, shocks.at), shocks.at
    counts = event_counts(len(known), settings["resamples"], settings["seed"])
    fixed = bool(settings["fixed_errors"])
    points, raw_points = (paths.at_points(places, raw=raw) for raw in (False, True))
    split = len(BEFORE_POINTS)
    after = mean_band(points[:, split:], counts, fixed_errors=fixed)
    before = mean_band(points[:, :split], counts, fixed_errors=fixed)
    clock_paths, hourly = _clock_paths(market, paths, known, rows)
    clock, raw_clock = (clock_paths.by_clock(known, raw=raw) for raw in (False, True))
    hours = mean_band(clock, counts, fixed_errors=fixed)
    moves, raw_moves = (
        window_moves(paths, values, places, raw=raw) for raw, values in ((False, clock), (True, raw_clock))
    )
    windows = mean_band(moves, counts, fixed_errors=fixed)
    nothing = np.full(split, np.nan)
    table = pd.DataFrame(
        {
            "mean": np.concatenate((before.mean, after.mean)),
            "raw_mean": raw_points.mean(axis=0),
            "low": np.concatenate((before.low, after.low)),
            "high": np.concatenate((before.high, after.high)),
            "band_low": np.concatenate((nothing, after.band_low)),
            "band_high": np.concatenate((nothing, after.band_high)),
            # At S1's open a shock that came within a session could be traded too, at that session's close already.
            "tradable": [False] * split + [True] * len(POINTS),
        },
        index=pd.Index((*BEFORE_POINTS, *POINTS), name="point"),
    )
    truth = true_moves(market, paths.basket, places, rows)
    if truth is not None:
        table["truth"] = truth
    best = POINTS[after.best]
    return LagCurve(
        events=pd.DataFrame(
            {
                "known_at": pd.DatetimeIndex(known, tz="UTC"),
                "size": shocks.sizes,
                "within_session": places.within_session,
                "move": points[:, split + after.best],
                "24-48h": moves[:, 0],
            }
        ),
        table=table,
        windows=pd.DataFrame(
            {"mean": windows.mean, "raw_mean": raw_moves.mean(axis=0), "low": windows.low, "high": windows.high},
            index=pd.Index(WINDOWS, name="window"),
        ),
        clock=pd.DataFrame(
            {"mean": hours.mean, "raw_mean": raw_clock.mean(axis=0), "low": hours.low, "high": hours.high},
            index=pd.Index(HOURS, name="hours"),
        ),
        hourly=hourly,
        best=best,
        critical=after.critical,
        p_best=after.p_best,
        p_shift=_shift_share(paths, known, rows),
        detectable=after.detectable,
        detectable_window=float((windows.high[0] - windows.low[0]) / 2.0 + POWER_QUANTILE * windows.error[0]),
        influence=influence_of(points[:, split:], known, after, fixed, settings["resamples"], settings["seed"]),
        groups=grouped(
            np.column_stack((points[:, split], moves[:, WINDOWS.index("S1 open to S2 close")], moves[:, 0])),
            event_groups(market, known, places.within_session),
            settings["resamples"],
            settings["seed"],
        ),
        settings=settings,
    )


def _clock_paths(market: Market, paths: Paths, known: InstantArray, rows: slice) -> tuple[Paths | BarPaths, bool]:
    """Bars of the symbol where they cover every event, else opens and closes."""
    symbol = paths.basket.symbol
    if symbol and market.feeds_of("bars", symbol):
        bars = BarPaths(market, symbol, rows)
        if bars.covers(known):
            return bars, True
    return paths, False


def _shift_share(paths: Paths, known: InstantArray, rows: slice) -> float:
    """The share of whole-week circular shifts with a largest |t| as large.

    The events keep their distances, weekday and hour, and lose their tie to the market. NaN for fewer than 20 shifts.
    """
    halves = paths.instants[2 * rows.start : 2 * rows.stop]
    usable_halves = halves[paths.usable(places_of(paths.instants, halves))]
    first, last = usable_halves[0], max(usable_halves[-1], known.max())
    weeks = int((last - first) // _WEEK)
    if weeks < _FEWEST_SHIFTS:
        return float("nan")
    span = weeks * _WEEK
    since = (known - first) % span
    shifted = first + (since[None, :] + np.arange(weeks)[:, None] * _WEEK) % span
    places = places_of(paths.instants, shifted.ravel())
    usable = np.array(paths.usable(places).reshape(shifted.shape).all(axis=1), dtype=np.bool_)
    usable[0] = True
    statistic = largest_t(_shifted_points(paths, places).reshape(*shifted.shape, len(POINTS))[usable])
    own = largest_t(_shifted_points(paths, places_of(paths.instants, known))[None])[0]
    others = statistic[1:]
    if len(others) < _FEWEST_SHIFTS:
        return float("nan")
    return float((1 + np.count_nonzero(others >= own)) / (1 + len(others)))


def _shifted_points(paths: Paths, places: Places) -> FloatArray:
    count = len(paths.instants)
    after = np.minimum(places.first[:, None] + np.arange(2 * AFTER), count - 1)
    return paths.moves(after, places.base, np.nan_to_num(paths.betas(places.base), nan=1.0))
