"""Objectives, constraints, spaces and the schedule of batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from undertow.backtests.metrics import drawdowns, return_metrics, ulcer_index
from undertow.backtests.objectives import NAMED, Constraint, read_constraints, read_objectives
from undertow.backtests.sweeps.design import design
from undertow.backtests.tuning.samplers.proposals import BatchSchedule
from undertow.backtests.tuning.space import first_sets, make_space
from undertow.backtests.tuning.study import judge
from undertow.market import ParameterError
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.strategies import DrawdownDeRisk, LiquidityDrain, Strategy, VolTarget


def test_ulcer_index_by_hand() -> None:
    # Value 1.1, 0.99, 1.155, 1.0395: drawdowns 0, -0.1, 0, -0.1; root of the mean of 0.02 / 4.
    returns = np.array([0.1, -0.1, 1 / 6, -0.1])
    np.testing.assert_allclose(drawdowns(returns), [0, -0.1, 0, -0.1], atol=1e-15)
    assert ulcer_index(returns) == pytest.approx(math.sqrt(0.005))
    assert return_metrics(returns, np.zeros(4))["ulcer_index"] == ulcer_index(returns)


@pytest.mark.parametrize("name", NAMED)
def test_every_named_objective_reads_its_metric(name: str) -> None:
    metric, direction = NAMED[name]
    row, hold = {metric: 3.0}, {"buy-and-hold": {metric: 1.0}}
    for typed in (name, metric):
        (named,) = read_objectives(typed)
        (excess,) = read_objectives(f"{typed}:buy-and-hold")
        assert (named.name, named.direction, named.value(row, {})) == (name, direction, 3.0)
        assert (excess.name, excess.value(row, hold)) == (f"{name}:buy-and-hold", 2.0)


def test_what_is_better_higher() -> None:
    assert {name for name, (_, direction) in NAMED.items() if direction == "minimize"} == {
        "ulcer",
        "volatility",
        "turnover",
        "costs",
    }


def spread(row: Any) -> float:
    return float(row["cagr"] - row["annual_volatility"])


def test_an_objective_of_ones_own() -> None:
    for typed in (spread, f"{__name__}:spread"):
        (named,) = read_objectives(typed)
        assert named.name == f"{__name__}:spread"
        assert named.value({"cagr": 0.3, "annual_volatility": 0.1}, {}) == pytest.approx(0.2)


class Callable:
    """An object that can be called."""

    def __call__(self, row: Any) -> float:
        return float(row["cagr"])


def test_callables_without_a_name_go_by_their_type() -> None:
    for typed, name in ((partial(spread), "functools:partial"), (Callable(), f"{__name__}:Callable")):
        (named,) = read_objectives(typed)
        assert named.name == name
        assert named.value({"cagr": 0.3, "annual_volatility": 0.1}, {}) == pytest.approx(0.2 if name[0] == "f" else 0.3)


def test_a_constraint_that_cannot_be_measured_fails_its_trial() -> None:
    aims = read_objectives("cagr")
    failed = judge({"cagr": 0.1}, aims, [Constraint("nowhere", True, 1.0)], {})
    assert (failed.values, failed.error) == (None, "KeyError: 'nowhere'")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("sharp", "unknown objective `sharp`, did you mean `sharpe`"),
        ("sharpe:buy-and-hodl", "unknown baseline in objective .*did you mean `buy-and-hold`"),
        ("nowhere:at_all", "cannot be imported as module:function"),
        ("math:pi", "is not a function"),
        ([], "at least one objective"),
        (["cagr", "cagr"], "names `cagr` twice"),
        (3, "must be a name or a function"),
    ],
)
def test_objectives_that_are_none(typed: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        read_objectives(typed)


def test_constraints_measure_by_how_much_they_are_missed() -> None:
    row = {"annual_turnover": 7.5, "average_exposure": 0.75, "average_cash": 0.25, "episodes": 3}
    constraints = read_constraints(["turnover <= 6", "average_cash<=0.2", "episodes>=4", "average-exposure>=0.5"])
    assert [constraint.name for constraint in constraints] == [
        "annual_turnover<=6",
        "average_cash<=0.2",
        "episodes>=4",
        "average_exposure>=0.5",
    ]
    assert [constraint.violation(row) for constraint in constraints] == pytest.approx([1.5, 0.05, 1, -0.25])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("turnover<6", "must be metric<=number"),
        ("turnovr<=6", "unknown metric `turnovr`"),
        ("annual_turnovr<=6", "did you mean `annual_turnover`"),
        ("episodes>=many", "must end in a number, got 'many'"),
        ("episodes>=nan", "must end in a number"),
    ],
)
def test_constraints_that_are_none(typed: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        read_constraints(typed)
    with pytest.raises(ParameterError, match="given twice"):
        read_constraints(["episodes>=4", "episodes >= 4.0"])


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Constraint("foo", True, 1.0), "unknown metric `foo` in constraint"),
        (Constraint("cagr", True, math.nan), "`bound` of a constraint must be a finite number, got nan"),
        (Constraint("cagr", True, "1"), "`bound` of a constraint must be a finite number, got '1'"),
        ([3], "`constraint` must be metric<=number or metric>=number, got 3"),
        ([None], "`constraint` must be metric<=number or metric>=number, got None"),
    ],
)
def test_constraint_objects_are_checked_as_text_is(constraint: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        read_constraints(constraint)
    assert read_constraints(Constraint("turnover", True, 6)) == read_constraints("turnover<=6")
    assert read_constraints(None) == ()


def test_a_distribution_is_searched_as_it_is() -> None:
    narrowed = {"lag": IntDistribution(0, 96, step=24), "window": IntDistribution(48, 96)}
    space = make_space(LiquidityDrain, {}, narrowed)
    assert {name: space.free[name] for name in narrowed} == narrowed
    assert set(design(space.free, 64, seed=1)["lag"]) == {0, 24, 48, 72, 96}
    # The default lies between the steps.
    off = make_space(LiquidityDrain, {}, {"lag": IntDistribution(10, 90, step=20)})
    assert all(parameters["lag"] in range(10, 91, 20) for parameters in first_sets(LiquidityDrain, off))


class Stepped(VolTarget):
    """Has parameters in steps, and numbers among choices."""

    share: Annotated[float, FloatDistribution(0.0, 1.0, step=0.25)] = 0.5
    days: Annotated[int, CategoricalDistribution((5, 21))] = 5


@pytest.mark.parametrize(
    ("kind", "narrowed", "message"),
    [
        (
            LiquidityDrain,
            {"lag": CategoricalDistribution([12, 24])},
            r"`lag` must be narrowed to \(low, high\), got Cat",
        ),
        (LiquidityDrain, {"lag": ["12", "24"]}, r"got \['12', '24'\]; on the command line that is low:high"),
        (LiquidityDrain, {"lag": [12, 24, 36]}, "a `sweep` over a grid tries single values"),
        (
            LiquidityDrain,
            {"lag": FloatDistribution(0.0, 48.0)},
            r"`lag` must be narrowed to \(low, high\) or by IntDist",
        ),
        (LiquidityDrain, {"lag": IntDistribution(0, 100)}, r"within \[0, 96\], got 0 to 100"),
        (LiquidityDrain, {"source": IntDistribution(0, 1)}, "`source` must be narrowed to some of"),
        (Stepped, {"share": FloatDistribution(0.0, 0.5)}, r"`share` moves in steps of 0\.25; narrow it to a multiple"),
        (Stepped, {"share": FloatDistribution(0.0, 1.0, step=0.1)}, "narrow it to a multiple"),
        (Stepped, {"days": IntDistribution(5, 21)}, "`days` must be narrowed to some of 5, 21; got IntDistribution"),
    ],
)
def test_what_is_no_part_of_a_range_is_refused(kind: type[Strategy], narrowed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_space(kind, {}, narrowed)


def test_space_is_narrowed_within_the_strategys_own() -> None:
    space = make_space(LiquidityDrain, {"cash": 0.3}, {"lag": (12, 48), "source": ["winners", "proportional"]})
    assert space.free["lag"] == IntDistribution(12, 48)
    assert isinstance(space.free["source"], CategoricalDistribution)
    assert set(space.free["source"].choices) == {"winners", "proportional"}
    assert space.fixed == {"cash": 0.3}
    assert "cash" not in space.free
    # A log range stays one, and a distribution says its own range.
    assert make_space(LiquidityDrain, {}, space.free).free["lag"] == IntDistribution(12, 48)
    narrowed = make_space(LiquidityDrain, {}, {"window": (48, 96)}).free["window"]
    assert narrowed == IntDistribution(48, 96, log=True)


@pytest.mark.parametrize(
    ("fixed", "narrowed", "message"),
    [
        ({}, {"lga": (1, 2)}, "no parameter `lga` to narrow, did you mean `lag`"),
        ({}, {"lag": (12, 480)}, r"`lag` must be narrowed to low <= high within \[0, 96\], got 12 to 480"),
        ({}, {"lag": (48, 12)}, "low <= high"),
        ({}, {"lag": (12.5, 48)}, "`lag` moves in steps of 1"),
        ({}, {"lag": 12}, r"must be narrowed to \(low, high\)"),
        ({}, {"source": ["winers"]}, "did you mean `winners`"),
        ({}, {"source": []}, "one or more different choices"),
        ({"lag": 12}, {"lag": (12, 48)}, "`lag` is fixed and narrowed"),
        ({"lag": 500}, {}, r"`lag` must be in \[0, 96\]"),
        ({"lga": 5}, {}, "has no parameter `lga`"),
    ],
)
def test_spaces_that_are_none(fixed: dict[str, Any], narrowed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_space(LiquidityDrain, fixed, narrowed)
    with pytest.raises(ParameterError, match="nothing to tune: every parameter is fixed"):
        make_space(VolTarget, VolTarget().parameters)


class Quiet(VolTarget):
    """Has a corner of its own at which it acts least."""

    least_active: ClassVar[Mapping[str, Any]] = {"target": 0.6}
    extra: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5


def test_first_sets() -> None:
    defaults = DrawdownDeRisk().parameters
    assert first_sets(DrawdownDeRisk, make_space(DrawdownDeRisk)) == (defaults, {**defaults, "cash": 0.05})
    quiet = first_sets(Quiet, make_space(Quiet), [{"extra": 0.25}, {}])
    assert [parameters["target"] for parameters in quiet] == [0.2, 0.6, 0.2]
    assert [parameters["extra"] for parameters in quiet] == [0.5, 0.5, 0.25]
    # The default lies outside the narrowed range: only the corner is left.
    narrow = make_space(DrawdownDeRisk, {"lag": 0}, {"cash": (0.1, 0.2)})
    assert [parameters["cash"] for parameters in first_sets(DrawdownDeRisk, narrow)] == [0.1]
    with pytest.raises(ParameterError, match="outside the search space"):
        first_sets(DrawdownDeRisk, narrow, [{"cash": 0.9}])


@pytest.mark.parametrize("name", list(registered(STRATEGIES)))
def test_every_strategys_quiet_corner_is_in_its_space(name: str) -> None:
    strategy = load(STRATEGIES, name)
    if strategy.search_space():
        sets = first_sets(strategy, make_space(strategy))
        assert sets[0] == {key: strategy().parameters[key] for key in strategy.search_space()}
        assert len(sets) == 2 or not (strategy.least_active or "cash" in strategy.search_space())


def test_points_of_a_design_by_parameters() -> None:
    assert make_space(LiquidityDrain).points == 64
    assert make_space(DrawdownDeRisk).points == 32
    assert make_space(VolTarget).points == 16
    assert issubclass(Quiet, Strategy)


@given(st.integers(0, 70), st.integers(1, 20), st.integers(1, 200))
def test_batches_cover_every_trial_once_and_in_order(first: int, batch: int, trials: int) -> None:
    schedule = BatchSchedule(first, batch)
    positions = [position for number in schedule.batches(trials) for position in schedule.positions(number, trials)]
    assert positions == list(range(trials))
    # A longer search has the same batches as far as it goes: only the last one of the shorter may be cut.
    for number in schedule.batches(trials):
        longer = schedule.positions(number, trials + 1000)
        assert longer.start == schedule.positions(number, trials).start
