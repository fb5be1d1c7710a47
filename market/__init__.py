"""What was known, and when: feeds, clocks, sessions, universes, sources, the simulator."""

from undertow.market.calendar import Calendar, Decisions, decisions, load_calendar
from undertow.market.clock import align
from undertow.market.errors import BookkeepingError, DataError, ParameterError, UndertowError, UnknownNameError
from undertow.market.feeds import Feed
from undertow.market.folder.load import load_market
from undertow.market.folder.write import write_market
from undertow.market.market import Market
from undertow.market.prices import Prices
from undertow.market.simulator.simulate import simulate_market
from undertow.market.truth import Truth
from undertow.market.universe import Universe

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
