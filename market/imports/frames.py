"""A market from tables in memory: pandas, Arrow, and vectorbt's data."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow

from undertow.market.errors import ParameterError
from undertow.market.folder.load import load_market
from undertow.market.imports.options import ImportOptions
from undertow.market.imports.plan import Roles, plan_sheets
from undertow.market.imports.sheets import Sheet, frame_sheet
from undertow.market.market import Market

_PANELS = ("open", "high", "low", "close", "volume", "adj_close")


def market_from_frames(
    prices: Any,
    *,
    bars: Mapping[str, Any] | Any = None,
    liquidations: Mapping[str, Any] | None = None,
    open_interest: Mapping[str, Any] | None = None,
    funding: Mapping[str, Any] | None = None,
    macro: Any = None,
    universe: Sequence[str] | Mapping[str, Any] | None = None,
    roles: Roles | None = None,
    options: ImportOptions | None = None,
) -> Market:
    """A market from tables, recognised and checked as files are.

    A table is a DataFrame of pandas or of anything with an Arrow stream, such as polars. Times stand in the index or in
    a column, with a zone where they have a time of day, and mean the start of the interval. Blanks and NaN are missing.

    Raises `ParameterError` with what must be answered, `DataError` with the table, row and value that cannot be used.

    Args:
        prices: daily prices of stocks: a long table with a column of symbols, tables by symbol, wide panels by field
            such as {"close": table}, columns of two levels, or a vectorbt `Data`.
        bars: bars by coin, or a vectorbt `Data` of coins.
        liquidations: liquidations by coin, USD unless `options` says coins.
        open_interest: open interest by coin, USD unless `options` says coins.
        funding: funding rates by coin, decimal for each settlement.
        macro: series in percent, a column each, by date; or several such tables, by any name.
        universe: symbols, or by name symbols or a table with `symbol`, `start`, `end`; None for every stock.
        roles: name, calendar, benchmark and cash symbol.
        options: what the tables do not say themselves.
    """
    sheets = _price_sheets(prices)
    tables = {"bars": bars, "liquidations": liquidations, "open_interest": open_interest, "funding": funding}
    for kind, named in tables.items():
        for asset, table in _by_name(named).items():
            sheets.append(frame_sheet(f"{kind}[{asset!r}]", asset, _frame(table), kind))
    series = macro if isinstance(macro, Mapping) else {} if macro is None else {"macro": macro}
    for name, table in series.items():
        sheets.append(frame_sheet(f"macro[{name!r}]", str(name), _frame(table), "macro"))
    for name, members in _universes(universe).items():
        sheets.append(frame_sheet(f"universe[{name!r}]", name, members, "universe"))
    plan = plan_sheets(sheets, options or ImportOptions(), roles or Roles())
    with tempfile.TemporaryDirectory() as folder:
        market = load_market(plan.write(Path(folder) / "frames"))
    return replace(market, path=None)


def _frame(table: Any) -> pd.DataFrame:
    if isinstance(table, pd.Series):
        return table.to_frame(table.name if table.name is not None else "value")
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        frame: pd.DataFrame = pyarrow.table(table).to_pandas()
        return frame
    raise ParameterError(f"a table must be of pandas, polars or Arrow, got {type(table).__name__}")


def _by_name(tables: Any) -> dict[str, Any]:
    if tables is None:
        return {}
    if _is_data(tables):
        return {str(name): table for name, table in tables.data.items()}
    if not isinstance(tables, Mapping):
        raise ParameterError(f"tables by name are expected, such as {{'BTC': table}}, got {type(tables).__name__}")
    return {str(name): table for name, table in tables.items()}


def _is_data(tables: Any) -> bool:
    """Whether it is a `Data` of vectorbt: tables by symbol in its attribute `data`."""
    return isinstance(getattr(tables, "data", None), Mapping) and hasattr(tables, "symbols")


def _price_sheets(prices: Any) -> list[Sheet]:
    if _is_data(prices) or (isinstance(prices, Mapping) and not set(prices) <= set(_PANELS)):
        tables = {name: _with_symbol(_frame(table), name) for name, table in _by_name(prices).items()}
        return [frame_sheet(f"prices[{name!r}]", name, table, "prices") for name, table in tables.items()]
    if isinstance(prices, Mapping):
        panels = {field: _frame(panel) for field, panel in prices.items()}
        if "close" not in panels and "adj_close" not in panels:
            raise ParameterError(f"`prices`: panels need `close`, got {', '.join(panels)}")
        return [frame_sheet("prices", "prices", pd.concat(panels, axis=1), "prices")]
    frame = _frame(prices)
    closes = {"close", "adj close", "adj_close"} & {str(name).lower() for name in frame}
    wide = frame.columns.nlevels == 1 and not closes
    return [frame_sheet("prices", "prices", pd.concat({"close": frame}, axis=1) if wide else frame, "prices")]


def _with_symbol(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame if "symbol" in frame.columns else frame.assign(symbol=name)


def _universes(universe: Any) -> dict[str, pd.DataFrame]:
    named = universe if isinstance(universe, Mapping) else {} if universe is None else {"all": universe}
    tables = {}
    for name, members in named.items():
        listed = isinstance(members, Sequence) and not isinstance(members, str)
        tables[str(name)] = pd.DataFrame({"symbol": list(members)}) if listed else _frame(members)
    return tables
