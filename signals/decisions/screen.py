"""Universe screens: names chosen by what was known at the time.

So that a universe needs no hindsight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from undertow.market import (
    BoolArray,
    FloatArray,
    IntArray,
    Market,
    ParameterError,
    Universe,
    UnknownNameError,
    did_you_mean,
    period_starts,
)
from undertow.signals.beta import beta_nb
from undertow.signals.decisions.panel import SessionPanel
from undertow.signals.drawdown import drop_nb
from undertow.signals.volatility import realized_volatility_nb

YEAR, HALF_YEAR, QUARTER, MONTH = 252, 126, 63, 21  # sessions
GRAMMAR = "PARENT | top N by MEASURE[, MEASURE] | monthly, quarterly or yearly [| min-history SESSIONS]"
_REFRESH = ("monthly", "quarterly", "yearly")
_KEYS = ("parent", "top", "bottom", "by", "refresh", "min-history")


def benchmark_beta(panel: SessionPanel) -> FloatArray:
    """Beta to the benchmark over half a year (T, N), by session."""
    return beta_nb(panel.close, np.ascontiguousarray(panel.benchmark[:, None]), HALF_YEAR)


def momentum(panel: SessionPanel) -> FloatArray:
    """Return over 12 months (T, N), by session."""
    return drop_nb(panel.close, YEAR)


def momentum_skip_month(panel: SessionPanel) -> FloatArray:
    """Return over 12 months without the last one (T, N), by session.

    Jegadeesh and Titman (1993).
    """
    out = np.full(panel.close.shape, np.nan)
    out[YEAR:] = panel.close[YEAR - MONTH : -MONTH] / panel.close[:-YEAR] - 1.0
    return out


def volatility(panel: SessionPanel) -> FloatArray:
    """Annual volatility over a quarter (T, N), by session."""
    return realized_volatility_nb(panel.close, QUARTER, float(YEAR))


def liquidity(panel: SessionPanel) -> FloatArray:
    """Mean money traded a session over a quarter (T, N), by session.

    A session without a price counts as 0. Closes that are adjusted for dividends, as vendors' are, understate past
    trading by the dividends paid since: a name that has paid out half of its price since counts for half. With closes
    adjusted for splits alone nothing later counts.
    """
    money = panel.close * panel.market.prices.volume[:, panel.columns]
    total = np.cumsum(np.where(np.isfinite(money), money, 0.0), axis=0)
    total[QUARTER:] = total[QUARTER:] - total[:-QUARTER]
    return np.where(np.isfinite(panel.close), total / QUARTER, np.nan)


MEASURES: Mapping[str, Callable[[SessionPanel], FloatArray]] = {
    "beta": benchmark_beta,
    "momentum": momentum,
    "momentum-skip-month": momentum_skip_month,
    "volatility": volatility,
    "liquidity": liquidity,
}


@dataclass(frozen=True)
class Screen:
    """The members of a universe with the highest (or lowest) mean rank by measures.

    Chosen at the decision of the first session of each period from what was known then, among the members that can be
    held and have every measure and `min_history` closes; held until the next refresh. A name that leaves the parent
    leaves at once.

    Args:
        parent: a universe of the market.
        count: number of names.
        by: names of the measures, as in `MEASURES`.
        refresh: "monthly", "quarterly" or "yearly".
        highest: True for the highest ranks, False for the lowest.
        min_history: least number of closes of a name, in sessions.
    """

    parent: str
    count: int
    by: tuple[str, ...]
    refresh: str = "quarterly"
    highest: bool = True
    min_history: int = 0

    def __str__(self) -> str:
        side = "top" if self.highest else "bottom"
        history = f" | min-history {self.min_history}" if self.min_history else ""
        return f"{self.parent} | {side} {self.count} by {', '.join(self.by)} | {self.refresh}{history}"

    @classmethod
    def parse(cls, text: str) -> Screen:
        """A screen from its expression; raises `ParameterError` with the grammar."""
        parts = [part.strip() for part in text.split("|")]
        choice = re.fullmatch(r"(top|bottom)\s+(\S+)\s+by\s+(.+)", parts[1]) if len(parts) in (3, 4) else None
        history = re.fullmatch(r"min-history\s+(\S+)", parts[3]) if len(parts) == 4 else None
        if choice is None or not parts[0] or (len(parts) == 4 and history is None):
            raise ParameterError(f"`universe` {text!r} cannot be read; write {GRAMMAR}")
        return cls.of(
            {
                "parent": parts[0],
                choice[1]: choice[2],
                "by": [measure.strip() for measure in choice[3].split(",")],
                "refresh": parts[2],
                **({"min-history": history[1]} if history else {}),
            }
        )

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Screen:
        """A screen from a table, such as one of a rule file.

        For example `{parent = "sp500", top = 100, by = ["beta"], refresh = "quarterly"}`. Raises `ParameterError`.
        """
        for key in entries:
            if key not in _KEYS:
                suggestion = did_you_mean(str(key), _KEYS)
                raise ParameterError(f"`universe` has an unknown key `{key}`{suggestion}; allowed: {', '.join(_KEYS)}")
        if ("top" in entries) == ("bottom" in entries) or not {"parent", "by"} <= set(entries):
            raise ParameterError(f"`universe` needs `parent`, `by` and either `top` or `bottom`; as text: {GRAMMAR}")
        side = "top" if "top" in entries else "bottom"
        parent, by = _parent(entries["parent"]), _measures(entries["by"])
        refresh = str(entries.get("refresh", "quarterly"))
        if refresh not in _REFRESH:
            suggestion = did_you_mean(refresh, _REFRESH)
            raise ParameterError(
                f"`universe`: refresh must be one of {', '.join(_REFRESH)}; got {refresh!r}{suggestion}"
            )
        history = _whole("min-history", entries.get("min-history", 0), 0)
        return cls(parent, _whole(side, entries[side], 1), by, refresh, side == "top", history)

    def select(self, parent: SessionPanel) -> tuple[Universe, BoolArray]:
        """The universe of the names ever chosen, and when each was in it (T, N).

        Symbols of the parent without prices stay in the universe. Raises `ParameterError` as `members` does.
        """
        members = self.members(parent)
        # The names ever chosen depend on the whole market; the members on a session do not.
        ever = np.flatnonzero(members.any(axis=0))
        symbols = [*(parent.symbols[column] for column in ever), *parent.unpriced]
        spans = parent.universe.spans
        universe = Universe(str(self), spans[spans["symbol"].isin(symbols)])
        return universe, np.ascontiguousarray(members[:, ever])

    def members(self, parent: SessionPanel) -> BoolArray:
        """Membership (T, N) among the names of the parent.

        Raises `ParameterError` where the parent never has `count` members.
        """
        self.check_count(parent.member)
        out = np.zeros(parent.member.shape, dtype=np.bool_)
        refreshes = period_starts(parent.decisions.sessions, self.refresh)
        measures = [parent.known(MEASURES[name](parent))[refreshes] for name in self.by]
        history = parent.known(np.cumsum(np.isfinite(parent.close), axis=0))[refreshes]
        enough = np.nan_to_num(history) >= self.min_history
        ends = np.append(refreshes[1:], len(out))
        for refresh, (first, last) in enumerate(zip(refreshes, ends, strict=True)):
            eligible = parent.alive[first] & enough[refresh]
            columns = self._chosen_columns([measure[refresh] for measure in measures], eligible)
            out[first:last, columns] = True
        return out & parent.member

    def check_count(self, member: BoolArray) -> None:
        """Raise `ParameterError` where the parent never has `count` members.

        `member` is the parent's membership (T, N).
        """
        largest = int(member.sum(axis=1).max(initial=0))
        if self.count > largest:
            raise ParameterError(
                f"`universe` {str(self)!r}: `{self.parent}` never has more than {largest} members with prices;"
                f" ask for {largest} or fewer"
            )

    def _chosen_columns(self, measures: list[FloatArray], eligible: BoolArray) -> IntArray:
        """The columns chosen at one refresh: the best mean rank first.

        Ties are in the order of the symbols.
        """
        # scipy.stats takes most of a second to import, and most universes are not screens.
        from scipy.stats import rankdata

        usable = np.flatnonzero(eligible & np.all([np.isfinite(measure) for measure in measures], axis=0))
        if not len(usable):
            return usable
        sign = -1.0 if self.highest else 1.0
        rank = np.mean([rankdata(sign * measure[usable]) for measure in measures], axis=0)
        return usable[np.argsort(rank, kind="stable")[: self.count]]


def is_screen(name: str) -> bool:
    """Whether the name of a universe is the expression of a screen."""
    return "|" in name


def check_universe(market: Market, name: str, where: str) -> None:
    """Raise an error unless the market has the universe, or the screen's parent.

    The message begins with `where`, a file and a key.
    """
    screen = Screen.parse(name) if is_screen(name) else None
    parent = name if screen is None else screen.parent
    if parent not in market.universes:
        raise UnknownNameError("universe", parent, market.universes, where)
    if screen is not None:
        universe = market.universe(parent)
        priced = tuple(symbol for symbol in universe.symbols if symbol in market.prices)
        try:
            screen.check_count(universe.members(market.sessions, priced))
        except ParameterError as error:
            raise ParameterError(f"{where}: {error}") from None


def _parent(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or is_screen(value):
        raise ParameterError(f"`universe`: parent must be the name of a universe, got {value!r}")
    return value.strip()


def _measures(value: Any) -> tuple[str, ...]:
    measures = [value] if isinstance(value, str) else value
    known = ", ".join(MEASURES)
    if not isinstance(measures, list | tuple) or not measures:
        raise ParameterError(f"`universe`: by must be a measure or a list of measures, got {value!r}; known: {known}")
    for measure in measures:
        if not isinstance(measure, str) or measure not in MEASURES:
            suggestion = did_you_mean(str(measure), MEASURES)
            raise ParameterError(f"`universe`: unknown measure `{measure}`{suggestion}; known: {known}")
    return tuple(measures)


def _whole(name: str, value: Any, minimum: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = minimum - 1
    if number < minimum:
        raise ParameterError(f"`universe`: {name} must be a whole number of {minimum} or more, got {value!r}")
    return number
