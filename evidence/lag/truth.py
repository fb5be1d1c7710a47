"""What a simulated market knows: the forced moves of its basket around shocks."""

from __future__ import annotations

import numpy as np

from undertow.evidence.lag.baskets import Basket, Leg
from undertow.evidence.lag.points import Paths, Places
from undertow.market import FloatArray, Market

_BASKET = "growth"


def true_moves(market: Market, basket: Basket, places: Places, rows: slice) -> FloatArray | None:
    """Mean forced log return of the basket at the points (16,), less its drift.

    Selling counts in the half session in which it comes, the reversal of a session at its close. None for a real
    market, and for other baskets than `growth` and the benchmark, which is that basket.

    Args:
        market: the market.
        basket: the basket.
        places: the places of the events.
        rows: the sessions over which the drift is measured.
    """
    if market.truth is None or basket.symbol not in (_BASKET, market.benchmark):
        return None
    selling = market.truth.selling
    reversal = market.truth.pressure - selling.sum(axis=1)
    steps = np.column_stack((selling[:, 0], selling[:, 1] + reversal)).ravel()
    return np.asarray(Paths(market, Basket(basket.name, Leg(_BASKET, steps)), rows).at_points(places).mean(axis=0))
