"""The simulator: a seeded market with a known effect, or with none.

The effect is that of forced crypto selling on growth stocks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.market.clock import BoolArray, instants
from undertow.market.errors import ParameterError
from undertow.market.market import Market, sort_feeds
from undertow.market.simulator.clock import make_clock, random_streams
from undertow.market.simulator.crypto import crypto_feeds, simulate_crypto
from undertow.market.simulator.episodes import draw_episodes
from undertow.market.simulator.equities import (
    BENCHMARK,
    CASH,
    Names,
    draw_factor,
    draw_names,
    make_prices,
    ordinary_returns,
    pressure_weights,
)
from undertow.market.simulator.macro import draw_rates, macro_feeds
from undertow.market.simulator.pressure import (
    AT_THE_OPEN,
    LAG_SD_HOURS,
    basket_impact,
    find_cascades,
    land_selling,
)
from undertow.market.truth import Truth
from undertow.market.universe import Universe

EFFECT, LAG_HOURS = 1.0, 36.0


def simulate_market(
    *,
    seed: int = 7,
    years: float = 6,
    effect: float = EFFECT,
    lag_hours: float = LAG_HOURS,
    at_the_open: float = AT_THE_OPEN,
    names: int = 40,
    start: str = "2018-01-02",
) -> Market:
    """Simulate a market in which BTC cascades cause equity selling, or do not.

    BTC has stochastic volatility, jumps and a leveraged long book that is force-closed when the price falls through its
    liquidation prices. Each cascade sells growth stocks with a normal lag (mean `lag_hours`, standard deviation 8
    hours, cut off below zero) on the 24/7 clock; orders that arrive while the exchange is closed wait for the open: the
    share `at_the_open` of them is in the opening print, which a rule that sells at that open does not escape, and the
    rest is worked over the day. Last quarter's winners and high betas fall most, and three quarters of the fall are
    bought back over the following sessions. Macro falls, falls in which stocks lead, and divergences occur with any
    effect. Crypto begins 90 days before `start`.

    Timing: every feed carries `known_at` like a loaded folder's. Markets that differ only in `effect`, `lag_hours` or
    `at_the_open` have equal crypto feeds, names and halts; equal arguments give an equal fingerprint in every process.

    Args:
        seed: seed of every random stream, 0 or more.
        years: years of sessions, in (0.5, 30].
        effect: in [0, 20]; 1 takes the basket down 2-7.5 % a cascade, 0 is no effect.
        lag_hours: mean lag of the selling, in [0, 240] hours.
        at_the_open: share of waiting orders that is in the opening print, in [0, 1].
        names: number of growth stocks, in [5, 500].
        start: date of the first session.

    Raises `ParameterError`, naming the parameter, its rule and the value.

    >>> market = simulate_market(seed=7, years=1, names=5)
    >>> market.name, market.truth.lag_hours, sorted(market.universes)
    ('simulated-seed7', 36.0, ['defensive', 'growth'])
    """
    first = _check_arguments(seed, years, effect, lag_hours, at_the_open, names, start)
    rng, clock = random_streams(seed), make_clock(first, years)
    sessions = len(clock.calendar.sessions)
    episodes = draw_episodes(clock, rng["episodes"], years)
    factor = draw_factor(rng["factor"], sessions)
    crypto = simulate_crypto(clock, rng, episodes.btc, factor)

    cascades = find_cascades(crypto, np.datetime64(clock.calendar.sessions[0], "ns"))
    impact = effect * basket_impact(cascades.pop("share").to_numpy())
    pressure = land_selling(instants(cascades["time"]), impact, clock, lag_hours, at_the_open)

    listing = draw_names(rng["names"], names, sessions)
    returns = ordinary_returns(listing, factor + episodes.equity, rng["returns"])
    returns += pressure.total[:, :, None] * pressure_weights(listing, returns)[:, None, :]
    rates = draw_rates(rng["macro"], sessions)
    prices = make_prices(clock, listing, returns, rates["DTB3"], rng)
    index = prices.close[:, prices.columns_of([BENCHMARK])[0]]
    macro = macro_feeds(clock, rates, np.diff(np.log(index), prepend=np.log(index[0])), rng["macro"])

    return Market(
        name=_name(seed, effect, lag_hours, at_the_open),
        prices=prices,
        feeds=sort_feeds([*crypto_feeds(crypto, rng), *macro]),
        universes=_universes(listing, clock.calendar.sessions),
        benchmark=BENCHMARK,
        cash=CASH,
        truth=Truth(
            seed=seed,
            effect=effect,
            lag_hours=lag_hours,
            lag_sd_hours=LAG_SD_HOURS,
            at_the_open=at_the_open,
            events=cascades.assign(equity_impact=impact),
            pressure=pressure.total.sum(axis=1),
            selling=pressure.selling,
            episodes=episodes.table,
        ),
    )


def _name(seed: int, effect: float, lag_hours: float, at_the_open: float) -> str:
    """The market's name, with every setting that is not the default."""
    suffixes = [f"effect{effect:g}"] if effect != EFFECT else []
    suffixes += [f"lag{lag_hours:g}h"] if lag_hours != LAG_HOURS else []
    suffixes += [f"open{at_the_open:g}"] if at_the_open != AT_THE_OPEN else []
    return "-".join([f"simulated-seed{seed}", *suffixes])


def _universes(names: Names, sessions: pd.DatetimeIndex) -> dict[str, Universe]:
    starts = pd.Series(sessions[names.first]).where(names.first > 0)
    ends = pd.Series(sessions[names.last]).where(names.last < len(sessions) - 1)
    spans = pd.DataFrame({"symbol": names.symbols, "start": starts, "end": ends})
    growth: BoolArray = np.arange(len(spans)) < names.growth
    groups = {"growth": spans[growth], "defensive": spans[~growth]}
    return {name: Universe(name, group.reset_index(drop=True)) for name, group in groups.items()}


def _check_arguments(
    seed: int, years: float, effect: float, lag_hours: float, at_the_open: float, names: int, start: str
) -> pd.Timestamp:
    rules = (
        ("seed", seed, _whole(seed, 0, np.inf), "a whole number, 0 or more"),
        ("years", years, _within(years, 0.5, 30) and years > 0.5, "in (0.5, 30] years"),
        # Above this a name can lose all its value in one cascade, and a price must be positive.
        ("effect", effect, _within(effect, 0, 20), "in [0, 20]; 1 is the default size, 0 is no effect"),
        ("lag_hours", lag_hours, _within(lag_hours, 0, 240), "in [0, 240] hours"),
        ("at_the_open", at_the_open, _within(at_the_open, 0, 1), "a share in [0, 1]"),
        ("names", names, _whole(names, 5, 500), "a whole number in [5, 500] stocks"),
    )
    for name, value, holds, rule in rules:
        if not holds:
            raise ParameterError(f"`{name}` must be {rule}, got {value!r}")
    try:
        first = pd.Timestamp(start)
    except (ValueError, TypeError):
        raise ParameterError(f"`start` must be a date such as 2018-01-02, got {start!r}") from None
    if pd.isna(first) or first.tz is not None or not 1990 <= first.year <= 2100:
        raise ParameterError(f"`start` must be a date without a zone from 1990 to 2100, got {start!r}")
    return first.normalize()


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and bool(low <= value <= high)


def _whole(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | np.integer) and bool(low <= value <= high)
