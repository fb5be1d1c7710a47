"""Prices of a universe as frames."""

from __future__ import annotations

import pandas as pd
import pytest

from undertow.market import Market, UnknownNameError


def test_a_universe_has_every_name_that_ever_belonged(tiny_market: Market) -> None:
    prices = tiny_market.prices
    for field in ("open", "close"):
        frame = prices.frame(field, universe="growth")
        names = [name for name in tiny_market.universe("growth").symbols if name in prices]
        pd.testing.assert_frame_equal(frame, prices.frame(field)[names])
        assert frame.index.equals(tiny_market.sessions)
    assert tiny_market.until(tiny_market.sessions[5]).prices.frame("open", "growth").shape == (6, len(names))


@pytest.mark.parametrize("universe", ["growt", "growth | top 2 by beta | monthly"])
def test_an_unknown_universe_has_a_named_error(tiny_market: Market, universe: str) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean `growth`|known: growth"):
        tiny_market.prices.frame("open", universe=universe)
