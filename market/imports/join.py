"""Parts of several files joined to feeds: overlaps compared, repeats counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.errors import DataError, safe_text
from undertow.market.imports.convert import VendorPart

_ROUNDING = 1e-6
_DELAYS = {
    "liquidations": {True: "10min", False: "5min"},
    "open_interest": {True: "10min", False: "5min"},
    "funding": {False: "1min", True: "1min"},
}


@dataclass(frozen=True)
class Joined:
    """One feed of the market to be.

    Args:
        kind: kind of the feed.
        name: asset, universe, or the series of a macro feed; "" of prices.
        frame: its rows in order.
        interval: as market.toml writes it.
        delay: as market.toml writes it.
        repeats: rows of several files that agree, kept once.
        files: the files, in order.
        hours: "session" for bars that keep an exchange's hours.
    """

    kind: str
    name: str
    frame: pd.DataFrame
    interval: str
    delay: str
    repeats: int
    files: tuple[str, ...]
    hours: str = ""


def join_parts(parts: Sequence[VendorPart]) -> list[Joined]:
    """Feeds of the parts of all files.

    Raises `DataError` with both files and the row where two differ on one row.

    Args:
        parts: parts without questions.
    """
    groups: dict[tuple[str, str, int], list[VendorPart]] = {}
    for part in parts:
        name = "" if part.kind == "prices" else part.name
        groups.setdefault((part.kind, name, part.minutes), []).append(part)
    joined: list[Joined] = []
    closes: dict[str, pd.DataFrame] = {}
    # Bars come first, the finest last: amounts in coins are converted with them.
    for kind, name, minutes in sorted(groups, key=lambda key: (key[0] != "bars", key[0], key[1], -key[2])):
        group = [_in_usd(part, closes) for part in groups[kind, name, minutes]]
        joined.append(_joined(kind, name, minutes, group))
        if kind == "bars":
            closes[name] = joined[-1].frame
    return joined


def _in_usd(part: VendorPart, closes: dict[str, pd.DataFrame]) -> VendorPart:
    if part.unit != "coin":
        return part
    if part.name not in closes:
        raise DataError(
            f"{safe_text(part.path)}: its coins need a price in USD: import bars of {safe_text(part.name)} with it, or"
            " say --unit usd"
        )
    bars = closes[part.name]
    ends = part.frame["time"] + pd.Timedelta(minutes=part.minutes)
    sums = np.concatenate(([0.0], np.cumsum(np.nan_to_num(bars["close"].to_numpy()))))
    present = np.concatenate(([0], np.cumsum(bars["close"].notna().to_numpy())))
    first = np.searchsorted(bars["time"].to_numpy(), part.frame["time"].to_numpy())
    last = np.searchsorted(bars["time"].to_numpy(), ends.to_numpy())
    with np.errstate(invalid="ignore", divide="ignore"):
        price = (sums[last] - sums[first]) / (present[last] - present[first])
    amounts = part.frame.drop(columns="time")
    frame = pd.concat([part.frame["time"], amounts.mul(price, axis=0)], axis=1)
    return VendorPart(part.kind, part.name, frame, part.path, minutes=part.minutes)


def _joined(kind: str, name: str, minutes: int, group: Sequence[VendorPart]) -> Joined:
    key = {"prices": ["session", "symbol"], "universe": ["symbol"]}.get(kind, ["time"])
    frames = []
    for number, part in enumerate(group):
        frame = part.frame.assign(symbol=part.name) if kind == "prices" else part.frame
        frames.append(frame.assign(_file=number))
    rows = pd.concat(frames, ignore_index=True)
    repeats = 0
    if kind != "universe":
        rows, repeats = _without_repeats(rows, key, [part.path for part in group])
        rows = rows.sort_values(key[::-1] if kind == "prices" else key, kind="stable")
    frame = rows.drop(columns="_file").reset_index(drop=True)
    if kind == "prices":
        frame = frame[["session", "symbol", "open", "high", "low", "close", "volume"]]
    return Joined(
        kind, name, frame, *_spans(kind, name, minutes), repeats, tuple(part.path for part in group), group[0].hours
    )


def _without_repeats(rows: pd.DataFrame, key: list[str], paths: list[str]) -> tuple[pd.DataFrame, int]:
    again = rows.duplicated(key, keep="first")
    if not again.any():
        return rows, 0
    numbers = [name for name in rows.columns if name not in (*key, "_file", "venue_regime")]
    first = rows[~again].set_index(key)
    later = rows[again].set_index(key)
    matched = first.loc[later.index]
    ours, theirs = matched[numbers].to_numpy(dtype=float), later[numbers].to_numpy(dtype=float)
    equal = np.isclose(ours, theirs, rtol=_ROUNDING, atol=0.0, equal_nan=True)
    if not equal.all():
        row, column = (int(place[0]) for place in np.nonzero(~equal))
        where = later.index[row]
        label = " ".join(
            str(part).removesuffix(" 00:00:00") for part in (where if isinstance(where, tuple) else (where,))
        )
        one, two = paths[int(matched["_file"].iloc[row])], paths[int(later["_file"].iloc[row])]
        files = safe_text(one) if one == two else f"{safe_text(one)} and {safe_text(two)}"
        raise DataError(
            f"{files}: two rows of {label} differ: `{numbers[column]}` is {ours[row, column]:g} and"
            f" {theirs[row, column]:g}; leave one out (raw and adjusted prices of one name do not go together)"
        )
    return rows[~again], int(again.sum())


def _spans(kind: str, name: str, minutes: int) -> tuple[str, str]:
    """Interval and delay as market.toml writes them."""
    if kind == "prices":
        return "1 session", "0min"
    if kind == "macro":
        # An index is quoted at its close, a published series on the day after.
        return "1 session", "15min" if name == "VIXCLS" else "1 session"
    if kind in ("universe", "funding"):
        return "0h", "1min" if kind == "funding" else "0min"
    span = (
        f"{minutes // 1440}d" if minutes % 1440 == 0 else f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"
    )
    return span, _DELAYS.get(kind, {}).get(minutes >= 1440, "0min")
