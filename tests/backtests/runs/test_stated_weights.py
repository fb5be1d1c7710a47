"""Stated weights: the basket of a run, in its recipe, and the same in sweeps, searches and other processes."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.priced import load_priced, sessions_of, walk_closes
from undertow.backtests import today
from undertow.backtests.account import Account
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.runs.entries import enter_run
from undertow.backtests.sweeps.sweep import sweep
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.signals.decisions import DecisionTable
from undertow.strategies import BuyAndHold, LiquidityDrain, base_weights


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=1, names=6)


@cache
def weights_of_names() -> pd.Series:
    """Three names that have a price on nearly every session."""
    closes = simulated().prices.frame("close")[list(simulated().universe("growth").symbols)].notna().sum()
    return pd.Series([0.5, 0.3, 0.2], index=list(closes.nlargest(3).index))


def changing() -> pd.DataFrame:
    """Two sets: the second is known in the middle of a month."""
    first, second, _ = weights_of_names().index
    sessions = simulated().sessions
    rows = [(sessions[0], first, 1.0), (sessions[70], second, 0.6), (sessions[70], first, 0.4)]
    return pd.DataFrame(rows, columns=["session", "symbol", "weight"])


def test_weights_are_those_of_the_file_at_every_rebalance(tmp_path: Path) -> None:
    sessions = sessions_of("2021-01-04", "2021-03-31")
    closes = walk_closes(sessions, ["AAA", "BBB", "QQQ"])
    closes.loc[:"2021-02-05", "BBB"] = np.nan
    market = load_priced(tmp_path / "market", closes)
    table = DecisionTable(market, "growth")
    stated = Account(weights=pd.Series({"AAA": 0.2, "BBB": 0.8})).weight_table
    base, rebalanced = base_weights(table, slice(0, len(table)), "", "monthly", stated)
    days = [str(sessions[row].date()) for row in np.flatnonzero(rebalanced >= 0)]
    assert days == ["2021-01-04", "2021-01-05", "2021-02-01", "2021-03-01"]
    # Nothing is known before the first close; then AAA alone, until BBB has a price.
    np.testing.assert_array_equal(base, [[0, 0], [1, 0], [1, 0], [0.2, 0.8]])
    run = ut.backtest(BuyAndHold(), market, weights=pd.Series({"AAA": 0.2, "BBB": 0.8}))
    assert run.counts["weights_without_price"] == {"AAA": 1, "BBB": 3}
    assert any("spread over the other names, by rebalances: AAA at 1, BBB at 3" in note for note in run.data_notes)


@pytest.mark.parametrize("rebalance", ["monthly", "never"])
def test_a_new_set_trades_on_its_session_and_no_earlier(rebalance: str) -> None:
    run = ut.backtest(BuyAndHold(), simulated(), weights=changing(), rebalance=rebalance)
    first, second, _ = weights_of_names().index
    day = simulated().sessions[70]
    orders = run.orders[run.orders["symbol"].isin([first, second])]
    bought = orders[orders["symbol"] == second]["session"]
    assert bought.min() == day
    # Bought at the open with 0.6, it is near that at the close.
    assert run.weights.loc[day, second] == pytest.approx(0.6, abs=0.05)
    assert run.weights.loc[run.weights.index < day, second].eq(0.0).all()
    later = changing()
    later.loc[later["session"] == day, "weight"] = [0.1, 0.9]
    other = ut.backtest(BuyAndHold(), simulated(), weights=later, rebalance=rebalance)
    pd.testing.assert_frame_equal(
        run.series.loc[: day - pd.Timedelta(days=1)], other.series.loc[: day - pd.Timedelta(days=1)]
    )
    assert run.series.loc[day, "value"] != other.series.loc[day, "value"]


def test_equal_weights_in_a_file_are_the_equal_weighting() -> None:
    symbols = simulated().universe("growth").symbols
    equal = ut.backtest(LiquidityDrain(lag=12), simulated(), start="2018-03-01", end="2018-06-29")
    stated = ut.backtest(
        LiquidityDrain(lag=12),
        simulated(),
        start="2018-03-01",
        end="2018-06-29",
        weights=pd.Series(1.0 / len(symbols), index=list(symbols)),
    )
    np.testing.assert_allclose(stated.series["value"], equal.series["value"], rtol=1e-9)


@pytest.mark.parametrize("backend", ["serial", "loky"])
def test_a_sweep_with_weights_equals_backtests(backend: str) -> None:
    parameters = pd.DataFrame({"lag": [0, 12, 36]})
    settings: dict[str, Any] = {"weights": changing(), "start": str(simulated().sessions[20].date())}
    swept = sweep(LiquidityDrain, simulated(), parameters, **settings, backend=backend, jobs=2)
    for number, lag in enumerate(parameters["lag"]):
        run = ut.backtest(LiquidityDrain(lag=int(lag)), simulated(), **settings)
        for metric in ("total_return", "max_drawdown", "annual_turnover"):
            np.testing.assert_allclose(swept.table[metric][number], run.metrics[metric], rtol=1e-9, err_msg=metric)
    # A frame lies in no file: no command repeats it.
    assert swept.command is None


def test_a_walk_forward_with_weights_equals_its_backtest(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"weights": weights_of_names()}
    walk = ut.walk_forward(
        LiquidityDrain,
        simulated(),
        split=ut.WalkForward(train=100, test=60, purge=5),
        fixed={"lag": 12},
        trials=4,
        tuner="design",
        ledger=tmp_path,
        **settings,
    )
    assert walk.run.recipe.weighting == Account(**settings).weighting
    hold = ut.backtest(BuyAndHold(), simulated(), start=walk.run.recipe.start, end=walk.run.recipe.end, **settings)
    np.testing.assert_allclose(walk.run.series["hold_value"], hold.series["value"], rtol=1e-9)


def test_a_saved_run_holds_its_weights_whatever_becomes_of_the_file(tmp_path: Path) -> None:
    folder = ut.write_market(simulated(), tmp_path / "market")
    market, file = ut.load_market(folder), tmp_path / "mine.csv"
    weights_of_names().rename_axis("symbol").rename("weight").to_csv(file)
    run = ut.backtest(LiquidityDrain(lag=12), market, weights=file)
    assert run.recipe.weights_file == str(file)
    assert f"--weights {file} --rebalance monthly" in str(run.recipe.command)
    run.save(tmp_path / "run")
    file.write_text("symbol,weight\nZZZ,1\n", encoding="utf-8")
    loaded = ut.load_run(tmp_path / "run")
    assert loaded.account == run.account
    assert loaded.portfolio.value().iloc[-1] == pytest.approx(run.series["value"].iloc[-1], rel=1e-9)
    content = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    content["weights"] = content["weights"].replace("0.5", "0.4").replace("0.3", "0.4")
    shutil.copytree(tmp_path / "run", tmp_path / "edited")
    (tmp_path / "edited" / "run.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"weighting: must be weights-[0-9a-f]{12}, as the weights are"):
        ut.load_run(tmp_path / "edited")


def test_another_basket_is_another_identity(tmp_path: Path) -> None:
    """Of the ledger, of a study and of a comparison; the file's name and the order of its rows are not part of it."""
    market, ledger = simulated(), Ledger(tmp_path)
    files = []
    for name, series in (
        ("one", weights_of_names()),
        ("same", weights_of_names()[::-1]),
        ("other", weights_of_names().map({0.5: 0.3, 0.3: 0.5, 0.2: 0.2})),
    ):
        files.append(tmp_path / f"{name}.csv")
        series.rename_axis("symbol").rename("weight").to_csv(files[-1])
    runs = [ut.backtest(LiquidityDrain(lag=12), market, weights=file) for file in files]
    assert [enter_run(ledger, run, LiquidityDrain).total for run in runs] == [1, 1, 2]
    accounts = [Account(weights=file) for file in files]
    assert accounts[0] == accounts[1] != accounts[2]
    assert hash(accounts[0]) == hash(accounts[1])
    comparison = ut.compare([runs[0], runs[2], ut.backtest(LiquidityDrain(lag=12), market)])
    labels = " ".join(comparison.table.columns if hasattr(comparison, "table") else map(str, comparison.metrics))
    assert all(account.weighting in labels for account in (accounts[0], accounts[2]))


