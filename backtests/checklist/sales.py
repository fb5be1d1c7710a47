"""Which shares of a real portfolio are sold to raise an amount, lot by lot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from undertow.backtests.costs import Costs
from undertow.backtests.kernel.path import rates_of, selling_order
from undertow.backtests.kernel.reference import take_np
from undertow.market import FloatArray, HeldLot, IntArray
from undertow.strategies import LEAST_TAX, Decision

_NEVER = np.datetime64("2262-01-01", "D")
# Parts of a share, or of an amount, below this are rounding.
_ROUNDING = 1e-9


class Position(NamedTuple):
    """A name that may be sold: symbol, lots, last known price (USD), column."""

    symbol: str
    lots: tuple[HeldLot, ...]
    price: float
    column: int

    @property
    def shares(self) -> float:
        """The shares of all lots."""
        return float(sum(lot.shares for lot in self.lots))

    @property
    def value(self) -> float:
        """The value of all lots, USD."""
        return self.shares * self.price


def sized_sales(
    positions: tuple[Position, ...], decision: Decision, costs: Costs, needed: float, *, fractional: bool
) -> FloatArray:
    """The shares to sell of each position (N,), so that at least `needed` is raised.

    The order is that of the rule's source of cash on the decision's last session. Least tax goes lot by lot, those with
    the smallest gain for each dollar raised first, and lots of unknown cost last; where lots are sold by fifo it goes
    name by name, as a backtest does. Whole shares are rounded so that the cash is raised with the fewest further ones;
    a position that is sold in full is sold with its fraction of a share.

    Args:
        positions: the names that may be sold.
        decision: decision of one parameter set; its last session is the coming one.
        costs: costs of trading, and the order of lots.
        needed: cash to raise after fee and slippage, USD.
        fractional: whether parts of shares are sold.
    """
    held = np.array([position.shares for position in positions])
    price = np.array([position.price for position in positions])
    money = needed / rates_of(costs).sell
    if not len(positions) or money <= 0.0:
        return np.zeros(len(positions))
    score = int(decision.score_of_set[0])
    if score == LEAST_TAX and costs.lots == "hifo":
        sold = _by_lot(positions, costs, money)
    else:
        order = _by_average_gain(positions, costs) if score == LEAST_TAX else _by_score(positions, decision, score)
        sold = take_np(held * price, order, money) / price
    sold = np.where(sold >= held * (1.0 - _ROUNDING), held, sold)
    return sold if fractional else _whole(sold, held, price, money)


def closed_lots(lots: tuple[HeldLot, ...], shares: float, order: str) -> list[tuple[HeldLot, float]]:
    """The lots that a sale closes, with the shares taken from each.

    Args:
        lots: lots of one name.
        shares: shares sold.
        order: "hifo": the highest cost first, unknown cost last; "fifo": the oldest first, unknown day last.
    """
    closed = []
    for lot in sorted(lots, key=_highest_cost if order == "hifo" else _oldest):
        part = min(shares, lot.shares)
        if part > _ROUNDING:
            closed.append((lot, part))
            shares -= part
    return closed


def _highest_cost(lot: HeldLot) -> float:
    return np.inf if np.isnan(lot.cost) else -lot.cost


def _oldest(lot: HeldLot) -> np.datetime64:
    return _NEVER if np.isnat(lot.acquired) else lot.acquired.astype("datetime64[D]")


def _gain(cost: float, proceeds: float) -> float:
    """The gain for each dollar raised; rounded, so that lots that tie do tie."""
    return np.inf if np.isnan(cost) else round(1e9 * (1.0 - cost / proceeds))


def _by_lot(positions: tuple[Position, ...], costs: Costs, money: float) -> FloatArray:
    """The shares of each position (N,) that raise an amount with the smallest gain."""
    sell = rates_of(costs).sell
    ranked = [
        (_gain(lot.cost, position.price * sell), number, lot.shares)
        for number, position in enumerate(positions)
        for lot in sorted(position.lots, key=_highest_cost)
    ]
    sold = np.zeros(len(positions))
    for _, number, shares in sorted(ranked, key=lambda lot: lot[:2]):
        part = min(shares, max(0.0, money) / positions[number].price)
        sold[number] += part
        money -= part * positions[number].price
    return sold


def _by_average_gain(positions: tuple[Position, ...], costs: Costs) -> IntArray:
    """The positions by the gain on a sale of each whole position, smallest first."""
    sell = rates_of(costs).sell
    paid = [sum(lot.shares * lot.cost for lot in position.lots) for position in positions]
    gains = [_gain(cost, position.value * sell) for cost, position in zip(paid, positions, strict=True)]
    return np.argsort(np.array(gains), kind="stable").astype(np.int64)


def _by_score(positions: tuple[Position, ...], decision: Decision, score: int) -> IntArray:
    """The positions in the order of the rule's source; none for proportional."""
    if score < 0:
        return np.zeros(0, dtype=np.int64)
    order = selling_order(decision.scores[score][-1:])[0]
    if order[0] < 0:
        return np.zeros(0, dtype=np.int64)
    place = np.argsort(order, kind="stable")
    return np.argsort(np.array([place[position.column] for position in positions]), kind="stable").astype(np.int64)


def _whole(sold: FloatArray, held: FloatArray, price: FloatArray, money: float) -> FloatArray:
    """Whole shares that raise the amount: rounded down, then up one by one."""
    whole = np.where(sold >= held, held, np.floor(sold + _ROUNDING))
    for name in np.argsort(whole - sold, kind="stable"):
        if float((whole * price).sum()) >= money * (1.0 - _ROUNDING):
            break
        if whole[name] < sold[name]:
            whole[name] = min(held[name], whole[name] + 1.0)
    return whole
