"""Strategies: from signals to target weights, named or user-defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.strategies.band import banded_nb
    from undertow.strategies.buy_and_hold import BuyAndHold
    from undertow.strategies.decided import decided, shocks_of
    from undertow.strategies.defensive_rotation import DefensiveRotation
    from undertow.strategies.dip_buyer import DipBuyer
    from undertow.strategies.drawdown_de_risk import DrawdownDeRisk
    from undertow.strategies.hedge_overlay import HedgeOverlay
    from undertow.strategies.liquidation_cash_raise import LiquidationCashRaise
    from undertow.strategies.liquidity_drain import LiquidityDrain
    from undertow.strategies.plan import LEAST_TAX, PROPORTIONAL, Decision, Plan
    from undertow.strategies.playbooks import LongTerm, ShortTerm, Swing
    from undertow.strategies.random_timing import RandomTiming
    from undertow.strategies.risk_tiers import RiskTiers
    from undertow.strategies.rules.parts import AllClear, Condition, Destination, Gate, Reentry, Tier, Timing, Trigger
    from undertow.strategies.rules.rule import Rule
    from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
    from undertow.strategies.shared_risk_budget import SharedRiskBudget
    from undertow.strategies.stop_loss import StopLoss
    from undertow.strategies.strategy import Constant, Sets, Strategy
    from undertow.strategies.trend_filter import TrendFilter
    from undertow.strategies.vol_target import VolTarget
    from undertow.strategies.weights import (
        REBALANCES,
        WEIGHTINGS,
        Rebalance,
        Weighting,
        base_weights,
        rebalance_rows,
        unpriced_weights,
    )
    from undertow.strategies.winners_first import WinnersFirst
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "band": ("banded_nb",),
            "buy_and_hold": ("BuyAndHold",),
            "decided": (
                "decided",
                "shocks_of",
            ),
            "defensive_rotation": ("DefensiveRotation",),
            "dip_buyer": ("DipBuyer",),
            "drawdown_de_risk": ("DrawdownDeRisk",),
            "hedge_overlay": ("HedgeOverlay",),
            "liquidation_cash_raise": ("LiquidationCashRaise",),
            "liquidity_drain": ("LiquidityDrain",),
            "plan": (
                "Decision",
                "LEAST_TAX",
                "PROPORTIONAL",
                "Plan",
            ),
            "playbooks": (
                "LongTerm",
                "ShortTerm",
                "Swing",
            ),
            "random_timing": ("RandomTiming",),
            "risk_tiers": ("RiskTiers",),
            "rules.parts": (
                "AllClear",
                "Condition",
                "Destination",
                "Gate",
                "Reentry",
                "Tier",
                "Timing",
                "Trigger",
            ),
            "rules.rule": ("Rule",),
            "rules.strategy": (
                "FreeRule",
                "RuleStrategy",
            ),
            "shared_risk_budget": ("SharedRiskBudget",),
            "stop_loss": ("StopLoss",),
            "strategy": (
                "Constant",
                "Sets",
                "Strategy",
            ),
            "trend_filter": ("TrendFilter",),
            "vol_target": ("VolTarget",),
            "weights": (
                "REBALANCES",
                "Rebalance",
                "WEIGHTINGS",
                "Weighting",
                "base_weights",
                "rebalance_rows",
                "unpriced_weights",
            ),
            "winners_first": ("WinnersFirst",),
        },
    )

__all__ = [
    "LEAST_TAX",
    "PROPORTIONAL",
    "REBALANCES",
    "WEIGHTINGS",
    "AllClear",
    "BuyAndHold",
    "Condition",
    "Constant",
    "Decision",
    "DefensiveRotation",
    "Destination",
    "DipBuyer",
    "DrawdownDeRisk",
    "FreeRule",
    "Gate",
    "HedgeOverlay",
    "LiquidationCashRaise",
    "LiquidityDrain",
    "LongTerm",
    "Plan",
    "RandomTiming",
    "Rebalance",
    "Reentry",
    "RiskTiers",
    "Rule",
    "RuleStrategy",
    "Sets",
    "SharedRiskBudget",
    "ShortTerm",
    "StopLoss",
    "Strategy",
    "Swing",
    "Tier",
    "Timing",
    "TrendFilter",
    "Trigger",
    "VolTarget",
    "Weighting",
    "WinnersFirst",
    "banded_nb",
    "base_weights",
    "decided",
    "rebalance_rows",
    "shocks_of",
    "unpriced_weights",
]
