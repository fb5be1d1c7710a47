"""Bars and universes of conditions: 1 h, 4 h and 1 d at one instant, in files, sweeps, reasons and the checklist."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call
from support.exchange_bars import with_index
from undertow.backtests.command import strategy_argv
from undertow.market import DataError, Market, ParameterError, UnknownNameError, simulate_market
from undertow.signals import Breadth, Drawdown
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Condition, FreeRule
from undertow.strategies.rules import Rule, load_rule, numbers_of, read_condition, rule_numbers
from undertow.strategies.rules.evaluate import evaluate_rules, shape_key

CONFIRMED = """
name = "confirmed-break"
source = "winners"

[trigger]
combine = "all"

[[trigger.when]]
signal = "drawdown"
parameters = { window = 24 }
interval = "1h"
read = "now"
below = -0.03
lag = 0

[[trigger.when]]
signal = "drawdown"
parameters = { window = 72 }
interval = "4h"
read = "now"
below = -0.05
lag = 0

[[trigger.when]]
signal = "drawdown"
parameters = { window = 336 }
interval = "1d"
read = "now"
below = -0.08
lag = 0

[[tiers]]
name = "cash"
at = 1.0
cash = 0.5
min_stay = 24
max_stay = 240

[[reentry.when]]
signal = "drawdown"
parameters = { window = 72 }
interval = "4h"
above = -0.04
"""


@cache
def world() -> Market:
    return with_index(simulate_market(seed=11, years=1.5, names=6))


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    file = tmp_path / "confirmed.toml"
    file.write_text(CONFIRMED, encoding="utf-8")
    return file


def rule(file: Path) -> Rule:
    strategy = load_rule(file)
    assert isinstance(strategy, FreeRule)
    return strategy.definition


def test_a_condition_reads_bars_that_have_closed_by_the_decision(rule_file: Path) -> None:
    market, definition = world(), rule(rule_file)
    table, bars = DecisionTable(market, "growth"), market.bars()
    hour = pd.Series(bars["close"], pd.DatetimeIndex(bars.times))
    four = hour.resample("4h").last()
    row = 200
    # Closed bars alone: one of 12:00 is known at 16:00.
    closed = four[four.index + pd.Timedelta("4h") <= pd.Timestamp(table.decisions.at[row])]
    low = closed.iloc[-1] / closed.iloc[-18:].max() - 1.0
    value = read_condition(table, [definition.trigger.when[1]], np.zeros(1)).values[row, 0]
    assert value == pytest.approx(low)
    assert definition.trigger.when[1].name == "drawdown 4h"


def test_now_confirms_at_one_instant_and_worst_keeps_the_night(rule_file: Path) -> None:
    table, definition = DecisionTable(world(), "growth"), rule(rule_file)
    now = definition.trigger.when[0]
    worst = now.model_copy(update={"read": "worst"})
    values = [read_condition(table, [condition], np.zeros(1)).values[:, 0] for condition in (now, worst)]
    assert (values[1] <= values[0])[1:].all()
    assert (values[1] < values[0]).mean() > 0.5
    found = evaluate_rules(table, [definition])
    parts = [read_condition(table, [c], np.zeros(1)).severity[:, 0] for c in definition.trigger.when]
    np.testing.assert_array_equal(found.score[:, 0], np.minimum.reduce(parts))
    # A bounce on 1 h while 4 h and 1 d are broken buys nothing back: its end needs 4 h to recover.
    bounce = (parts[0] == 0.0) & (parts[1] == 1.0) & (parts[2] == 1.0)
    tiers = found.path.tier[:, 0]
    assert bounce.any()
    assert (tiers[np.flatnonzero(bounce)] == tiers[np.flatnonzero(bounce) - 1]).all()


def test_the_future_changes_no_decision(rule_file: Path) -> None:
    market, definition = world(), rule(rule_file)
    whole = evaluate_rules(DecisionTable(market, "growth"), [definition])
    for row in (90, 201, 300):
        cut = evaluate_rules(DecisionTable(market.until(market.sessions[row]), "growth"), [definition])
        np.testing.assert_array_equal(cut.score, whole.score[: row + 1])
        np.testing.assert_array_equal(cut.path.tier, whole.path.tier[: row + 1])


def test_a_sweep_over_the_levels_equals_backtests(rule_file: Path) -> None:
    market, definition = world(), rule(rule_file)
    swept = rule_numbers(definition, str(rule_file))
    sets = ut.grid({"trigger.when[2].below": [-0.03, -0.06], "trigger.when[3].below": [-0.06, -0.1]})
    table = ut.sweep(swept, market, sets).table
    for row, parameters in enumerate(sets.to_dict(orient="records")):
        run = ut.backtest(FreeRule(definition=swept.create(parameters).rule()), market)
        assert table["total_return"][row] == pytest.approx(run.metrics["total_return"], abs=1e-9)
        assert table["annual_sharpe"][row] == pytest.approx(run.metrics["annual_sharpe"], abs=1e-9)
    assert table["total_return"].nunique() > 1


def test_the_classes_of_a_rule_are_one_and_those_of_others_differ(rule_file: Path) -> None:
    import pickle

    definition = rule(rule_file)
    swept = rule_numbers(definition)
    assert pickle.loads(pickle.dumps(swept)) is swept
    assert swept.name() == "confirmed-break"
    assert swept().rule() == definition
    assert list(swept.search_space()) == list(numbers_of(definition))
    changed = CONFIRMED.replace('interval = "4h"', 'interval = "2h"')
    rule_file.write_text(changed, encoding="utf-8")
    other = rule(rule_file)
    assert rule_numbers(other).__qualname__ != swept.__qualname__
    assert shape_key(other) != shape_key(definition)
    with pytest.raises(ParameterError, match=r"`trigger.when\[1\].below` 0.5: `below` must be a level"):
        swept.create({"trigger.when[1].below": 0.5})
    with pytest.raises(ParameterError, match=r"no parameter `trigger.when\[1\].blow`, did you mean"):
        swept.create({"trigger.when[1].blow": -0.5})


def test_run_reasons_and_checklist_name_the_bars(rule_file: Path) -> None:
    market = world()
    run = ut.backtest(load_rule(rule_file), market)
    entered = run.changes[run.changes["event"] == "entered"].iloc[0]
    sentence = run.explain(entered["session"]).sentence()
    assert all(f"drawdown {interval}" in sentence for interval in ("1h", "4h", "1d"))
    row = market.sessions.get_loc(entered["session"])
    asof = pd.Timestamp(DecisionTable(market, "growth").decisions.at[row], tz="UTC")
    today = ut.backtests.today(load_rule(rule_file), market, asof=asof)
    assert today.tier == "cash"
    ages = {line.name: line.age_hours for line in today.lines}
    # The age is that of the last bar that has closed: 1 d bars end at midnight UTC.
    assert ages == {"drawdown 1h": 0.0, "drawdown 4h": asof.hour % 4, "drawdown 1d": float(asof.hour)}


def test_a_universe_of_its_own() -> None:
    table = DecisionTable(world(), "growth")
    symbol = table.symbols[0]
    own = read_condition(table, [Condition(signal="breadth", below=0.4, universe=symbol)], np.zeros(1))
    assert set(np.unique(own.values[np.isfinite(own.values)])) == {0.0, 1.0}
    close = table.close[:, :1]
    share = Breadth.spec.compute({"close": close, "member": np.ones(close.shape)}, {"window": 50, "horizon": 10})[0]
    expected = table.known(share[:, 0])
    np.testing.assert_array_equal(own.values[:, 0], expected)
    screen = Condition(signal="breadth", below=0.4, universe="growth | top 3 by momentum | monthly")
    assert np.isfinite(read_condition(table, [screen], np.zeros(1)).values).any()
    np.testing.assert_array_equal(
        table.signal(Drawdown, {"window": 24}, universe=symbol), table.signal(Drawdown, {"window": 24})
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"signal": "drawdown", "below": -0.1, "interval": "5h"}, "`interval` must be the length of bars that fill a"),
        ({"signal": "drawdown", "below": -0.1, "interval": "four"}, "such as 15min, 1h, 4h or 1d; got 'four'"),
        ({"signal": "vix", "above": 20, "interval": "4h"}, "`interval`: `vix` has one value a session, not one a bar"),
        ({"signal": "vix", "above": 20, "hours": "clock"}, "`hours`: `vix` has one value a session"),
        ({"signal": "drawdown", "below": -0.1, "universe": "growth"}, "`universe`: `drawdown` reads no names"),
        (
            {"signal": "drawdown", "below": -0.1, "interval": "1d", "parameters": {"window": 12}},
            "`window` of `drawdown` must be a bar of 1d .24 hours. or longer, got 12 hours",
        ),
        ({"signal": "drawdown", "below": -0.1, "read": "last"}, "'worst' or 'now'"),
        ({"signal": "breadth", "below": 0.2, "universe": "growth | top x by beta"}, "`universe`: "),
    ],
)
def test_bars_that_make_no_sense_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condition.model_validate(keys)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (
            'interval = "1h"',
            'interval = "15min"',
            DataError,
            r"trigger.when\[1\].interval: 15min is shorter than the rows",
        ),
        (
            'signal = "drawdown"\nparameters = { window = 24 }\ninterval = "1h"\nread = "now"\nbelow = -0.03',
            'signal = "breadth"\nuniverse = "semi"\nbelow = 0.2',
            UnknownNameError,
            r"trigger.when\[1\].universe",
        ),
    ],
)
def test_what_the_market_lacks_is_named_by_file_and_key(
    rule_file: Path, old: str, new: str, error: type[Exception], message: str
) -> None:
    rule_file.write_text(CONFIRMED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(error, match=message):
        ut.backtest(load_rule(rule_file), world())


def test_the_command_sweeps_the_numbers_of_a_file(call: Call, rule_file: Path, tmp_path: Path) -> None:
    folder = ut.write_market(world(), tmp_path / "market")
    grid = ["--grid", "trigger.when[2].below=-0.04,-0.06"]
    code, out, err = call("sweep", "--market", folder, "--rule", rule_file, *grid, "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary["strategy"] == "confirmed-break"
    assert strategy_argv(rule_numbers(rule(rule_file), str(rule_file))) == ["--rule", str(rule_file)]
    code, _, err = call("sweep", "--market", folder, "--rule", "risk-tiers", *grid)
    assert (code, "names the strategy `risk-tiers`" in err) == (2, True)
    code, _, err = call("sweep", "--market", folder, *grid)
    assert (code, "give either --strategy" in err) == (2, True)
