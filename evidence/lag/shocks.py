"""Shocks: falls, rises, days of liquidations, levels of a signal, dated events."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from undertow.market import (
    DataError,
    Feed,
    FloatArray,
    InstantArray,
    Market,
    ParameterError,
    UnknownNameError,
    check_whole,
    coarsen,
    instants,
    is_number,
    safe_text,
)

_LENGTH = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(h|d)?\s*$")
_CONDITION = re.compile(r"^\s*([\w-]+)(?:\.(\w+))?\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*$")
_LONGEST_HOURS = 8_760.0
# Days of liquidations lie at least so far apart.
LIQUIDATION_DAYS_APART = 120.0


@dataclass(frozen=True, eq=False)
class Shocks:
    """Shocks by the instant at which they were known.

    Args:
        at: when each shock was known (n,), sorted, UTC.
        sizes: its size (n,): the change of price, the rank of a day, the value of a signal; NaN for dated events.
        name: what they are, in words, plural.
    """

    at: InstantArray
    sizes: FloatArray
    name: str

    def __len__(self) -> int:
        return len(self.at)


def hours_of(name: str, length: str | float) -> float:
    """A length of time in hours, from "24h", "5d" or a number of hours.

    Raises `ParameterError` on anything else, on 0 and on more than a year.
    """
    match = _LENGTH.match(str(length))
    hours = float(match[1]) * (24.0 if match[2] == "d" else 1.0) if match else 0.0
    if not 0.0 < hours <= _LONGEST_HOURS:
        raise ParameterError(f"`{name}` must be a length such as 24h or 5d, at most a year, got {length!r}")
    return hours


def price_changes_within(feed: Feed, within: float, sign: float) -> FloatArray:
    """The close of each bar over the extreme close of the bars before it, less 1 (G,).

    On the regular grid of the feed, NaN where an interval is missing or has none before it. The bar itself is not
    among the bars before.

    Args:
        feed: bars.
        within: hours before the bar.
        sign: -1.0 for falls from the highest close, 1.0 for rises from the lowest.
    """
    closes = pd.Series(feed.on_grid("close"))
    before = closes.rolling(feed.bars(within), min_periods=1, closed="left")
    extreme = before.max() if sign < 0.0 else before.min()
    return (closes / extreme - 1.0).to_numpy(dtype=np.float64)


def price_shocks(market: Market, change: float, within: float, apart: float, asset: str) -> Shocks:
    """Falls (`change` below 0) or rises of an asset, known when their bar is.

    A shock that comes less than `apart` after the last accepted one belongs to it.

    Args:
        market: the market.
        change: simple change of the close, such as -0.10.
        within: hours before the bar in which the highest or lowest close lies.
        apart: hours between two shocks.
        asset: asset of the bars.
    """
    feed = market.bars(asset)
    sign = -1.0 if change < 0.0 else 1.0
    changes = price_changes_within(feed, within, sign)[feed.grid_rows]
    rows = np.flatnonzero(sign * changes >= abs(change) - 1e-12)
    accepted = rows[_apart(feed.known_at[rows], apart)]
    noun = "falls" if change < 0.0 else "rises"
    name = f"{noun} of {asset} by {100 * abs(change):.3g} % or more within {within:g}h"
    return Shocks(feed.known_at[accepted], changes[accepted], name)


def liquidation_feed(market: Market, asset: str) -> Feed:
    """Long liquidations by day: the daily feed, or the finest made daily.

    Raises `DataError` where the market has none.
    """
    feeds = market.feeds_of("liquidations", asset)
    if not feeds:
        raise DataError(f"market {market.name!r} has no liquidations of {asset}; name other shocks, such as a fall")
    daily = [feed for feed in feeds if feed.interval.minutes == 1440.0]
    return daily[0] if daily else coarsen(feeds[0], 24.0)


def liquidation_ranks(feed: Feed) -> FloatArray:
    """(rank - 0.5) / n of each day's long liquidations within its venue regime (H,).

    Hindsight: a day is ranked among later ones too. Ties have their mean rank, NaN stays NaN.
    """
    amounts = feed["long_usd"]
    ranks = np.full(len(amounts), np.nan)
    for regime in np.unique(feed.regimes):
        rows = np.flatnonzero((feed.regimes == regime) & np.isfinite(amounts))
        ranks[rows] = (rankdata(amounts[rows]) - 0.5) / max(len(rows), 1)
    return ranks


def liquidation_shocks(market: Market, asset: str) -> Shocks:
    """Days of liquidations, the highest rank first, at least five days apart.

    Every such day of the feed; who counts them takes the first N that have prices.
    """
    feed = liquidation_feed(market, asset)
    ranks = liquidation_ranks(feed)
    order = np.lexsort((np.arange(len(ranks)), -np.nan_to_num(ranks, nan=-1.0)))
    accepted: list[int] = []
    apart = np.timedelta64(round(LIQUIDATION_DAYS_APART), "h")
    for row in order[: int(np.isfinite(ranks).sum())]:
        if not accepted or np.abs(feed.times[accepted] - feed.times[row]).min() >= apart:
            accepted.append(int(row))
    return Shocks(feed.known_at[accepted], ranks[accepted], f"days of the largest long liquidations of {asset}")


def signal_shocks(market: Market, condition: str, apart: float, asset: str, universe: str) -> Shocks:
    """Instants at which a signal's level became known, such as "drawdown <= -0.2".

    Where several feeds supply the signal, the finest that covers an instant is used.

    Args:
        market: the market.
        condition: signal or signal.output, one of >= <= > <, and a number.
        apart: hours between two shocks.
        asset: asset of the feeds.
        universe: the universe of a signal on the session clock.

    Raises `ParameterError` on a condition that is none and on a signal with a value for each name.
    """
    from undertow.signals.base import SIGNALS, load
    from undertow.signals.decisions import DecisionTable, SignalSource, signal_spec

    match = _CONDITION.match(condition)
    if match is None:
        raise ParameterError(
            f"`shock` must be signal.output, a comparison and a number, such as liquidation-spike.rank >= 0.98; got"
            f" {safe_text(condition)!r}"
        )
    spec = signal_spec(load(SIGNALS, match[1]))
    output = match[2] or spec.outputs[0]
    if output not in spec.outputs:
        raise UnknownNameError(f"output of {spec.name}", output, spec.outputs)
    table = DecisionTable(market, universe)
    at: list[InstantArray] = []
    values: list[FloatArray] = []
    if spec.clock == "session":
        panel = table.sessions(spec, {}, asset)[spec.outputs.index(output)]
        if not np.array_equal(panel, np.broadcast_to(panel[:, :1], panel.shape), equal_nan=True):
            raise ParameterError(f"`shock`: `{spec.name}` has a value for each name; name a signal of the market")
        at, values = [table.known_at(spec, asset)], [panel[:, 0]]
    else:
        feeds = table.feeds(spec, SignalSource(asset=asset))
        if not feeds:
            raise DataError(f"`shock`: market {market.name!r} has {table.absent[spec.name]}, which {spec.name} needs")
        for feed in feeds:
            known = feed.known_at
            alone = np.ones(len(known), dtype=np.bool_)
            for finer in at:
                alone &= (known < finer[0]) | (known > finer[-1])
            at.append(known[alone])
            values.append(table.output_in_hours(spec, feed, output, {})[feed.grid_rows][alone])
    order = np.argsort(np.concatenate(at), kind="stable")
    known, series = np.concatenate(at)[order], np.concatenate(values)[order]
    level, compare = float(match[4]), {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}
    rows = np.flatnonzero(compare[match[3]](series, level))
    accepted = rows[_apart(known[rows], apart)]
    return Shocks(known[accepted], series[accepted], f"shocks {spec.name}.{output} {match[3]} {level:g}")


def dated_shocks(source: object, apart: float = 0.0) -> Shocks:
    """Shocks of a list of UTC instants, or of a file with one instant a line.

    A first line "time" is a heading; one less than `apart` hours after the last accepted one belongs to it. Raises
    `DataError` with file, line and value on what is no instant, or has no zone.
    """
    if isinstance(source, str | Path):
        path, name = Path(source), safe_text(str(source))
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"`events` {name} cannot be read: {type(error).__name__}; name a text file") from error
        entries = [(f"{name}, line {number}", line.split(",")[0].strip()) for number, line in enumerate(lines, 1)]
        if entries and entries[0][1].lower() == "time":
            entries = entries[1:]
    elif isinstance(source, list | tuple | np.ndarray | pd.DatetimeIndex):
        entries = [(f"`events`, number {number}", value) for number, value in enumerate(source, 1)]
    else:
        raise ParameterError(f"`events` must be a file or a list of UTC instants, got {type(source).__name__}")
    known = [_instant(where, value) for where, value in entries if str(value)]
    if not known:
        raise DataError("`events` has no instant; write one a line, such as 2024-08-05T00:00Z")
    dated = np.unique(np.array(known, dtype="datetime64[ns]"))
    at = dated[_apart(dated, apart)]
    return Shocks(at, np.full(len(at), np.nan), "dated events")


def check_change(name: str, value: object) -> None:
    """Raise `ParameterError` unless a fall or rise is a positive decimal below 1."""
    if not is_number(value) or not 0.0 < value < 1.0:
        hint = "; 10 % is 0.10" if is_number(value) else ""
        raise ParameterError(f"`{name}` must be in (0, 1), a positive decimal, got {value!r}{hint}")


def check_count(name: str, value: object) -> None:
    """Raise `ParameterError` unless a number of days is whole and large enough."""
    check_whole(name, value, 5, "a whole number of days")


def _instant(where: str, value: object) -> np.datetime64:
    try:
        stamp = pd.Timestamp(str(value)) if not isinstance(value, np.datetime64) else pd.Timestamp(value, tz="UTC")
    except ValueError:
        stamp = None
    if stamp is None or pd.isna(stamp) or stamp.tz is None:
        raise DataError(f"{where}: {safe_text(str(value))!r} is no instant with a zone, such as 2024-08-05T00:00Z")
    return np.datetime64(instants(pd.DatetimeIndex([stamp]))[0])


def _apart(at: InstantArray, hours: float) -> list[int]:
    """The rows of instants (n,) that are so many hours after the last such row."""
    least = np.timedelta64(round(3600 * hours), "s")
    accepted: list[int] = []
    for row, instant in enumerate(at):
        if not accepted or instant - at[accepted[-1]] >= least:
            accepted.append(row)
    return accepted
