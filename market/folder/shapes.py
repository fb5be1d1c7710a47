"""Tables in the shape of other tools, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence

from undertow.market.errors import did_you_mean, safe_text

_FIELDS = {"open", "high", "low", "close", "volume", "adj close"}
_LISTED = 30
_STACK = (
    'table.stack("Ticker", future_stack=True).rename_axis(["session", "symbol"]).rename(columns=str.lower)'
    ".reset_index()"
)


def shape_hint(header: Sequence[str], second: Sequence[str] = ()) -> str:
    """How a table of yfinance becomes one of the format; empty where it is none.

    Args:
        header: the names of the columns.
        second: the cells of the line after them.
    """
    names = [name.strip().lower() for name in header]
    if len(_FIELDS.intersection(names)) < 2:
        return ""
    wide = len(names) - len(set(names)) > 1 or (bool(second) and second[0].strip().lower() in ("ticker", "price"))
    if wide:
        return (
            "; it has two header lines, as yfinance writes them: stack the tickers into rows before writing, with"
            f" {_STACK}"
        )
    capitals = {"date": "session", "datetime": "session", "ticker": "symbol", "tickers": "symbol"}
    renamed = [f"`{name}` is `{capitals[name.strip().lower()]}`" for name in header if name.strip().lower() in capitals]
    if not renamed:
        return ""
    one = "" if {"ticker", "tickers", "symbol"}.intersection(names) else ", and add a column `symbol`"
    return f"; it looks like a table of yfinance: {', '.join(renamed)}, the others in lower case{one}"


def missing_hint(column: str, columns: Sequence[str]) -> str:
    """A near name where `column` is missing, and the names that exist."""
    if len(columns) == 1 and ";" in columns[0]:
        return "; the file is separated by semicolons, write it with commas"
    lower = {name.lower().strip(): name for name in columns}
    suggestion = did_you_mean(column, lower)
    for name, original in lower.items():
        suggestion = suggestion.replace(f"`{name}`", f"`{original}`")
    listed = ", ".join(safe_text(name) for name in columns[:_LISTED]) + (", ..." if len(columns) > _LISTED else "")
    return f"{suggestion}; found: {listed}; names must be as in the format, in lower case"
