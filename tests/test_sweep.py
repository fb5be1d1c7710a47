"""The sweep: every row equals a backtest, whatever the chunks."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import Costs, backtest
from undertow.backtests.sweep import sweep
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.registry import STRATEGIES, load, registered
from undertow.strategies import LiquidityDrain, Strategy


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=12)


def drawn(strategy: type[Strategy], count: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(count):
        row = {}
        for name, space in strategy.search_space().items():
            choices = getattr(space, "choices", None)
            if choices is not None:
                row[name] = choices[rng.integers(len(choices))]
            else:
                value = rng.uniform(space.low, space.high)  # type: ignore[attr-defined]
                row[name] = round(value) if isinstance(space.low, int) else value  # type: ignore[attr-defined]
        rows.append(row)
    return pd.DataFrame(rows, index=range(count))


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("name", list(registered(STRATEGIES)))
def test_a_sweep_row_equals_a_backtest(name: str, fill: str) -> None:
    strategy = load(STRATEGIES, name)
    parameters = drawn(strategy, 6 if strategy.model_fields else 1)
    settings = {"fill": fill, "weighting": "inverse-volatility", "costs": Costs(7, 3, 100), "start": "2018-06-01"}
    table = sweep(strategy, simulated(), parameters, **settings)
    assert len(table) == len(parameters)
    for number, row in enumerate(parameters.to_dict(orient="records")):
        run = backtest(strategy.create(row), simulated(), **settings)
        for metric, value in run.metrics.items():
            np.testing.assert_allclose(table[metric][number], value, rtol=1e-9, atol=1e-12, err_msg=metric)
        for count in ("deferred_fills", "price_ends_closed", "orders_open_at_end", "stale_sessions"):
            assert table[count][number] == run.counts[count]


def test_chunks_change_nothing() -> None:
    parameters = drawn(LiquidityDrain, 9)
    whole = sweep(LiquidityDrain, simulated(), parameters)
    pd.testing.assert_frame_equal(
        whole, sweep(LiquidityDrain, simulated(), parameters, memory_bytes=1), check_exact=True
    )


def test_columns_left_out_take_the_default_and_bad_rows_are_refused_before_any_work() -> None:
    table = sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [0, 24]}))
    assert table["source"].tolist() == ["winners", "winners"]
    with pytest.raises(ParameterError, match=r"`lag` must be in \[0, 96\], got 500"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [0, 500]}))
    with pytest.raises(ParameterError, match="has no parameter `lga`, did you mean `lag`"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lga": [0]}))
    with pytest.raises(ParameterError, match="`parameters` has no rows"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": []}))
