"""Signals to target weights: tiers, sources of cash, re-entry; the named strategies."""

from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.drawdown_de_risk import DrawdownDeRisk
from undertow.strategies.liquidity_drain import LiquidityDrain
from undertow.strategies.plan import Decision, Plan
from undertow.strategies.strategy import Strategy
from undertow.strategies.vol_target import VolTarget

__all__ = ["BuyAndHold", "Decision", "DrawdownDeRisk", "LiquidityDrain", "Plan", "Strategy", "VolTarget"]
