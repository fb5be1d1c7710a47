"""Signals to target weights: tiers, sources of cash, re-entry; the named strategies."""

from undertow.strategies.buy_and_hold import BuyAndHold
from undertow.strategies.defensive_rotation import DefensiveRotation
from undertow.strategies.dip_buyer import DipBuyer
from undertow.strategies.drawdown_de_risk import DrawdownDeRisk
from undertow.strategies.hedge_overlay import HedgeOverlay
from undertow.strategies.liquidation_cash_raise import LiquidationCashRaise
from undertow.strategies.liquidity_drain import LiquidityDrain
from undertow.strategies.plan import Decision, Plan
from undertow.strategies.playbooks import LongTerm, ShortTerm, Swing
from undertow.strategies.random_timing import RandomTiming
from undertow.strategies.risk_tiers import RiskTiers
from undertow.strategies.rules.parts import (
    AllClear,
    Condition,
    Destination,
    Gate,
    Reentry,
    Tier,
    Timing,
    Trigger,
)
from undertow.strategies.rules.rule import Rule
from undertow.strategies.rules.strategy import FreeRule, RuleStrategy
from undertow.strategies.stop_loss import StopLoss
from undertow.strategies.strategy import Constant, Strategy
from undertow.strategies.trend_filter import TrendFilter
from undertow.strategies.vol_target import VolTarget
from undertow.strategies.winners_first import WinnersFirst

__all__ = [
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
    "Reentry",
    "RiskTiers",
    "Rule",
    "RuleStrategy",
    "ShortTerm",
    "StopLoss",
    "Strategy",
    "Swing",
    "Tier",
    "Timing",
    "TrendFilter",
    "Trigger",
    "VolTarget",
    "WinnersFirst",
]
