"""A strategy knows the market that it is given, and no other one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from undertow.market import FloatArray, Market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.testing.decided import checked_decision, decisions_of, sample_rules, suite_table
from undertow.testing.look_ahead import CUTS, check_equal_decisions
from undertow.testing.processes import run_fresh
from undertow.testing.worlds import Cut, noise_after, shuffled

_RULES = 3
# Of the association of decisions with returns that they cannot know, in standard deviations: of a million honest
# strategies not one gets there.
_TOO_MUCH = 6.0


def check_worlds(strategy: type[Strategy], market: Market, universe: str = "growth") -> None:
    """Check that nothing but the market that is given decides.

    Decisions in a market, computed here after those in another one, must equal those of a fresh process that has seen
    only that market: one with the same past and another future, and one with another past. Then the first market again.
    Finally the decisions in a market of shuffled moves must have nothing to do with the returns of the real one: where
    they do, the strategy has that market from elsewhere.

    Args:
        strategy: strategy class.
        market: market to decide on.
        universe: universe of the market.
    """
    name, rules = strategy.name(), sample_rules(strategy, _RULES)
    first = checked_decision(strategy, market, rules, "open", universe, suite_table(market, universe, "open"))
    for label, world in _worlds(market):
        here = checked_decision(strategy, world, rules, "open", universe, suite_table(world, universe, "open"))
        fresh = _fresh_decision(strategy, world, universe, label)
        change = (
            f"in a market with {label}, decided after another one, from what a fresh process decides: it keeps state"
            " between calls, or has a market of its own"
        )
        check_equal_decisions(name, (here[0], fresh), here, len(here[0]), change)
    again = checked_decision(strategy, market, rules, "open", universe, suite_table(market, universe, "open"))
    change = "when it was computed again after other markets: it keeps state between calls"
    check_equal_decisions(name, first, again, len(first[0]), change)
    _check_association(name, first[0], here[1])


@lru_cache(maxsize=2)
def _worlds(market: Market) -> tuple[tuple[str, Market], ...]:
    row = int(CUTS[1] * len(market.sessions))
    cut = Cut(row, decisions_of(market, "open").at[row])
    return ("another future", noise_after(market, cut)), ("another past", shuffled(market))


_received: dict[str, Market] = {}


def _fresh_decision(strategy: type[Strategy], market: Market, universe: str, label: str) -> Decision:
    process, key = f"{label} {market.fingerprint}", market.fingerprint
    fresh = run_fresh(process, strategy, _decide, (key, None, universe))
    # The process keeps its market, so that strategies share the signals of one table.
    fresh = run_fresh(process, strategy, _decide, (key, market, universe)) if fresh is None else fresh
    if not isinstance(fresh, Decision):
        raise AssertionError(f"`{strategy.name()}`: no decision in a fresh process")
    return fresh


def _decide(strategy: type[Strategy], key: str, market: Market | None, universe: str) -> Decision | None:
    """The decision in the market of a fingerprint; None before that was received."""
    if market is not None:
        _received[key] = market
    if key not in _received:
        return None
    table = suite_table(_received[key], universe, "open")
    rules = sample_rules(strategy, _RULES)
    return checked_decision(strategy, table.market, rules, "open", universe, table)[1]


def _check_association(name: str, table: DecisionTable, decision: Decision) -> None:
    """Check decisions in the shuffled market against the returns of the complete one."""
    prices = table.market.prices
    with np.errstate(invalid="ignore"):
        by_name = table.close[1:] / table.close[:-1] - 1.0
        inside = (prices.close / prices.open - 1.0)[:, table.columns]
    own = np.concatenate((np.full((1, by_name.shape[1]), np.nan), by_name))
    following = np.concatenate((by_name, np.full((1, by_name.shape[1]), np.nan)))
    returns = {"the session's return": own, "its move from open to close": inside, "the next session's": following}
    panels = {"exposure": decision.exposure, "hedge": decision.hedge, "rotation": decision.rotation}
    for source, values in returns.items():
        basket = _mean(np.where(table.member, values, np.nan))
        for label, panel in panels.items():
            for series in () if panel is None else panel.T:
                _refuse(name, label, source, _correlation(series, basket))
        for number, score in enumerate(decision.scores):
            _refuse(name, f"selling order {number}", source, _rank_score(score, np.where(table.alive, values, np.nan)))


def _refuse(name: str, label: str, source: str, deviations: float) -> None:
    if abs(deviations) > _TOO_MUCH:
        raise AssertionError(
            f"`{name}`: {label}, decided in a market with another past, moves with {source} in the first market by"
            f" {deviations:+.1f} standard deviations: it has a market of its own, and looks ahead in it"
        )


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    return np.where(known.any(axis=1), np.nansum(values, axis=1) / np.maximum(known.sum(axis=1), 1), np.nan)


def _correlation(series: FloatArray, returns: FloatArray) -> float:
    """Rank correlation in standard deviations; 0 where either does not vary."""
    known = np.isfinite(series) & np.isfinite(returns)
    left, right = (_centred(values[known]) for values in (series, returns))
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum() / size * np.sqrt(known.sum())) if size > 0 else 0.0


def _rank_score(scores: FloatArray, returns: FloatArray) -> float:
    """Mean of the sessions' rank covariances across names, in standard deviations."""
    products = []
    for score, move in zip(scores, returns, strict=True):
        known = np.isfinite(score) & np.isfinite(move)
        if known.sum() > 2:
            products.append(float((_centred(score[known]) * _centred(move[known])).sum()))
    size = float(np.sqrt(np.square(products).sum())) if products else 0.0
    return float(np.sum(products)) / size if size > 0 else 0.0


def _centred(values: npt.NDArray[np.float64]) -> FloatArray:
    ranks = np.asarray(rankdata(values), dtype=np.float64)
    return ranks - ranks.mean() if len(ranks) else ranks
