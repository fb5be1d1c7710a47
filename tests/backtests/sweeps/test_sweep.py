"""The sweep: every row equals a backtest, whatever the chunks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from undertow.backtests import Costs, backtest
from undertow.backtests.sweeps.reserved import RESERVED
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.space import make_space
from undertow.market import Market, ParameterError, simulate_market
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import BuyAndHold, Decision, DrawdownDeRisk, LiquidityDrain, Strategy
from undertow.strategies.strategy import Sets


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
    table = sweep(strategy, simulated(), parameters, **settings).table
    assert len(table) == len(parameters)
    for number, row in enumerate(parameters.to_dict(orient="records")):
        run = backtest(strategy.create(row), simulated(), **settings)
        for metric, value in run.metrics.items():
            np.testing.assert_allclose(table[metric][number], value, rtol=1e-9, atol=1e-12, err_msg=metric)
        for count in ("deferred_fills", "price_ends_closed", "orders_open_at_end", "stale_sessions"):
            assert table[count][number] == run.counts[count]


class Unscored(LiquidityDrain):
    """Has a score on half of the sessions alone: on the others every name's is minus infinity."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        decision = super().decide(table, sets)
        score = np.tile(np.arange(len(table.symbols), dtype=float), (len(table), 1))
        score[::2] = -np.inf
        return replace(decision, scores=(score,), score_of_set=np.zeros_like(decision.score_of_set))


@pytest.mark.parametrize("universe", ["growth", "defensive"])
def test_a_session_without_any_score_sells_in_proportion_in_sweeps_too(universe: str) -> None:
    rows = pd.DataFrame({"lag": [0, 12]})
    table = sweep(Unscored, simulated(), rows, universe=universe).table
    for row, lag in enumerate(rows["lag"]):
        run = backtest(Unscored(lag=int(lag)), simulated(), universe=universe)
        assert table["total_return"][row] == pytest.approx(run.metrics["total_return"], rel=1e-9)
        assert table["annual_turnover"][row] == pytest.approx(run.metrics["annual_turnover"], rel=1e-9)
    proportional = sweep(LiquidityDrain, simulated(), rows.assign(source="proportional"), universe=universe).table
    assert (proportional["total_return"] != table["total_return"]).all()


class Paused(Strategy):
    """Halves the stocks every so many sessions, or not at all: choices of more than one kind."""

    every: Annotated[bool | int | str, CategoricalDistribution(("off", False, 24, 48))] = "off"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        exposure = np.ones((len(table), len(sets["every"])))
        for column, every in enumerate(sets["every"].tolist()):
            if type(every) is int:
                exposure[every::every, column] = 0.5
        return Decision.proportional(exposure)


def test_choices_of_several_kinds_stay_what_they_are() -> None:
    values = ["off", 24, False, 48]
    table = sweep(Paused, simulated(), pd.DataFrame({"every": values})).table
    assert [(type(value), value) for value in table["every"]] == [(type(value), value) for value in values]
    for row, every in enumerate(values):
        run = backtest(Paused(every=every), simulated())
        assert table["total_return"][row] == pytest.approx(run.metrics["total_return"], rel=1e-9)
    assert table["total_return"].nunique() == 3


def test_chunks_change_nothing() -> None:
    parameters = drawn(LiquidityDrain, 9)
    expected = sweep(LiquidityDrain, simulated(), parameters).table
    pd.testing.assert_frame_equal(
        expected, sweep(LiquidityDrain, simulated(), parameters, memory_bytes=1).table, check_exact=True
    )


def test_columns_left_out_take_the_default_and_bad_rows_are_refused_before_any_work() -> None:
    table = sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [0, 24]})).table
    assert table["source"].tolist() == ["winners", "winners"]
    with pytest.raises(ParameterError, match=r"`lag` must be in \[0, 96\], got 500"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [0, 500]}))
    with pytest.raises(ParameterError, match="has no parameter `lga`, did you mean `lag`"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lga": [0]}))
    with pytest.raises(ParameterError, match="`parameters` has no rows"):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": []}))


@pytest.mark.parametrize("kind", [DrawdownDeRisk, LiquidityDrain])
def test_a_universe_without_prices_is_refused_in_the_words_of_a_backtest(kind: type[Strategy]) -> None:
    empty = {"universe": "growth | top 3 by beta | quarterly", "start": "2018-01-02", "end": "2018-01-20"}
    with pytest.raises(ParameterError, match="has no name with prices in the requested sessions") as backtest_error:
        backtest(kind(), simulated(), **empty)
    with pytest.raises(ParameterError) as refused:
        sweep(kind, simulated(), pd.DataFrame({"lag": [12, 24]}), **empty)
    assert str(refused.value) == str(backtest_error.value)


def test_rows_without_parameters_are_one_set() -> None:
    one = sweep(BuyAndHold, simulated(), pd.DataFrame(index=range(1)), returns=True)
    three = sweep(BuyAndHold, simulated(), pd.DataFrame(index=range(3)), returns=True)
    pd.testing.assert_frame_equal(three.table, pd.concat([one.table] * 3, ignore_index=True), check_exact=True)
    np.testing.assert_array_equal(three.returns, np.repeat(one.returns, 3, axis=0))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (pd.DataFrame([[12, 24]], columns=["lag", "lag"]), "one column a parameter, got `lag` more than once"),
        ({"lag": [12, 24]}, "`parameters` must be a DataFrame, one row a parameter set, got a dict"),
        ([{"lag": 12}], "`parameters` must be a DataFrame, one row a parameter set, got a list"),
        (None, "`parameters` must be a DataFrame, one row a parameter set, got a NoneType"),
    ],
)
def test_a_table_that_is_none_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        sweep(LiquidityDrain, simulated(), parameters)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"capital": "1e6"}, "`capital` must be positive, a finite number, got '1e6'"),
        ({"memory_bytes": None}, "`memory_bytes` must be a positive number of bytes"),
        ({"memory_bytes": True}, "`memory_bytes` must be a positive number of bytes"),
        ({"backend": "threading", "jobs": "2"}, "`jobs` must be 1 or more workers, got '2'"),
        ({"backend": "threading", "jobs": 1.5}, "`jobs` must be 1 or more workers, got 1.5"),
    ],
)
def test_arguments_of_another_kind_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [12]}), **settings)


class Hidden(LiquidityDrain):
    """Has parameters that columns of the results would hide."""

    max_drawdown: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5
    state: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5


def test_parameters_named_like_results_are_refused() -> None:
    message = "`hidden` has a parameter named like a column of the results: `max_drawdown`, `state`; rename it"
    with pytest.raises(ParameterError, match=message):
        sweep(Hidden, simulated(), pd.DataFrame({"lag": [12]}))
    with pytest.raises(ParameterError, match=message):
        make_space(Hidden)
    table = sweep(LiquidityDrain, simulated(), pd.DataFrame({"lag": [12]})).table
    assert set(table.columns) - set(LiquidityDrain.model_fields) <= RESERVED
