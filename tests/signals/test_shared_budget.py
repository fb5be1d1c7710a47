"""The shared risk budget against a slower derivation, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from undertow.market import FloatArray
from undertow.signals import SharedBudget, kept_stocks_nb, risk_ceiling_nb
from undertow.strategies.shared_risk_budget import budget_exposure_nb, paced_nb

RNG = np.random.default_rng(19)
EQUITY = np.exp(np.cumsum(RNG.normal(0, 0.01, 90)))
BTC = np.exp(np.cumsum(RNG.normal(0, 0.03, 90) + 0.8 * np.diff(np.log(EQUITY), prepend=0.0)))
SETTINGS = {"window": 20, "decay": 0.9, "crypto": 0.2, "target": 0.15, "limit": 0.10}


def test_the_largest_share_by_hand() -> None:
    # 10 % in bitcoin at 60 %, 90 % in stocks at 20 %, uncorrelated: root(0.06² + 0.18²) = 0.18974.
    assert kept_stocks_nb(0.1, 0.9, 0.60, 0.20, 0.0, 0.19) == 0.9
    # Under 0.10: s with 0.06² + (0.2 s)² = 0.10², so 0.2 s = 0.08.
    assert kept_stocks_nb(0.1, 0.9, 0.60, 0.20, 0.0, 0.10) == pytest.approx(0.4)
    # In step, volatilities add: 0.06 + 0.2 s = 0.10.
    assert kept_stocks_nb(0.1, 0.9, 0.60, 0.20, 1.0, 0.10) == pytest.approx(0.2)
    # Bitcoin alone is above the ceiling: nothing is kept, but where stocks move against it they calm it.
    assert kept_stocks_nb(0.1, 0.9, 0.60, 0.20, 0.0, 0.05) == 0.0
    assert kept_stocks_nb(0.1, 0.9, 0.60, 0.20, -0.5, 0.01) == pytest.approx(0.5 * 0.06 / 0.20)
    assert np.isnan(kept_stocks_nb(0.1, 0.9, np.nan, 0.20, 0.0, 0.05))


def test_a_loss_uses_up_the_limit() -> None:
    # 99 % over ten sessions: 2.3263 root(10 / 252) = 0.46342 of the volatility a year. A limit of 10 %, and 4 % lost.
    assert risk_ceiling_nb(1.0, 0.10, 0.0) == pytest.approx(0.10 / 0.463420, rel=1e-5)
    assert risk_ceiling_nb(1.0, 0.10, 0.04) == pytest.approx(0.06 / 0.463420, rel=1e-5)
    assert risk_ceiling_nb(0.12, 0.10, 0.04) == 0.12
    assert risk_ceiling_nb(1.0, 0.10, 0.12) == 0.0


def slow(row: int, window: int, decay: float, crypto: float, target: float, limit: float) -> tuple[float, ...]:
    """The share kept, by search over a grid of shares, and the risk behind it, from the covariance matrix."""
    pairs = np.stack([BTC[1:] / BTC[:-1] - 1.0, EQUITY[1:] / EQUITY[:-1] - 1.0])[:, row - window : row]
    weights = decay ** np.arange(window)[::-1]
    covariance = (pairs * weights) @ pairs.T / weights.sum() * 252
    bitcoin = crypto * BTC[row] / BTC[row - window : row + 1].max()
    loss = crypto - bitcoin
    value = bitcoin + 1.0 - crypto

    def risk(share: FloatArray) -> FloatArray:
        holdings = np.stack([np.full(len(share), bitcoin), share * (1.0 - crypto)]) / value
        return np.sqrt(np.einsum("ik,ij,jk->k", holdings, covariance, holdings))

    shares = np.linspace(0.0, 1.0, 100_001)
    fits = (risk(shares) <= target) & (2.3263478740408408 * risk(shares) * np.sqrt(10 / 252) + loss <= limit)
    kept = shares[fits].max() if fits.any() else 0.0
    return float(kept), float(risk(np.ones(1))[0]), loss


def test_the_signal_as_a_search_finds_it() -> None:
    ran = SharedBudget.run(BTC, EQUITY, **SETTINGS)
    assert np.isnan(ran.exposure[:20]).all()
    kept, risk, loss = np.array([slow(row, **SETTINGS) for row in range(20, 90)]).T  # type: ignore[arg-type]
    assert_allclose(ran.exposure[20:], kept, atol=2e-5)
    assert_allclose(ran.volatility[20:], risk, rtol=1e-9)
    assert_allclose(ran.loss[20:], loss, atol=1e-12)
    assert 0.0 < kept.min() < 0.5 < kept.max()
    # 80 % of a million is in stocks: a fall of the share by a tenth is a sale of USD 80,000.
    falls = np.maximum(0.0, ran.exposure[20:-1].to_numpy() - ran.exposure[21:].to_numpy())
    assert_allclose(ran.sold[21:], falls * 800_000.0, atol=1e-6)
    assert np.isnan(ran.sold[20])


def test_a_fall_of_bitcoin_forces_a_sale() -> None:
    """Stocks stand as they did; bitcoin falls by 30 % in one session."""
    equity = np.cumprod(1.0 + 0.01 * (-1.0) ** np.arange(40))
    btc = np.cumprod(1.0 + 0.02 * (-1.0) ** (np.arange(40) // 2))
    settings = {**SETTINGS, "crypto": 0.1, "target": 0.20, "limit": 0.50}
    calm = SharedBudget.run(btc, equity, **settings)
    assert (calm.exposure[20:] == 1.0).all()
    btc[-1] = btc[-2] * 0.7
    fallen = SharedBudget.run(btc, equity, **settings)
    assert 0.85 < fallen.exposure.iloc[-1] < 0.95
    assert fallen.sold.iloc[-1] == pytest.approx((1.0 - fallen.exposure.iloc[-1]) * 900_000.0)


def test_a_sale_is_spread_over_the_hours() -> None:
    # Decisions a day apart, then a weekend. 48 hours: half, then the other half; on Friday all at once.
    passing = np.array([24.0, 24.0, 24.0, 24.0, 72.0, 24.0, 24.0])
    target = np.array([[1.0, 0.6, 0.6, np.nan, 0.2, 0.21, 1.0]]).T
    exposure, stale = paced_nb(target, passing, np.array([48.0]), np.array([0.05]))
    assert_allclose(exposure[:, 0], [1.0, 0.8, 0.6, 0.6, 0.2, 0.2, 1.0])
    assert stale[:, 0].tolist() == [False, False, False, True, False, False, False]
    # A deeper aim starts its hours again, from where the sale stands; an unknown one does not stop it.
    target = np.array([[0.6, 0.2, np.nan, np.nan]]).T
    exposure, stale = paced_nb(target, np.full(4, 24.0), np.array([48.0]), np.array([0.05]))
    assert_allclose(exposure[:, 0], [0.8, 0.5, 0.2, 0.2])
    assert stale[:, 0].tolist() == [False, False, False, True]
    assert paced_nb(target, np.full(4, 24.0), np.zeros(1), np.zeros(1))[0][0, 0] == 0.6


def test_the_night_counts_as_one_more_return() -> None:
    # Bitcoin at its high with 60 %; the stocks at 20 %, uncorrelated; -20 % since the close; decay 0.9.
    numbers = np.array([[0.1], [0.15], [0.5], [0.9]])
    at = [np.full((1, 1), value) for value in (0.0, 0.6, 0.2, 0.0)]
    kept = budget_exposure_nb(at[0], at[1], at[2], at[3], np.array([-0.2]), numbers)[0, 0]
    volatility = np.sqrt(0.9 * 0.36 + 0.1 * 252 * 0.04)
    # 8 % of 98 % in bitcoin, 90 % of 98 % in stocks: (x v)² + (s 0.2)² = 0.15².
    stocks = np.sqrt(0.15**2 - (0.08 / 0.98 * volatility) ** 2) / 0.2
    assert kept == pytest.approx(stocks / (0.90 / 0.98))
    assert kept < 1.0
    unmoved = budget_exposure_nb(at[0], at[1], at[2], at[3], np.array([0.0]), numbers)[0, 0]
    assert unmoved > kept
    assert np.isnan(budget_exposure_nb(at[0], at[1], at[2], at[3], np.array([np.nan]), numbers)[0, 0])
