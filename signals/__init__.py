"""Market to causal indicators: each signal is a pure array function wrapped as a vectorbt indicator."""

from undertow.signals.beta import Beta
from undertow.signals.drawdown import Drawdown, Drop, RowsSinceLow
from undertow.signals.liquidation import LiquidationSpike
from undertow.signals.proxy import LiquidationProxy
from undertow.signals.spec import Parameter, Spec, indicator
from undertow.signals.volatility import BasketVolatility, RealizedVolatility

__all__ = [
    "BasketVolatility",
    "Beta",
    "Drawdown",
    "Drop",
    "LiquidationProxy",
    "LiquidationSpike",
    "Parameter",
    "RealizedVolatility",
    "RowsSinceLow",
    "Spec",
    "indicator",
]