def test_a_study_refuses_another_basket(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trials": 4, "seed": 1, "storage": f"journal:{tmp_path / 'study'}"}
    ut.optimize(LiquidityDrain, simulated(), weights=weights_of_names(), **settings)
    ut.optimize(LiquidityDrain, simulated(), weights=weights_of_names()[::-1], **settings)
    with pytest.raises(ParameterError, match=r"is of another weighting: weights-[0-9a-f]{12}, requested equal"):
        ut.optimize(LiquidityDrain, simulated(), **settings)


def test_weights_that_an_account_cannot_have() -> None:
    with pytest.raises(ParameterError, match="`weights` state the base weights: leave out `weighting`"):
        Account(weights=weights_of_names(), weighting="inverse-volatility")
    with pytest.raises(ParameterError, match="`weights` must be a file, a Series by symbol or a DataFrame, got list"):
        Account(weights=["AAA"])  # type: ignore[arg-type]
    late = changing().iloc[1:]
    with pytest.raises(ParameterError, match=r"`weights` begin on 2018-\d\d-\d\d, after the first session 2018-01-02"):
        ut.backtest(BuyAndHold(), simulated(), weights=late)
    account = Account(weights=weights_of_names())
    assert not account.has_options
    assert "weights" not in account.as_dict()
    assert account.as_dict()["weighting"] == account.weighting


def test_the_checklist_has_the_orders_of_a_stated_basket() -> None:
    """Its account begins with the first weights, and holds no other names."""
    first, second, _ = weights_of_names().index
    days = simulated().sessions
    rows = [(days[40], first, 0.5), (days[40], second, 0.5)]
    weights = pd.DataFrame(rows, columns=["session", "symbol", "weight"])
    found = today(
        ut.strategies.RiskTiers(), simulated(), asof=f"{days[60]:%Y-%m-%d}T12:00Z", weights=weights, rebalance="daily"
    )
    assert {order.symbol for order in found.orders} == {first, second}
    with pytest.raises(ParameterError, match=r"`weights` begin on .*, after the session that is decided"):
        today(ut.strategies.RiskTiers(), simulated(), asof=f"{days[20]:%Y-%m-%d}T12:00Z", weights=weights)
