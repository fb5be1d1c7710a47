"""What was known, and when: feeds, clocks, sessions, universes, sources, the simulator."""

from undertow.market.calendar import Calendar, Decisions, decisions, load_calendar
from undertow.market.clock import align
from undertow.market.errors import BookkeepingError, DataError, ParameterError, UndertowError, UnknownNameError
from undertow.market.feeds import Feed
from undertow.market.load import load_market
from undertow.market.market import Market
from undertow.market.prices import Prices
from undertow.market.simulate import Truth, simulate_market
from undertow.market.universe import Universe
from undertow.market.write import write_market

__all__ = [
    "BookkeepingError",
    "Calendar",
    "DataError",
    "Decisions",
    "Feed",
    "Market",
    "ParameterError",
    "Prices",
    "Truth",
    "UndertowError",
    "Universe",
    "UnknownNameError",
    "align",
    "decisions",
    "load_calendar",
    "load_market",
    "simulate_market",
    "write_market",
]
