"""Universe screens: names chosen by what was known then, so that a growth universe needs no hindsight."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from undertow.market.calendar import period_starts
from undertow.market.clock import BoolArray, FloatArray, IntArray
from undertow.market.errors import ParameterError, UnknownNameError, did_you_mean
from undertow.signals.beta import beta_nb
from undertow.signals.drawdown import drop_nb
from undertow.signals.volatility import realized_volatility_nb

if TYPE_CHECKING:
    from undertow.market.market import Market
    from undertow.signals.decisions.table import DecisionTable

YEAR, HALF_YEAR, QUARTER, MONTH = 252, 126, 63, 21  # sessions
GRAMMAR = "PARENT | top N by MEASURE[, MEASURE] | monthly, quarterly or yearly [| min-history SESSIONS]"
_REFRESH = ("monthly", "quarterly", "yearly")
_KEYS = ("parent", "top", "bottom", "by", "refresh", "min-history")


def beta(table: DecisionTable) -> FloatArray:
    """Beta to the benchmark over half a year (T, N), by session."""
    return beta_nb(table.close, np.ascontiguousarray(table.benchmark[:, None]), HALF_YEAR)


def momentum(table: DecisionTable) -> FloatArray:
    """Return over 12 months (T, N), by session."""
    return drop_nb(table.close, YEAR)


def momentum_skip_month(table: DecisionTable) -> FloatArray:
    """Return over 12 months without the last one (T, N), by session (Jegadeesh and Titman 1993)."""
    out = np.full(table.close.shape, np.nan)
    out[YEAR:] = table.close[YEAR - MONTH : -MONTH] / table.close[:-YEAR] - 1.0
    return out


def volatility(table: DecisionTable) -> FloatArray:
    """Annual volatility over a quarter (T, N), by session."""
    return realized_volatility_nb(table.close, QUARTER, float(YEAR))


def liquidity(table: DecisionTable) -> FloatArray:
    """Mean money traded a session over a quarter (T, N), by session; a session without a price counts as none.

    Closes that are adjusted for dividends, as vendors' are, take those paid later off what was traded then: a name that
    has paid out half of its price since counts for half. With closes adjusted for splits alone nothing later counts.
    """
    money = table.close * table.market.prices.volume[:, table.columns]
    total = np.cumsum(np.where(np.isfinite(money), money, 0.0), axis=0)
    total[QUARTER:] = total[QUARTER:] - total[:-QUARTER]
    return np.where(np.isfinite(table.close), total / QUARTER, np.nan)


MEASURES: Mapping[str, Callable[[DecisionTable], FloatArray]] = {
    "beta": beta,
    "momentum": momentum,
    "momentum-skip-month": momentum_skip_month,
    "volatility": volatility,
    "liquidity": liquidity,
}


@dataclass(frozen=True)
class Screen:
    """The `count` members of `parent` with the highest (or lowest) mean rank by the measures.

    Chosen at the decision of the first session of each period from what was known then, among the members that can be
    held and have every measure and `min_history` closes; held until the next refresh. A name that leaves the parent
    leaves at once.
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
        chosen = re.fullmatch(r"(top|bottom)\s+(\S+)\s+by\s+(.+)", parts[1]) if len(parts) in (3, 4) else None
        history = re.fullmatch(r"min-history\s+(\S+)", parts[3]) if len(parts) == 4 else None
        if chosen is None or not parts[0] or (len(parts) == 4 and history is None):
            raise ParameterError(f"`universe` {text!r} cannot be read; write {GRAMMAR}")
        return cls.of(
            {
                "parent": parts[0],
                chosen[1]: chosen[2],
                "by": [measure.strip() for measure in chosen[3].split(",")],
                "refresh": parts[2],
                **({"min-history": history[1]} if history else {}),
            }
        )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Screen:
        """A screen from a table such as `{parent = "sp500", top = 100, by = ["beta"], refresh = "quarterly"}`."""
        for key in given:
            if key not in _KEYS:
                near = did_you_mean(str(key), _KEYS)
                raise ParameterError(f"`universe` has an unknown key `{key}`{near}; allowed: {', '.join(_KEYS)}")
        if ("top" in given) == ("bottom" in given) or not {"parent", "by"} <= set(given):
            raise ParameterError(f"`universe` needs `parent`, `by` and either `top` or `bottom`; as text: {GRAMMAR}")
        side = "top" if "top" in given else "bottom"
        parent, by = _parent(given["parent"]), _measures(given["by"])
        refresh = str(given.get("refresh", "quarterly"))
        if refresh not in _REFRESH:
            near = did_you_mean(refresh, _REFRESH)
            raise ParameterError(f"`universe`: refresh must be one of {', '.join(_REFRESH)}; got {refresh!r}{near}")
        history = _whole("min-history", given.get("min-history", 0), 0)
        return cls(parent, _whole(side, given[side], 1), by, refresh, side == "top", history)

    def members(self, table: DecisionTable) -> BoolArray:
        """Membership (T, N) among the names of the parent's table.

        Raises `ParameterError` where the parent never has as many members as are asked for.
        """
        self.check_count(table.member)
        out = np.zeros(table.member.shape, dtype=np.bool_)
        refreshes = period_starts(table.decisions.sessions, self.refresh)
        measures = [table.known(MEASURES[name](table))[refreshes] for name in self.by]
        history = table.known(np.cumsum(np.isfinite(table.close), axis=0))[refreshes]
        enough = np.nan_to_num(history) >= self.min_history
        ends = np.append(refreshes[1:], len(out))
        for place, (first, last) in enumerate(zip(refreshes, ends, strict=True)):
            eligible = table.alive[first] & enough[place]
            chosen = self._chosen([measure[place] for measure in measures], eligible)
            out[first:last, chosen] = True
        return out & table.member

    def check_count(self, member: BoolArray) -> None:
        """Raise `ParameterError` where the parent, by its membership (T, N), never has the members asked for."""
        most = int(member.sum(axis=1).max(initial=0))
        if self.count > most:
            raise ParameterError(
                f"`universe` {str(self)!r}: `{self.parent}` never has more than {most} members with prices;"
                f" ask for {most} or fewer"
            )

    def _chosen(self, measures: list[FloatArray], eligible: BoolArray) -> IntArray:
        """The names of one refresh: the highest mean rank first, equals in the order of the symbols."""
        # scipy.stats takes most of a second to import, and most universes are no screens.
        from scipy.stats import rankdata

        usable = np.flatnonzero(eligible & np.all([np.isfinite(each) for each in measures], axis=0))
        if not len(usable):
            return usable
        sign = -1.0 if self.highest else 1.0
        rank = np.mean([rankdata(sign * each[usable]) for each in measures], axis=0)
        return usable[np.argsort(rank, kind="stable")[: self.count]]


def is_screen(name: str) -> bool:
    """Whether a universe is asked for by an expression."""
    return "|" in name


def check_universe(market: Market, name: str, where: str) -> None:
    """Raise an error that begins with `where`, a file and a key, unless `market` has the universe or the screen."""
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


def _parent(given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or is_screen(given):
        raise ParameterError(f"`universe`: parent must be the name of a universe, got {given!r}")
    return given.strip()


def _measures(given: Any) -> tuple[str, ...]:
    by = [given] if isinstance(given, str) else given
    known = ", ".join(MEASURES)
    if not isinstance(by, list | tuple) or not by:
        raise ParameterError(f"`universe`: by must be a measure or a list of measures, got {given!r}; known: {known}")
    for measure in by:
        if not isinstance(measure, str) or measure not in MEASURES:
            near = did_you_mean(str(measure), MEASURES)
            raise ParameterError(f"`universe`: unknown measure `{measure}`{near}; known: {known}")
    return tuple(by)


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if number < least:
        raise ParameterError(f"`universe`: {name} must be a whole number of {least} or more, got {value!r}")
    return number
