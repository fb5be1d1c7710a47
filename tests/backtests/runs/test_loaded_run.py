"""A loaded run: its portfolio is that of the run made again, and older folders are still read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from undertow.strategies import BuyAndHold
from undertow.strategies.rules.file import as_toml


class Unregistered(BuyAndHold):
    """A strategy that only its module names."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ut.write_market(ut.simulate_market(seed=3, years=0.8, names=5), tmp_path_factory.mktemp("data") / "market")


@pytest.fixture(scope="module")
def market(folder: Path) -> ut.Market:
    return ut.load_market(folder)


@pytest.fixture(autouse=True)
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tearsheet and figure cost nothing: these tests read neither."""
    monkeypatch.setattr("undertow.backtests.runs.run.load", lambda group, name: lambda run, path: path)


def test_the_portfolio_is_that_of_the_run_made_again(market: ut.Market, tmp_path: Path) -> None:
    settings = {"fill": "close", "costs": ut.Costs(fee_bps=2.0), "rebalance": "weekly", "capital": 50_000.0}
    for strategy in (ut.strategies.LiquidityDrain(lag=12), Unregistered()):
        run = ut.backtest(strategy, market, start="2018-03-01", **settings)
        portfolio = ut.load_run(run.save(tmp_path / strategy.name())).portfolio
        np.testing.assert_array_equal(portfolio.value().to_numpy(), run.portfolio.value().to_numpy())


def test_the_portfolio_of_a_rule_file(market: ut.Market, tmp_path: Path) -> None:
    file = tmp_path / "rule.toml"
    file.write_text(as_toml(ut.strategies.RiskTiers().rule()), encoding="utf-8")
    from undertow.strategies.rules.file import read_rule

    run = ut.backtest(read_rule(file).strategy, market)
    loaded = ut.load_run(run.save(tmp_path / "run"))
    assert loaded.portfolio.value().iloc[-1] == run.portfolio.value().iloc[-1]
    file.write_text(as_toml(ut.strategies.Swing().rule()), encoding="utf-8")
    with pytest.raises(
        ut.DataError, match=r"made again is worth .* USD on .*, the saved run .*: the strategy, its rule"
    ):
        _ = ut.load_run(tmp_path / "run").portfolio


def test_values_that_differ_are_named(market: ut.Market, tmp_path: Path) -> None:
    saved = ut.backtest(BuyAndHold(), market).save(tmp_path / "run")
    series = pd.read_parquet(saved / "returns.parquet")
    day = series.index[100]
    series.assign(value=series["value"].where(series.index != day, 1e6)).to_parquet(saved / "returns.parquet")
    with pytest.raises(ut.DataError, match=rf"made again is worth .* USD on {day.date()}, the saved run 1,000,000.00"):
        _ = ut.load_run(saved).portfolio


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"market_path": None}, "its market lies in no folder"),
        ({"market_path": "nowhere"}, "nowhere"),
        ({"market_fingerprint": "0" * 16}, "has changed since"),
        ({"command": None}, "cannot be made again from its name alone"),
        ({"command": "undertow walk-forward --strategy buy-and-hold"}, "cannot be made again from its name alone"),
        ({"command": "undertow backtest --strategy buy-and-hodl"}, "did you mean `buy-and-hold`"),
        ({"command": "undertow backtest --rule nowhere.toml"}, "no such rule file"),
    ],
)
def test_without_market_or_strategy_there_is_none(
    market: ut.Market, tmp_path: Path, change: dict[str, str | None], reason: str
) -> None:
    run = ut.backtest(BuyAndHold(), market)
    loaded = ut.load_run(replace(run, recipe=replace(run.recipe, **change)).save(tmp_path / "run"))
    with pytest.raises(ut.ParameterError, match=f"a loaded run has no vectorbt portfolio; .*{reason}"):
        _ = loaded.portfolio


def test_folders_of_earlier_versions_are_read(market: ut.Market, tmp_path: Path) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), market)
    folder = run.save(tmp_path / "run")
    (folder / "attribution.json").rename(folder / "bridge.json")
    recipe = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    recipe["ledger"] = {"before": 5, "own": 1, "ever": 9, "between": 2, "elsewhere": 3}
    (folder / "run.json").write_text(json.dumps(recipe), encoding="utf-8")
    loaded = ut.load_run(folder)
    assert loaded.attribution() == run.attribution()
    assert loaded.trial_count is not None
    assert (loaded.trial_count.total, loaded.trial_count.interleaved, loaded.trial_count.other_data) == (9, 2, 3)


def test_a_run_shows_itself_in_a_line_and_as_a_card(market: ut.Market) -> None:
    run = ut.backtest(ut.strategies.LiquidityDrain(), market)
    for record in (run, run.recipe, run.attribution(), run.account, run.costs, run.lag_hours):
        assert len(repr(record)) <= 240, repr(record)
    renamed = replace(run, recipe=replace(run.recipe, strategy="<b>&"))
    card = renamed._repr_html_()
    assert "&lt;b&gt;&amp;" in card
    assert "<b>" not in card
    assert "script" not in card
    assert card.count("<tr>") == 7
    assert "Max drawdown" in card
    assert len(card) < 4000
