"""Signals: causal indicators of a market, each a vectorbt indicator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.market import lazy_names

if TYPE_CHECKING:
    from undertow.signals import base, decisions
    from undertow.signals.absorption import AbsorptionRatio
    from undertow.signals.base import Bounds, Parameter, Spec, indicator
    from undertow.signals.beta import Beta, beta_nb
    from undertow.signals.breach import SupportBreach
    from undertow.signals.breadth import Breadth, NewLows
    from undertow.signals.calibration import ProxyCalibration, calibrate_proxy
    from undertow.signals.cascade import Cascade
    from undertow.signals.common_trend import CommonTrend, CommonTrendSpy
    from undertow.signals.compression import CompressionWarning
    from undertow.signals.contagion import AltcoinContagion
    from undertow.signals.correlation import AveragePairwiseCorrelation, BtcEquityCorrelation
    from undertow.signals.drawdown import Drawdown, Drop, RowsSinceLow, drop_nb
    from undertow.signals.forced_exposure import ForcedExposure, IndexForcedExposure
    from undertow.signals.funding import Funding
    from undertow.signals.leadership import Leadership, LeadershipBreak
    from undertow.signals.liquidation import LiquidationSpike, liquidation_spike_nb
    from undertow.signals.macro import CreditShock, DollarShock, RatesShock, YieldsAndDollar
    from undertow.signals.open_interest import OpenInterestChange, OpenInterestDivergence
    from undertow.signals.policy import PolicyPath, PolicyTailwind
    from undertow.signals.proxy import LiquidationProxy
    from undertow.signals.regime import Regime
    from undertow.signals.scenarios import Scenario
    from undertow.signals.selloff import BasketSelloff, Selloff
    from undertow.signals.shared_budget import SharedBudget, kept_stocks_nb, risk_ceiling_nb
    from undertow.signals.speed import DrawdownSpeed
    from undertow.signals.stabilisation import Stabilisation
    from undertow.signals.trend import Trend
    from undertow.signals.vix import Vix
    from undertow.signals.volatility import BasketVolatility, RealizedVolatility, realized_volatility_nb
    from undertow.signals.volatility_shock import BasketVolatilityShock, VolatilityShock
    from undertow.signals.volume import VolumeSpike
    from undertow.signals.weekend import WeekendGap
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "absorption": ("AbsorptionRatio",),
            "base": (
                "Bounds",
                "Parameter",
                "Spec",
                "indicator",
            ),
            "beta": (
                "Beta",
                "beta_nb",
            ),
            "breach": ("SupportBreach",),
            "breadth": (
                "Breadth",
                "NewLows",
            ),
            "calibration": (
                "ProxyCalibration",
                "calibrate_proxy",
            ),
            "cascade": ("Cascade",),
            "common_trend": (
                "CommonTrend",
                "CommonTrendSpy",
            ),
            "compression": ("CompressionWarning",),
            "contagion": ("AltcoinContagion",),
            "correlation": (
                "AveragePairwiseCorrelation",
                "BtcEquityCorrelation",
            ),
            "drawdown": (
                "Drawdown",
                "Drop",
                "RowsSinceLow",
                "drop_nb",
            ),
            "forced_exposure": (
                "ForcedExposure",
                "IndexForcedExposure",
            ),
            "funding": ("Funding",),
            "leadership": (
                "Leadership",
                "LeadershipBreak",
            ),
            "liquidation": (
                "LiquidationSpike",
                "liquidation_spike_nb",
            ),
            "macro": (
                "CreditShock",
                "DollarShock",
                "RatesShock",
                "YieldsAndDollar",
            ),
            "open_interest": (
                "OpenInterestChange",
                "OpenInterestDivergence",
            ),
            "policy": (
                "PolicyPath",
                "PolicyTailwind",
            ),
            "proxy": ("LiquidationProxy",),
            "regime": ("Regime",),
            "scenarios": ("Scenario",),
            "selloff": (
                "BasketSelloff",
                "Selloff",
            ),
            "shared_budget": (
                "SharedBudget",
                "kept_stocks_nb",
                "risk_ceiling_nb",
            ),
            "speed": ("DrawdownSpeed",),
            "stabilisation": ("Stabilisation",),
            "trend": ("Trend",),
            "vix": ("Vix",),
            "volatility": (
                "BasketVolatility",
                "RealizedVolatility",
                "realized_volatility_nb",
            ),
            "volatility_shock": (
                "BasketVolatilityShock",
                "VolatilityShock",
            ),
            "volume": ("VolumeSpike",),
            "weekend": ("WeekendGap",),
        },
        packages=(
            "base",
            "decisions",
        ),
    )

__all__ = [
    "AbsorptionRatio",
    "AltcoinContagion",
    "AveragePairwiseCorrelation",
    "BasketSelloff",
    "BasketVolatility",
    "BasketVolatilityShock",
    "Beta",
    "Bounds",
    "Breadth",
    "BtcEquityCorrelation",
    "Cascade",
    "CommonTrend",
    "CommonTrendSpy",
    "CompressionWarning",
    "CreditShock",
    "DollarShock",
    "Drawdown",
    "DrawdownSpeed",
    "Drop",
    "ForcedExposure",
    "Funding",
    "IndexForcedExposure",
    "Leadership",
    "LeadershipBreak",
    "LiquidationProxy",
    "LiquidationSpike",
    "NewLows",
    "OpenInterestChange",
    "OpenInterestDivergence",
    "Parameter",
    "PolicyPath",
    "PolicyTailwind",
    "ProxyCalibration",
    "RatesShock",
    "RealizedVolatility",
    "Regime",
    "RowsSinceLow",
    "Scenario",
    "Selloff",
    "SharedBudget",
    "Spec",
    "Stabilisation",
    "SupportBreach",
    "Trend",
    "Vix",
    "VolatilityShock",
    "VolumeSpike",
    "WeekendGap",
    "YieldsAndDollar",
    "base",
    "beta_nb",
    "calibrate_proxy",
    "decisions",
    "drop_nb",
    "indicator",
    "kept_stocks_nb",
    "liquidation_spike_nb",
    "realized_volatility_nb",
    "risk_ceiling_nb",
]
