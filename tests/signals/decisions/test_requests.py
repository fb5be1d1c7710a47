"""What a strategy's author asks of a table: what is not there must not pass for a default."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from undertow.market import ParameterError, UnknownNameError, simulate_market
from undertow.signals import BtcEquityCorrelation, Drawdown, LiquidationSpike, NewLows
from undertow.signals.decisions.table import DecisionTable


@cache
def table() -> DecisionTable:
    return DecisionTable(simulate_market(seed=3, years=1, names=5), "growth")


@pytest.mark.parametrize(
    ("signal", "parameters", "options", "message"),
    [
        (Drawdown, {"windw": 48}, {}, "drawdown: unknown parameter `windw`, did you mean `window`?"),
        (Drawdown, {"window": -5}, {}, "drawdown: `window` must be above 0, got -5"),
        (Drawdown, {"window": [24, np.nan]}, {}, "drawdown: `window` must be finite, got nan"),
        (Drawdown, {"window": "many"}, {}, "drawdown: `window` must be a number or one for each set, got 'many'"),
        (Drawdown, {"window": [24, 48]}, {"lag": [1, 2, 3]}, "got `window` 2, `lag` 3"),
        (Drawdown, {}, {"how": "mean"}, "`how` must be one of last, min, max; got 'mean'"),
        (LiquidationSpike, {}, {"output": "rnk"}, "liquidation-spike: unknown output `rnk`, did you mean `rank`?"),
        (NewLows, {"window": 100.5}, {}, "`window` must be a whole number, got 100.5"),
        ("drawdown", {}, {}, "`signal` must be an indicator such as ut.signals.Drawdown or its `spec`, got 'drawdown'"),
    ],
)
def test_what_is_not_there_is_named(
    signal: Any, parameters: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises((ParameterError, UnknownNameError)) as error:
        table().signal(signal, parameters, **options)
    assert message in str(error.value)


def test_levels_may_be_anything_whatever_the_search_range_says() -> None:
    values = table().signal(BtcEquityCorrelation, {"lower": 0.0})
    assert np.isfinite(values).any()


def test_sets_and_lags_broadcast_as_ever() -> None:
    values = table().signal(Drawdown, {"window": [24, 48, 24]}, lag=12)
    assert values.shape == (len(table()), 3)
    np.testing.assert_array_equal(values[:, 0], values[:, 2])
    # A length in hours becomes whole rows of the feed.
    np.testing.assert_array_equal(table().signal(Drawdown, {"window": 24.2}, lag=12)[:, 0], values[:, 0])


def test_the_other_ways_in_ask_the_same() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `window`"):
        table().sessions(NewLows, {"windw": 100})
    with pytest.raises(UnknownNameError, match="did you mean `window`"):
        table().series(Drawdown, table().market.bars("BTC"), {"windw": 100})
    with pytest.raises(ParameterError, match="must be an indicator"):
        table().first_breach("drawdown", {}, lambda values: values < -0.1)
