"""A strategy's decisions on other sessions: placebos and accounts less an episode."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.sweeps.chunk import SweepTask, session_returns, walk_decision
from undertow.market import BoolArray, FloatArray, IntArray, Market, ParameterError, Universe
from undertow.strategies import PROPORTIONAL, Decision, Strategy, decided

# Sets that are walked at once.
_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class Rearranged:
    """The decisions of one strategy, from which the sessions of others are taken.

    Args:
        task: market, universe, sessions and account of the walk.
        decision: the decision of the one strategy over all sessions of the market.
    """

    task: SweepTask
    decision: Decision

    @property
    def exposure(self) -> FloatArray:
        """Target share of capital in stocks (T,), net of what is sold short."""
        net = self.decision.exposure
        net = net if self.decision.hedge is None else net - self.decision.hedge
        return np.asarray(net[self.task.prepared.rows, 0], dtype=np.float64)

    @property
    def resting(self) -> int:
        """A session of the run with the most common exposure, the higher of two."""
        levels, counts = np.unique(self.exposure, return_counts=True)
        return int(np.argmax(self.exposure == levels[counts == counts.max()][-1]))

    @property
    def away(self) -> BoolArray:
        """The sessions (T,) away from the most common exposure."""
        return np.asarray(self.exposure != self.exposure[self.resting], dtype=np.bool_)

    def on(self, symbol: str) -> Rearranged:
        """The same decisions with one other symbol as the whole basket.

        Raises `ParameterError` where the market has no prices of it.
        """
        market = self.task.market
        if symbol not in market.prices:
            raise ParameterError(f"market {market.name!r} has no prices of `{symbol}`; name a symbol that it has")
        unbounded = np.array(["NaT"], dtype="datetime64[ns]")
        span = pd.DataFrame({"symbol": [symbol], "start": unbounded, "end": unbounded})
        name = f"{symbol} alone"
        other = replace(market, universes={**market.universes, name: Universe(name, span)})
        proportional = np.full(len(self.decision.score_of_set), PROPORTIONAL, dtype=np.int64)
        decision = replace(self.decision, scores=(), score_of_set=proportional)
        return Rearranged(replace(self.task, market=other, universe=name), decision)

    def returns(self, sources: IntArray) -> FloatArray:
        """Session returns (P, T), decimal, after costs.

        Args:
            sources: (P, T) the session of the run whose exposure, hedge and rotation hold on each session; the order of
                selling stays that of the session itself.
        """
        parts = [self._walk(sources[first : first + _AT_ONCE]) for first in range(0, len(sources), _AT_ONCE)]
        return np.concatenate(parts)

    def _walk(self, sources: IntArray) -> FloatArray:
        rows, count = self.task.prepared.rows, len(sources)

        def placed(panel: FloatArray | None) -> FloatArray | None:
            if panel is None:
                return None
            whole = np.repeat(panel[:, :1], count, axis=1)
            whole[rows] = panel[rows, 0][sources].T
            return whole

        def repeated(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else np.repeat(values[:1], count)

        exposure = placed(self.decision.exposure)
        assert exposure is not None
        decision = Decision(
            exposure=exposure,
            stale=np.zeros(exposure.shape, dtype=np.bool_),
            score_of_set=np.repeat(self.decision.score_of_set[:1], count),
            scores=self.decision.scores,
            rotation=placed(self.decision.rotation),
            basket=self.decision.basket,
            hedge=placed(self.decision.hedge),
            hedge_symbol=self.decision.hedge_symbol,
            stop=repeated(self.decision.stop),
            stop_wait=repeated(self.decision.stop_wait),
        )
        return session_returns(walk_decision(self.task, decision, True).values, self.task.account.capital)


def rearranged(
    strategy: Strategy,
    market: Market,
    *,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    account: Account | None = None,
) -> Rearranged:
    """The decisions of a strategy, to be walked on other sessions.

    Args:
        strategy: strategy, with its parameters set.
        market: market, from `load_market` or `simulate_market`.
        universe: name of a universe or a screen.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: fill, costs, weighting, rebalance and capital; by default `Account()`.

    Raises `ParameterError` as `backtest` does.
    """
    task = SweepTask(type(strategy), market, universe, start, end, account or Account())
    return Rearranged(task, decided(type(strategy), task.prepared.table, type(strategy).stack([strategy])))
