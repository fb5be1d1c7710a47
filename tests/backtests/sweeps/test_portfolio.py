"""Sets of a sweep as one vectorbt portfolio: each equals its backtest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

import undertow as ut
from undertow.backtests import Costs, Run, backtest
from undertow.backtests.sweeps import Sweep, grid, sweep
from undertow.backtests.sweeps.portfolio import MOST_BOOKED, set_levels
from undertow.market import Market, ParameterError, simulate_market

S = ut.strategies


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=8)


GRIDS: dict[str, tuple[type[ut.Strategy], dict[str, list[Any]]]] = {
    "cash": (S.LiquidityDrain, {"lag": [0, 24], "drawdown": [-0.1, -0.2]}),
    "source": (S.LiquidityDrain, {"lag": [12], "source": ["winners", "least-tax", "proportional"]}),
    "hedge": (S.HedgeOverlay, {"hedge": [0.1, 0.5], "lag": [0, 24]}),
    "rotation": (S.DefensiveRotation, {"share": [0.2, 0.8], "window": [72]}),
    "stop": (S.StopLoss, {"stop": [0.08, 0.15]}),
}


def swept(name: str, **settings: Any) -> Sweep:
    strategy, axes = GRIDS[name]
    return sweep(strategy, simulated(), grid(axes), **settings)


def backtests(result: Sweep, rows: Any) -> Iterator[Run]:
    settings = {"account": result.account, "start": result.start, "end": result.end}
    for row in rows:
        yield backtest(result.strategy.create(dict(result.sets.loc[row])), simulated(), **settings)


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("name", GRIDS)
def test_each_set_equals_its_backtest(name: str, fill: str) -> None:
    result = swept(name, fill=fill, costs=Costs(7, 3, 100), start="2018-06-01")
    portfolio = result.portfolio()
    values, held = portfolio.value(), portfolio.benchmark_value()
    for number, run in enumerate(backtests(result, result.sets.index)):
        np.testing.assert_allclose(values.iloc[:, number], run.series["value"], rtol=1e-9)
        np.testing.assert_allclose(held.iloc[:, number], run.series["hold_value"], rtol=1e-9)
        # The account alone again, by its label: figures, costs and cash.
        account = portfolio[values.columns[number]]
        assert account.sharpe_ratio() == pytest.approx(run.metrics["annual_sharpe"], rel=1e-9, abs=1e-9)
        assert account.orders.fees.sum() == pytest.approx(run.portfolio.orders.fees.sum(), rel=1e-9)
        alone = account.stats().drop(["Period"]).rename(None)
        pd.testing.assert_series_equal(alone, run.portfolio.stats().drop(["Period"]).rename(None), rtol=1e-7)
        label = account.wrapper.columns[-1]
        cash = account.asset_value(group_by=False)[label] + account.cash()
        np.testing.assert_allclose(cash, run.cash, atol=1e-6 * run.recipe.capital)


def test_levels_are_the_varied_parameters() -> None:
    result = swept("cash")
    portfolio = result.portfolio()
    assert portfolio.wrapper.columns.names == ["lag", "drawdown", "symbol"]
    assert portfolio.sharpe_ratio().index.tolist() == [(0, -0.1), (0, -0.2), (24, -0.1), (24, -0.2)]
    np.testing.assert_allclose(portfolio.sharpe_ratio(), result.table["annual_sharpe"], rtol=1e-9)
    assert portfolio.loc[24].value().columns.tolist() == [-0.1, -0.2]
    assert portfolio.sharpe_ratio().vbt.heatmap() is not None
    with pytest.warns(UserWarning, match="multiple columns"):
        assert portfolio.stats()["Sharpe Ratio"] == pytest.approx(result.table["annual_sharpe"].mean())


def test_rows_are_numbers_or_rows_of_the_table() -> None:
    result = swept("cash")
    best = result.best(top=2)
    chosen = result.portfolio(best)
    assert chosen.value().columns.tolist() == [tuple(row) for row in best[["lag", "drawdown"]].itertuples(index=False)]
    pd.testing.assert_frame_equal(result.portfolio(list(best.index)).value(), chosen.value())
    assert result.portfolio([3]).value().name == (24, -0.2)


def test_sets_that_levels_do_not_tell_apart_have_their_row() -> None:
    twice = sweep(S.DrawdownDeRisk, simulated(), pd.DataFrame({"lag": [24, 24]}))
    assert twice.portfolio().value().columns.tolist() == [(24, 0), (24, 1)]
    alone = sweep(S.BuyAndHold, simulated(), pd.DataFrame(index=range(1))).portfolio()
    assert alone.wrapper.columns.names == ["set", "symbol"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "1 to 100 sets, got 0"),
        (range(MOST_BOOKED + 1), "1 to 100 sets, got 101"),
        ([0, 4], "0 to 3, got 4"),
        ([-1], "0 to 3, got -1"),
        ([0.5], "0 to 3, got"),
        ([1, 0, 1], "row 1 twice"),
    ],
)
def test_bad_rows_have_named_errors(rows: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        swept("cash").portfolio(rows)


def test_a_missing_parameter_has_a_label_that_chooses_it() -> None:
    index = set_levels(pd.DataFrame({"calm": [np.nan, 12.0], "rule": [None, "a"]}), ["calm", "rule"])
    assert index.tolist() == [("none", "none"), (12.0, "a")]


def test_more_sets_than_can_be_booked_must_be_chosen() -> None:
    many = sweep(S.DrawdownDeRisk, simulated(), grid({"window": range(24, 25 + MOST_BOOKED)}))
    with pytest.raises(ParameterError, match="1 to 100 sets, got 101; choose some"):
        many.portfolio()


def test_save_and_load_give_the_same_portfolio(tmp_path: Path) -> None:
    result = swept("cash")
    (run,) = backtests(result, [0])
    for number, portfolio in enumerate((run.portfolio, result.portfolio())):
        file = tmp_path / f"{number}.pickle"
        # vectorbt stores what it has computed in the object.
        stats = portfolio.stats(agg_func=None)
        portfolio.save(file)
        for loaded in (vbt.Portfolio.load(file), type(portfolio).load(file)):
            assert type(loaded) is type(portfolio)
            assert loaded.stats(agg_func=None).equals(stats)
            assert loaded.copy().stats(agg_func=None).equals(stats)
            pd.testing.assert_frame_equal(pd.DataFrame(loaded.value()), pd.DataFrame(portfolio.value()))


def test_no_pickle_in_the_folder_of_a_run(tmp_path: Path) -> None:
    (run,) = backtests(swept("cash"), [0])
    folder = run.save(tmp_path / "run")
    with pytest.raises(ParameterError, match="folder of a saved run"):
        run.portfolio.save(folder / "portfolio.pickle")
    assert not list(folder.glob("*.pickle"))


def test_cash_of_a_run_is_what_the_books_hold_beside_stocks() -> None:
    (run,) = backtests(swept("cash"), [0])
    stocks = run.weights.drop(columns="cash").sum(axis=1)
    np.testing.assert_allclose(run.cash, (1.0 - stocks) * run.series["value"], atol=1e-6 * run.recipe.capital)
    assert run.cash.name == "cash"
    assert run.cash.max() > 0.3 * run.recipe.capital
