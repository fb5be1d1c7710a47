"""Weights of a basket, constant or by session, and since when each is known."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market.clock import FloatArray, InstantArray, IntArray
from undertow.market.errors import DataError, ParameterError, UnknownNameError, did_you_mean, file_boundary, safe_text
from undertow.market.folder.names import symbol_column
from undertow.market.folder.tables import date_column, number_column
from undertow.market.market import Market
from undertow.market.portfolio.source import check_user_columns, read_user_table

WEIGHTS_PREFIX = "weights-"
# The farthest that the sum of a basket's weights may be from 1: rounding to six digits.
_TOLERANCE = 1e-6
# A saved run holds its weights; more rows would make files that nobody opens.
_MOST_ROWS = 500_000
_REQUIRED, _OPTIONAL = ("symbol", "weight"), ("session",)


@dataclass(frozen=True, repr=False)
class WeightTable:
    """The weights of a basket: one set for good, or one from each of its sessions on.

    A set of session S is known at the decision of S and no earlier, and holds until the next one. Two tables with equal
    weights are equal, wherever they were read from.

    Args:
        text: the weights as CSV: symbol and weight, or session, symbol and weight; sorted, weights of 0 left out.
        origin: the file that they were read from, None for a Series or a DataFrame.
    """

    text: str
    origin: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        sets = "" if self.is_constant else f", {len(self.sessions):,} sessions from {self.first}"
        return f"<WeightTable {self.label!r}: {len(self.symbols)} names{sets}>"

    @cached_property
    def label(self) -> str:
        """The name of these weights, of their content alone: `weights-` and a digest."""
        return WEIGHTS_PREFIX + hashlib.blake2b(self.text.encode(), digest_size=6).hexdigest()

    @property
    def is_constant(self) -> bool:
        """Whether one set of weights holds for good."""
        return not self.text.startswith("session")

    @cached_property
    def _table(self) -> pd.DataFrame:
        table = pd.read_csv(io.StringIO(self.text), dtype={"symbol": str}, keep_default_na=False)
        if not self.is_constant:
            table["session"] = pd.to_datetime(table["session"], format="%Y-%m-%d")
        return table

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every name that has a weight, in alphabetical order."""
        return tuple(sorted(set(self._table["symbol"])))

    @cached_property
    def sessions(self) -> InstantArray:
        """The sessions (S,) from which each set holds; none where it is constant."""
        if self.is_constant:
            return np.zeros(0, dtype="datetime64[ns]")
        return np.unique(np.asarray(self._table["session"], dtype="datetime64[ns]"))

    @property
    def first(self) -> str:
        """The first session with weights as YYYY-MM-DD; empty where they are constant."""
        return "" if self.is_constant else str(self.sessions[0].astype("datetime64[D]"))

    @cached_property
    def weights(self) -> FloatArray:
        """The weights (S, K), a row a set and a column for each of `symbols`."""
        table, columns = self._table, pd.Index(self.symbols).get_indexer(pd.Index(self._table["symbol"]))
        rows = np.zeros(len(table), dtype=np.int64)
        if not self.is_constant:
            rows = np.searchsorted(self.sessions, np.asarray(table["session"], dtype="datetime64[ns]"))
        weights = np.zeros((max(1, len(self.sessions)), len(self.symbols)))
        weights[rows, columns] = table["weight"].to_numpy(dtype=np.float64)
        return weights

    def sets_at(self, sessions: pd.DatetimeIndex) -> IntArray:
        """The row of `weights` that is known at the decision of each session (T,).

        -1 before the first one.
        """
        if self.is_constant:
            return np.zeros(len(sessions), dtype=np.int64)
        days = np.asarray(sessions, dtype="datetime64[ns]")
        return np.searchsorted(self.sessions, days, side="right").astype(np.int64) - 1

    def check(self, market: Market, universe: str, symbols: tuple[str, ...]) -> None:
        """Raise an error unless every name can be priced and every session exists.

        `UnknownNameError` with the nearest name for one without prices in the market, `ParameterError` for one outside
        the universe and for a day of the market that is no session.

        Args:
            market: the market.
            universe: name of the universe, for the message.
            symbols: the names of the universe that have prices.
        """
        where = f"weights {safe_text(self.origin)}" if self.origin else "`weights`"
        unpriced = [symbol for symbol in self.symbols if symbol not in market.prices]
        if len(unpriced) > 1:
            listed = ", ".join(
                f"`{safe_text(name)}`{did_you_mean(name, market.prices.symbols)}".rstrip("?") for name in unpriced[:10]
            )
            further = f" and {len(unpriced) - 10} more" if len(unpriced) > 10 else ""
            raise ParameterError(f"{where}: {len(unpriced)} names have no prices in the market: {listed}{further}")
        if unpriced:
            raise UnknownNameError("symbol", unpriced[0], market.prices.symbols, where)
        outside = [symbol for symbol in self.symbols if symbol not in set(symbols)]
        if outside:
            listed = ", ".join(map(safe_text, outside[:10])) + (f", {len(outside) - 10} more" if outside[10:] else "")
            raise ParameterError(
                f"{where}: not in universe `{universe}`: {listed}; name a universe that has them with `universe`, or"
                " add them to one in the market folder"
            )
        days = np.asarray(market.sessions, dtype="datetime64[ns]")
        inside = self.sessions[(self.sessions >= days[0]) & (self.sessions <= days[-1])]
        strange = inside[~np.isin(inside, days)]
        if len(strange):
            following = days[np.searchsorted(days, strange[0])].astype("datetime64[D]")
            raise ParameterError(
                f"{where}: {strange[0].astype('datetime64[D]')} is not a session of the calendar"
                f" {market.calendar.name}; the next one is {following}"
            )


