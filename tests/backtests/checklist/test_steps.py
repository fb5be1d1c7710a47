"""The checklist in five steps: lines, conclusions, states of the market and what followed them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call
from support.exchange_bars import with_index
from undertow.backtests import today
from undertow.backtests.checklist import Line, Step, Today
from undertow.backtests.checklist.panel import ACTION, CORRELATION, CRYPTO, LEADERSHIP, MACRO, panel
from undertow.backtests.checklist.states import REGIMES, SCENARIOS, regime_at, warning_at
from undertow.backtests.checklist.steps import conclusion_of
from undertow.market import Market, simulate_market
from undertow.signals import Regime
from undertow.signals.decisions import DecisionTable
from undertow.strategies import LiquidityDrain, RiskTiers

NAMES = [MACRO, LEADERSHIP, CRYPTO, CORRELATION, ACTION]


@cache
def world() -> Market:
    return with_index(simulate_market(seed=11, years=2.5, names=6))


@cache
def at(row: int) -> Today:
    market = world()
    asof = pd.Timestamp(DecisionTable(market, "growth").decisions.at[row], tz="UTC")
    return today(RiskTiers(), market, asof=asof)


def test_five_steps_with_lines_and_one_conclusion() -> None:
    result = at(500)
    assert [step.name for step in result.steps] == NAMES
    assert all(step.lines and step.conclusion for step in result.steps[:-1])
    assert result.steps[-1].conclusion.startswith(f"{result.action}: ")
    assert result.steps[-1].lines == tuple(line for line in result.lines if line.state != "ok")
    lines = {line.name: line for step in result.steps for line in step.lines}
    assert {"yields and dollar up together", "funding against its usual", "breadth of the universe"} <= {*lines}
    assert lines["BTC and QQQ both down on 4h"].state in ("ok", "alarm")
    for name in ("10-year yield shock", "2-year less policy rate shock"):
        assert lines[name].age_hours > 0 or lines[name].missing


def test_a_line_is_what_the_rule_would_read() -> None:
    result, market = at(500), world()
    table = DecisionTable(market, "growth")
    value = table.signal(ut.signals.Drawdown, {"window": 72}, interval_hours=4)[500, 0]
    line = next(line for line in result.steps[3].lines if line.name == "BTC from its high on 4h")
    assert line.value == line.now == value


def test_a_market_without_feeds_or_benchmark_has_unknown_lines_with_reasons() -> None:
    market = simulate_market(seed=11, years=1, names=5)
    bare = replace(market, benchmark=None, feeds=market.feeds_of("bars", "BTC"))
    steps = {step.name: step for step in today(LiquidityDrain(trigger="drawdown"), bare).steps}
    missing = {line.name: line.missing for step in steps.values() for line in step.lines if line.state == "unknown"}
    assert missing["lead over the index"] == "the market names no benchmark"
    assert missing["BTC and QQQ both down on 1h"] == "no bars QQQ; no bars SPY"
    assert missing["funding against its usual"] == "no funding BTC"
    assert "7 unknown" in steps[MACRO].conclusion
    result = today(LiquidityDrain(trigger="drawdown"), bare)
    assert {result.regime.name, result.scenario.name, result.warning.name} == {"unknown"}


def test_baskets_are_lists_or_the_funds_that_stand_for_them() -> None:
    market = world()
    names = [check.condition.universe for check in panel(market)[LEADERSHIP] if check.key == "basket"]
    assert names == []
    lists = replace(market, universes={**market.universes, "semis": replace(market.universes["growth"], name="semis")})
    names = [check.condition.universe for check in panel(lists)[LEADERSHIP] if check.key == "basket"]
    assert names == ["semis"]


def line(name: str, state: str) -> Line:
    nan = np.nan
    return Line(name, state, nan, None, 1.0, None, "above", nan, 0.0, nan, "", "", nan, False, 0.0, "")


@pytest.mark.parametrize(
    ("step", "alarms", "lead"),
    [
        (MACRO, (), "quiet"),
        (MACRO, ("together", "nominal"), "tightening: yields and dollar rise together"),
        (MACRO, ("path",), "a shock of rates"),
        (MACRO, ("target",), "policy tightens"),
        (MACRO, ("credit",), "a shock of credit"),
        (MACRO, ("real", "credit"), "a shock of rates and credit"),
        (LEADERSHIP, ("lead",), "leaders fall behind the index"),
        (LEADERSHIP, ("breadth",), "few names hold up in 1 of 1 baskets"),
        (CRYPTO, ("price", "liquidations"), "a cascade: price falls and positions are closed by force"),
        (CRYPTO, ("gap",), "a fall of BTC"),
        (CRYPTO, ("funding",), "leverage is crowded"),
        (CORRELATION, ("break 4h", "break 1d"), "BTC is broken on 4h, 1d: a bounce on 1h counts for nothing"),
        (CORRELATION, ("break 1h",), "BTC is broken on 1h alone, not confirmed"),
        (CORRELATION, ("trend", "sessions"), "BTC is not broken on any bars, stocks follow BTC, trade smaller"),
    ],
)
def test_conclusions_by_their_alarms(step: str, alarms: tuple[str, ...], lead: str) -> None:
    checks = panel(world())[step]
    lines = tuple(line(check.key, "alarm" if check.key in alarms else "ok") for check in checks)
    assert conclusion_of(step, checks, lines).startswith(lead)


def test_the_record_of_a_state_by_hand() -> None:
    market = world()
    table = DecisionTable(market, "growth")
    level, row = np.cumprod(np.full(len(table), 1.001)), len(table) - 1
    state = regime_at(table, level, row)
    values = table.signal(Regime, {})[:, 0]
    assert state.name == REGIMES[int(values[row])]
    begins = [
        t for t in range(1, row + 1) if values[t] == values[row] and values[t - 1] != values[row] and values[t - 1] >= 0
    ]
    assert state.since == str(market.sessions[begins[-1]].date())
    assert state.entries == len(begins) - 1
    later = [values[t + 20] for t in begins[:-1] if t + 20 <= row]
    assert {f.name: f.count for f in state.followed} == {REGIMES[int(v)]: later.count(v) for v in sorted(set(later))}
    for outcome in state.outcomes:
        assert outcome.median == pytest.approx(1.001**outcome.horizon - 1.0)
        assert outcome.count == sum(t + outcome.horizon <= row for t in begins[:-1])
        assert outcome.positive == 1.0


def test_a_warning_has_the_record_of_warnings() -> None:
    table = DecisionTable(world(), "growth")
    count = table.signal(ut.signals.CompressionWarning, {})[:, 0]
    row = int(np.flatnonzero(count < 2)[-1])
    state = warning_at(table, np.ones(len(table)), row)
    assert (state.name, state.record_of) == ("off", "on")
    on = count >= 2
    assert state.entries == sum(on[t] and not on[t - 1] and count[t - 1] >= 0 for t in range(1, row))


def test_the_command_prints_the_steps(call: Call, tmp_path: Path) -> None:
    folder = ut.write_market(world(), tmp_path / "market")
    asof = ("--asof", "2019-12-02T14:00Z")
    code, out, err = call("today", "--market", folder, *asof, "--json")
    found = json.loads(out)
    assert (code in (0, 10, 20, 30), err) == (True, "")
    assert [step["name"] for step in found["steps"]] == NAMES
    assert all(set(step) == {"name", "lines", "conclusion"} for step in found["steps"])
    assert found["regime"]["name"] in REGIMES
    assert found["scenario"]["name"] in SCENARIOS
    assert found["scenario"]["playbook"]
    code, out, _ = call("today", "--market", folder, *asof, "--html", tmp_path / "today.html")
    for number, step in enumerate(found["steps"], start=1):
        assert f"{number}. {step['name']}: " in out
    page = (tmp_path / "today.html").read_text(encoding="utf-8")
    assert "The checklist in five steps" in page
    assert found["steps"][0]["conclusion"][1:] in page


def test_a_step_is_plain() -> None:
    assert isinstance(at(500).as_dict()["steps"][0], dict)
    assert isinstance(at(500).steps[0], Step)
