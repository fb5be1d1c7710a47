"""Levels of a rule: what no value reaches, and what every value reaches, is refused in the signal's own units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from support.paths import PROJECT
from undertow.market.errors import DataError, ParameterError
from undertow.signals import Bounds
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.strategies import AllClear, Condition, DipBuyer, DrawdownDeRisk, Gate, LiquidityDrain, RuleStrategy
from undertow.strategies.rules.file import presets, read_rule

DRAWDOWN, AGE = {"signal": "drawdown"}, {"signal": "rows-since-low"}
RANK = {"signal": "liquidation-spike", "output": "rank"}
CORRELATION = {"signal": "btc-equity-correlation"}
RULES = [name for name in registered(STRATEGIES) if issubclass(load(STRATEGIES, name), RuleStrategy)]


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        (
            Condition,
            {**DRAWDOWN, "below": 15},
            "got 15: every value is at or beyond it; a fall is negative: 15% is -0.15",
        ),
        (Condition, {**DRAWDOWN, "below": 0.15}, "got 0.15: every value is at or beyond it; a fall is negative: 15%"),
        (Condition, {**DRAWDOWN, "below": -15}, "got -15: no value ever reaches it; 15% is -0.15"),
        (Condition, {**DRAWDOWN, "below": 0}, "got 0: every value is at or beyond it; use less than 0"),
        (
            Condition,
            {**DRAWDOWN, "below": -0.2, "watch": 10},
            "got 10: every value is at or beyond it; a fall is negative: 10% is -0.1",
        ),
        (Condition, {**DRAWDOWN, "below": -0.2, "leave": 0}, "got 0: every value is at or beyond it; use less than 0"),
        (Condition, {**RANK, "above": 98}, r"lie in \(0, 1\] .* got 98: no value ever reaches it; 98% is 0.98"),
        (Condition, {**RANK, "above": 1.5}, "got 1.5: no value ever reaches it; use at most 1"),
        (Condition, {**RANK, "below": 0}, "got 0: no value ever reaches it; use more than 0"),
        (Condition, {**CORRELATION, "above": 50}, r"lie in \[-1, 1\] .* no value ever reaches it; 50% is 0.5"),
        (Condition, {**CORRELATION, "above": -1}, "every value is at or beyond it; use more than -1"),
        (Condition, {**AGE, "above": 0}, "every value is at or beyond it; use more than 0"),
        (Condition, {**AGE, "below": -4}, "no value ever reaches it; use at least 0"),
        (Condition, {"signal": "weekend-gap", "below": -8}, "no value ever reaches it; 8% is -0.08"),
        (Gate, {"signal": "policy-tailwind", "above": 2}, "no value ever reaches it; use at most 1"),
        (AllClear, {**AGE, "above": -4}, "every value is at or beyond it; use more than 0"),
        (AllClear, {"signal": "stabilisation", "above": 60}, "no value ever reaches it; 60% is 0.6"),
    ],
)
def test_a_level_that_says_nothing_is_refused(kind: Any, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=f"must be a level that only some values of .*{problem}") as error:
        kind(**given)
    level = next(key for key in reversed(given) if key not in ("signal", "output"))
    assert f"`{level}` must be a level" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Condition, {**RANK, "above": 1.0}),
        (Condition, {**DRAWDOWN, "below": -1.0}),
        (Condition, {**DRAWDOWN, "above": 0.0}),
        (Condition, {**AGE, "below": 0}),
        (Condition, {"signal": "funding", "output": "z", "above": 40}),
        (Gate, {"signal": "policy-tailwind", "above": 1}),
        # No new low for 0 hours: a return that waits for none.
        (AllClear, {**AGE, "above": 0}),
    ],
)
def test_the_ends_of_the_range_may_be_levels_where_they_tell_values_apart(kind: Any, given: dict[str, Any]) -> None:
    assert kind(**given).level == (given["above"] if "above" in given else given["below"])


@pytest.mark.parametrize("value", ["15", "0.15", "-15"])
def test_a_file_is_told_its_key(tmp_path: Path, value: str) -> None:
    file = tmp_path / "mine.toml"
    tiers = '[[tiers]]\nname = "cash"\nat = 1.0\ncash = 0.5\n'
    file.write_text(f'{tiers}[[trigger.when]]\nsignal = "drawdown"\nbelow = {value}\n', encoding="utf-8")
    with pytest.raises(
        DataError, match=r"mine\.toml: trigger\.when\[1\]: `below` must be .* in \[-1, 0\] .* 15% is -0.15"
    ):
        read_rule(file)


@pytest.mark.parametrize("value", [15, 0.15, -15])
def test_parameters_of_a_strategy_are_told_the_same_way(value: float) -> None:
    with pytest.raises(ParameterError, match=rf"`drawdown` must be in \[-0.4, -0.05\], got {value}.*15% is -0.15"):
        LiquidityDrain(drawdown=value)


@pytest.mark.parametrize("name", RULES)
def test_every_corner_of_a_search_space_is_a_rule(name: str) -> None:
    kind = load(STRATEGIES, name)
    for parameter, space in kind.search_space().items():
        for value in getattr(space, "choices", None) or (space.low, space.high):
            assert kind(**{parameter: value}).rule().drivers


def test_every_preset_still_loads() -> None:
    assert all(read_rule(name).strategy for name in presets())
    assert read_rule(PROJECT / "examples/rules/weekend-crash.toml").strategy


def test_no_wait_is_no_condition() -> None:
    assert [each.signal for each in DipBuyer(calm=0).rule().trigger.when] == ["drawdown"]
    assert DrawdownDeRisk(recovered=0.0).rule().reentry.when[0].level == 0.0


def test_bounds_by_hand() -> None:
    share, rank = Bounds(0.0, 1.0), Bounds(0.0, 1.0, open_low=True)
    values = np.array([[-0.1, 0.0, 0.5, 1.0, 1.0 + 1e-12, 1.1, np.nan]])
    assert share.outside(values).tolist() == [[True, False, False, False, False, True, False]]
    assert rank.outside(values).tolist() == [[True, True, False, False, False, True, False]]
    assert not Bounds().outside(values).any()
    assert [share.none_reaches(0.0, -1.0), rank.none_reaches(0.0, -1.0)] == [False, True]
    assert [share.all_reach(0.0, 1.0), share.all_reach(1.0, 1.0)] == [True, False]
