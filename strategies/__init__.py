"""Strategies: from signals to target weights, named or user-defined."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
    from undertow.strategies.stop_loss import StopLoss
    from undertow.strategies.strategy import Constant, Sets, Strategy
    from undertow.strategies.trend_filter import TrendFilter
    from undertow.strategies.vol_target import VolTarget
    from undertow.strategies.weights import REBALANCES, WEIGHTINGS, Rebalance, Weighting, base_weights, rebalance_rows
    from undertow.strategies.winners_first import WinnersFirst

_HOME = {
    "AllClear": "rules.parts",
    "BuyAndHold": "buy_and_hold",
    "Condition": "rules.parts",
    "Constant": "strategy",
    "Decision": "plan",
    "DefensiveRotation": "defensive_rotation",
    "Destination": "rules.parts",
    "DipBuyer": "dip_buyer",
    "DrawdownDeRisk": "drawdown_de_risk",
    "FreeRule": "rules.strategy",
    "Gate": "rules.parts",
    "HedgeOverlay": "hedge_overlay",
    "LEAST_TAX": "plan",
    "LiquidationCashRaise": "liquidation_cash_raise",
    "LiquidityDrain": "liquidity_drain",
    "LongTerm": "playbooks",
    "PROPORTIONAL": "plan",
    "Plan": "plan",
    "REBALANCES": "weights",
    "RandomTiming": "random_timing",
    "Rebalance": "weights",
    "Reentry": "rules.parts",
    "RiskTiers": "risk_tiers",
    "Rule": "rules.rule",
    "RuleStrategy": "rules.strategy",
    "Sets": "strategy",
    "ShortTerm": "playbooks",
    "StopLoss": "stop_loss",
    "Strategy": "strategy",
    "Swing": "playbooks",
    "Tier": "rules.parts",
    "Timing": "rules.parts",
    "TrendFilter": "trend_filter",
    "Trigger": "rules.parts",
    "VolTarget": "vol_target",
    "WEIGHTINGS": "weights",
    "Weighting": "weights",
    "WinnersFirst": "winners_first",
    "banded_nb": "band",
    "base_weights": "weights",
    "decided": "decided",
    "rebalance_rows": "weights",
    "shocks_of": "decided",
}

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
]


class _Face(ModuleType):
    """Loading a module does not replace the public function of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        clash = isinstance(value, ModuleType) and name in _HOME
        super().__setattr__(name, getattr(value, name) if clash else value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