WeightSource = WeightTable | str | os.PathLike[str] | pd.Series | pd.DataFrame


def read_weights(source: object) -> WeightTable:
    """The weights of a file, a Series by symbol, or a DataFrame.

    A file (.csv, .csv.gz, .parquet) or a DataFrame has the columns symbol and weight, and session where the basket
    changes; a DataFrame may also have sessions as its index and symbols as its columns. Weights are decimals, 0 or
    more, and each set sums to 1 within 1e-6.

    Raises `DataError` with file, row and value, and with the sum where it is another; `ParameterError` where `source`
    is none of these.
    """
    if isinstance(source, WeightTable):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        table, name = read_user_table(path, _REQUIRED, _OPTIONAL, "weights")
        return _checked(table, name, str(source))
    if isinstance(source, pd.Series):
        table = pd.DataFrame({"symbol": source.index.to_numpy(dtype=object), "weight": source.to_numpy()})
        return _checked(table, "`weights`", None)
    if isinstance(source, pd.DataFrame):
        return _checked(_long(source), "`weights`", None)
    raise ParameterError(
        f"`weights` must be a file, a Series by symbol or a DataFrame, got {type(source).__name__} {str(source)[:40]!r}"
    )


def weights_of_text(text: str, origin: str | None = None) -> WeightTable:
    """Weights from the text of a `WeightTable`, checked as a file is."""
    with file_boundary("weights"):
        table = pd.read_csv(io.StringIO(text), dtype={"symbol": str}, keep_default_na=False)
    return _checked(table, "weights", origin)


def _long(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a session and symbol, of a frame that may have symbols as its columns."""
    if "symbol" in frame.columns or not isinstance(frame.index, pd.DatetimeIndex):
        return frame.reset_index(drop=frame.index.name != "session")
    return pd.DataFrame(
        {
            "session": np.repeat(frame.index.to_numpy(), frame.shape[1]),
            "symbol": np.tile(frame.columns.to_numpy(dtype=object), len(frame)),
            "weight": frame.to_numpy().ravel(),
        }
    )


def _checked(table: pd.DataFrame, name: str, origin: str | None) -> WeightTable:
    check_user_columns(table, name, _REQUIRED, _OPTIONAL)
    if len(table) > _MOST_ROWS:
        raise DataError(f"{name}: has {len(table):,} rows, more than {_MOST_ROWS:,}; leave out weights of 0")
    symbols, weights = symbol_column(table, name), number_column(table, "weight", name)
    for bad, problem in ((np.isnan(weights), "is blank; write 0, or remove the row"), (weights < 0, "is negative")):
        if bad.any():
            row = int(bad.argmax())
            value = "" if np.isnan(weights[row]) else f" {weights[row]:g}"
            raise DataError(
                f"{name}: row {row + 1} ({safe_text(symbols.iloc[row])}): `weight`{value} {problem}; weights are"
                " decimals, 0.05 for 5 %"
            )
    changing = "session" in table.columns
    days = date_column(table, "session", name) if changing else np.full(len(table), np.datetime64("NaT", "ns"))
    rows = pd.DataFrame({"session": days, "symbol": symbols.to_numpy(), "weight": weights})
    repeated = rows.duplicated(["session", "symbol"]).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        day = f" on {days[row].astype('datetime64[D]')}" if changing else ""
        raise DataError(
            f"{name}: row {row + 1}: {safe_text(symbols.iloc[row])} appears twice{day}; remove one, or add them up"
        )
    _check_sums(rows, name, changing=changing)
    rows = rows[rows["weight"] > 0.0].sort_values(["session", "symbol"], kind="stable")
    # Equal weights are one basket: -0.0, 1 and 1.0 are written alike.
    rows["weight"] = [repr(float(weight)) for weight in rows["weight"]]
    if changing:
        rows["session"] = rows["session"].dt.strftime("%Y-%m-%d")
    columns = ["session", "symbol", "weight"] if changing else ["symbol", "weight"]
    return WeightTable(rows[columns].to_csv(index=False, lineterminator="\n"), origin)


def _check_sums(rows: pd.DataFrame, name: str, *, changing: bool) -> None:
    """Raise `DataError` with the sum where the weights of a set do not sum to 1."""
    if changing:
        sums = rows.groupby("session")["weight"].sum()
        wrong = sums[(sums - 1.0).abs() > _TOLERANCE]
        if wrong.empty:
            return
        where, total = f"on {wrong.index[0]:%Y-%m-%d} ", float(wrong.iloc[0])
        others = f", and those of {len(wrong) - 1:,} more sessions do not either" if len(wrong) > 1 else ""
    else:
        where, total, others = "", float(rows["weight"].sum()), ""
        if abs(total - 1.0) <= _TOLERANCE:
            return
    percent = "; percent are divided by 100" if abs(total - 100.0) < 0.1 else ""
    raise DataError(f"{name}: the weights {where}sum to {total:.10g}, and must sum to 1{others}{percent}")
