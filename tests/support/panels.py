"""Markets of a few names, from arrays of prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market import Market
from undertow.market.calendar import load_calendar
from undertow.market.prices import Prices
from undertow.market.universe import Universe

START = "2021-01-04"


def panel_market(
    closes: Mapping[str, npt.ArrayLike],
    *,
    opens: Mapping[str, npt.ArrayLike] | None = None,
    lows: Mapping[str, npt.ArrayLike] | None = None,
    highs: Mapping[str, npt.ArrayLike] | None = None,
    members: Sequence[tuple[str, str | None, str | None]] = (),
    **settings: Any,
) -> Market:
    """A market from closes (T,) by name; opens, lows and highs are the closes where they are not given.

    `members` are spans of the universe "growth"; by default every name belongs to it for ever.
    """
    names = tuple(sorted(closes))
    close = np.column_stack([np.asarray(closes[name], dtype=np.float64) for name in names])
    calendar = load_calendar("XNYS", pd.Timestamp(START), pd.Timestamp(START) + pd.Timedelta(days=2 * len(close) + 30))
    calendar = calendar.slice(calendar.sessions[0], calendar.sessions[len(close) - 1])

    def panel(changed: Mapping[str, npt.ArrayLike] | None) -> npt.NDArray[np.float64]:
        values = {**closes, **(changed or {})}
        return np.column_stack([np.asarray(values[name], dtype=np.float64) for name in names])

    given, low, high = panel(opens), panel(lows), panel(highs)
    # A range that holds open and close, where none is given.
    low = low if lows else np.fmin(given, close)
    high = high if highs else np.fmax(given, close)
    prices = Prices(calendar, names, given, high, low, close, np.full(close.shape, 1e6))
    spans = pd.DataFrame(members or [(name, None, None) for name in names], columns=["symbol", "start", "end"])
    spans = spans.assign(start=pd.to_datetime(spans["start"]), end=pd.to_datetime(spans["end"]))
    return Market("panel", prices, (), {"growth": Universe("growth", spans)}, **settings)
