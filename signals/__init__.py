"""Market to causal indicators: each signal is a pure array function wrapped as a vectorbt indicator."""

from undertow.signals.absorption import AbsorptionRatio
from undertow.signals.base.bounds import Bounds
from undertow.signals.base.spec import Parameter, Spec, indicator
from undertow.signals.beta import Beta
from undertow.signals.breach import SupportBreach
from undertow.signals.breadth import Breadth, NewLows
from undertow.signals.calibration import ProxyCalibration, calibrate_proxy
from undertow.signals.cascade import Cascade
from undertow.signals.contagion import AltcoinContagion
from undertow.signals.correlation import AveragePairwiseCorrelation, BtcEquityCorrelation
from undertow.signals.drawdown import Drawdown, Drop, RowsSinceLow
from undertow.signals.forced_exposure import ForcedExposure
from undertow.signals.funding import Funding
from undertow.signals.leadership import Leadership, LeadershipBreak
from undertow.signals.liquidation import LiquidationSpike
from undertow.signals.macro import CreditShock, DollarShock, RatesShock
from undertow.signals.open_interest import OpenInterestChange, OpenInterestDivergence
from undertow.signals.policy import PolicyTailwind
from undertow.signals.proxy import LiquidationProxy
from undertow.signals.regime import Regime
from undertow.signals.scenarios import Scenario
from undertow.signals.selloff import BasketSelloff, Selloff
from undertow.signals.speed import DrawdownSpeed
from undertow.signals.stabilisation import Stabilisation
from undertow.signals.vix import Vix
from undertow.signals.volatility import BasketVolatility, RealizedVolatility
from undertow.signals.volatility_shock import BasketVolatilityShock, VolatilityShock
from undertow.signals.volume import VolumeSpike
from undertow.signals.weekend import WeekendGap

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
    "CreditShock",
    "DollarShock",
    "Drawdown",
    "DrawdownSpeed",
    "Drop",
    "ForcedExposure",
    "Funding",
    "Leadership",
    "LeadershipBreak",
    "LiquidationProxy",
    "LiquidationSpike",
    "NewLows",
    "OpenInterestChange",
    "OpenInterestDivergence",
    "Parameter",
    "PolicyTailwind",
    "ProxyCalibration",
    "RatesShock",
    "RealizedVolatility",
    "Regime",
    "RowsSinceLow",
    "Scenario",
    "Selloff",
    "Spec",
    "Stabilisation",
    "SupportBreach",
    "Vix",
    "VolatilityShock",
    "VolumeSpike",
    "WeekendGap",
    "calibrate_proxy",
    "indicator",
]
