"""Prices adjusted for splits and dividends, by one formula."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from undertow.market.clock import FloatArray

_PRICES = ("open", "high", "low", "close")
# A move within this share of a split's ratio is that split.
_NEAR = 0.15


def adjusted_quotes(
    values: Mapping[str, FloatArray], adjusted: str = "", *, by_vendor: bool = False
) -> tuple[dict[str, FloatArray], list[str], list[str]]:
    """Open to close adjusted for splits and dividends, with notes and questions.

    With adjusted closes beside the closes, open to close are multiplied by their ratio. From splits and dividends the
    factor of a row is the product over the later ex-days t of (1 - dividend_t / close_(t-1)) / split_t, and volumes are
    multiplied by the later splits (the convention of CRSP's adjustment; dividends as paid). Without either prices stay.

    Args:
        values: columns (R,) by name, rows in order of time: close, and open, high, low, volume, adj_close, dividend,
            split where the file has them.
        adjusted: "yes" where closes without adjusted ones beside them are adjusted already, "no" where they are raw, ""
            where it is not known.
        by_vendor: whether the vendor adjusts its closes by default.
    """
    quotes = {name: values[name] for name in (*_PRICES, "volume") if name in values}
    if "close" not in values:
        raw = [name for name in quotes if name != "volume"]
        note = f"adjusted closes alone; {', '.join(raw)} left out, which are not adjusted" if raw else "adjusted closes"
        kept = {name: column for name, column in quotes.items() if name == "volume"}
        return {**kept, "close": values["adj_close"]}, [note], []
    if "adj_close" in values:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = values["adj_close"] / values["close"]
        return _times(quotes, factor, 1.0), ["open to close times adjusted close / close"], []
    if adjusted == "yes":
        return quotes, ["adjusted, as said"], []
    close = values["close"]
    paid = np.nan_to_num(values.get("dividend", np.zeros(len(close))))
    split = np.nan_to_num(values.get("split", np.zeros(len(close))))
    split = np.where(split == 0.0, 1.0, split)
    if not paid.any() and (split == 1.0).all():
        return quotes, [], []
    if adjusted != "no" and not _shows_splits(close, split):
        if by_vendor:
            return quotes, ["adjusted by the vendor: no split has left a jump"], []
        if paid.any():
            return quotes, [], ["whether closes are adjusted for dividends: --adjusted yes|no"]
        return quotes, ["adjusted for splits: none has left a jump"], []
    before = np.concatenate(([np.nan], close[:-1]))
    step = np.where(np.isnan(before), 1.0, (1.0 - paid / before) / split)
    later = np.concatenate((np.cumprod(step[::-1])[::-1][1:], [1.0]))
    volume = np.concatenate((np.cumprod(split[::-1])[::-1][1:], [1.0]))
    return _times(quotes, later, volume), ["adjusted for the splits and dividends of the file"], []


def _times(quotes: Mapping[str, FloatArray], factor: FloatArray, volume: FloatArray | float) -> dict[str, FloatArray]:
    return {name: column * (volume if name == "volume" else factor) for name, column in quotes.items()}


def _shows_splits(close: FloatArray, split: FloatArray) -> bool:
    """Whether closes jump by the ratio where there was a split."""
    rows = np.flatnonzero((split != 1.0) & (np.arange(len(split)) > 0))
    if not len(rows):
        return False
    moves = close[rows - 1] / close[rows]
    return bool(np.median(np.abs(moves / split[rows] - 1.0)) < _NEAR)
