"""A market folder from a table of closes, for tests of what prices do and lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from undertow.market import Market, load_calendar, load_market


def sessions_of(start: str, end: str, calendar: str = "XNYS") -> pd.DatetimeIndex:
    """The sessions of a calendar."""
    return load_calendar(calendar, pd.Timestamp(start), pd.Timestamp(end)).sessions


def walk_closes(sessions: pd.DatetimeIndex, names: list[str], seed: int = 1) -> pd.DataFrame:
    """Closes that move by about 1 % a session, and `BIL` that grows evenly."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0003, 0.01, (len(sessions), len(names)))
    closes = pd.DataFrame(50.0 * np.exp(np.cumsum(steps, axis=0)), sessions, names)
    return closes.assign(BIL=90.0 * 1.0001 ** np.arange(len(sessions)))


def load_priced(
    folder: Path,
    closes: pd.DataFrame,
    *,
    opens: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    benchmark: str = "QQQ",
    members: pd.DataFrame | None = None,
) -> Market:
    """A market of these closes; a name has no row where its close is NaN.

    Args:
        folder: folder to write.
        closes: closes (sessions, symbols); those of the benchmark and `BIL`, cash, are no members of the universe.
        opens: opens, NaN for none; by default the closes themselves.
        calendar: name of the calendar.
        benchmark: symbol of the benchmark.
        members: rows of the universe `growth`; by default every other symbol.
    """
    folder.mkdir(parents=True)
    opened = closes if opens is None else opens
    parts = [
        pd.DataFrame(
            {
                "session": closes.index,
                "symbol": name,
                "open": opened[name],
                "high": np.fmax(opened[name], closes[name]),
                "low": np.fmin(opened[name], closes[name]),
                "close": closes[name],
                "volume": 1e6,
            }
        )
        for name in closes
    ]
    prices = pd.concat(parts).dropna(subset=["close"])
    prices.loc[prices["open"].isna(), ["high", "low", "volume"]] = np.nan
    prices.to_csv(folder / "prices.csv", index=False)
    listed = pd.DataFrame({"symbol": [name for name in closes if name not in (benchmark, "BIL")]})
    (listed if members is None else members).to_csv(folder / "growth.csv", index=False)
    (folder / "market.toml").write_text(
        f'format = 1\nname = "priced"\ncalendar = "{calendar}"\nbenchmark = "{benchmark}"\ncash = "BIL"\n'
        '[[feed]]\npath = "prices.csv"\nkind = "prices"\n'
        '[[feed]]\npath = "growth.csv"\nkind = "universe"\nname = "growth"\n',
        encoding="utf-8",
    )
    return load_market(folder)
