"""What was known at each decision, and comparisons of it, for vectorbt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from undertow.market import ParameterError, in_decimals, is_number, percent_hint
from undertow.signals.base import UNBOUNDED, Bounds


@dataclass(frozen=True, eq=False, repr=False)
class KnownValues:
    """What was known at each decision, and comparisons that are entries and exits.

    Row S of every frame was known at the decision of session S, which `decided_at` has: before the fill of that
    session. So the frames go into `Portfolio.from_signals` as they are, with the prices of the same sessions, and
    without a shift.

    A comparison with NaN, where nothing was known, is False. With a list of thresholds the result has one more column
    level on top, as a vectorbt indicator's `drawdown_below([-0.1, -0.2])`.

    Args:
        frame: values (sessions, parameter levels), NaN where nothing was known.
        label: name of the values in column levels: that of vectorbt for an indicator's output.
        fill: "open" or "close": when an order that is decided on a row is filled.
        decided_at: the decision instant of each session (T,), UTC.
        members: names of the universe that belonged to it at each session (sessions, symbols), boolean.
        notes: what the values lack: feeds that supply nothing, inputs without a feed.
        bounds: the range of the values.
        decimal: whether they are shares or returns.
    """

    frame: pd.DataFrame
    label: str
    fill: str
    decided_at: pd.Series
    members: pd.DataFrame
    notes: tuple[str, ...] = ()
    bounds: Bounds = field(default=UNBOUNDED)
    decimal: bool = False

    def __repr__(self) -> str:
        rows, columns = self.frame.shape
        span = f"{self.frame.index[0].date()} to {self.frame.index[-1].date()}"
        levels = ", ".join(map(str, self.frame.columns.names))
        return f"<KnownValues of {self.label!r}: {rows:,} sessions, {span}, {columns} columns by {levels}>"

    def above(self, threshold: Any) -> pd.DataFrame:
        """Where the value known at the decision is above a threshold, or each of a list.

        Raises `ParameterError` on a threshold that is not a number or outside the range of the values, as the other
        comparisons do.
        """
        return self._compare("above", threshold, np.greater)

    def below(self, threshold: Any) -> pd.DataFrame:
        """Where the value known at the decision is below a threshold, or each of a list."""
        return self._compare("below", threshold, np.less)

    def crossed_above(self, threshold: Any) -> pd.DataFrame:
        """Where the value is above a threshold and was at or below it a decision before."""
        return self._compare("crossed_above", threshold, _crossed_above)

    def crossed_below(self, threshold: Any) -> pd.DataFrame:
        """Where the value is below a threshold and was at or above it a decision before."""
        return self._compare("crossed_below", threshold, lambda values, level: _crossed_above(level, values))

    def _compare(self, name: str, threshold: Any, comparison: Callable[[Any, Any], Any]) -> pd.DataFrame:
        # vectorbt takes two seconds to import, and only comparisons need it.
        from vectorbt.indicators.factory import combine_objs

        thresholds = threshold if isinstance(threshold, list | tuple | np.ndarray | pd.Index) else [threshold]
        for level in thresholds:
            self._check(name, level)
        several = thresholds is threshold
        compared: pd.DataFrame = combine_objs(
            self.frame,
            [float(level) for level in thresholds] if several else float(threshold),
            combine_func=comparison,
            level_name=f"{self.label}_{name}",
            to_2d=True,
        )
        return compared

    def _check(self, name: str, level: Any) -> None:
        if not is_number(level):
            raise ParameterError(f"the threshold of `{name}` must be a finite number, got {level!r}")
        if self.bounds.low <= level <= self.bounds.high:
            return
        meant = [sign * in_decimals(level) for sign in (1.0, -1.0)] if self.decimal else []
        hint = next(
            (percent_hint(level, value) for value in meant if self.bounds.low < value < self.bounds.high),
            "; no value is there",
        )
        raise ParameterError(
            f"the threshold of `{name}` must be in {self.bounds}, the range of `{self.label}`, got {level:g}{hint}"
        )


def _crossed_above(values: Any, other: Any) -> Any:
    from vectorbt.generic import nb

    return nb.crossed_above_nb(values, other)
