"""The contract that every registered signal and strategy keeps, simply by being registered."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertow.market import Feed, Market, ParameterError, simulate_market
from undertow.market.prices import FIELDS
from undertow.signals.registry import SIGNALS, STRATEGIES, load, registered
from undertow.signals.spec import Spec
from undertow.signals.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets
from undertow.strategies.weights import WEIGHTINGS, base_weights

SIGNAL_NAMES = list(registered(SIGNALS))
STRATEGY_NAMES = list(registered(STRATEGIES))
ROWS = 700


# ---------------------------------------------------------------- signals


def small(spec: Spec) -> dict[str, float]:
    """Parameters small enough that several windows fit into the test's rows."""
    return {
        name: each.default if each.unit == "rows a year" else min(each.default, 40)
        for name, each in spec.parameters.items()
    }


@cache
def sample(rows: int = ROWS, columns: int = 2) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, columns)), axis=0))
    return {
        "close": close,
        "volume": rng.lognormal(3, 1, (rows, columns)),
        "benchmark": 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (rows, columns)), axis=0)),
        "long_usd": rng.lognormal(10, 2, (rows, columns)),
        "short_usd": rng.lognormal(10, 2, (rows, columns)),
        "open_interest_usd": rng.lognormal(20, 0.2, (rows, columns)),
        "regime": np.repeat([0.0, 1.0], [rows // 2, rows - rows // 2])[:, None].repeat(columns, axis=1),
    }


def computed(spec: Spec, inputs: dict[str, Any], **changes: float) -> tuple[Any, ...]:
    return spec.compute({name: np.ascontiguousarray(inputs[name]) for name in spec.inputs}, {**small(spec), **changes})


@pytest.fixture(params=SIGNAL_NAMES)
def spec(request: pytest.FixtureRequest) -> Spec:
    found: Spec = load(SIGNALS, request.param).spec
    return found


@pytest.mark.parametrize("end", [60, 200, 351, 500])
def test_signal_prefix_invariance(spec: Spec, end: int) -> None:
    inputs = sample()
    whole = computed(spec, inputs)
    cut = computed(spec, {name: values[:end] for name, values in inputs.items()})
    rng = np.random.default_rng(end)
    noisy = {
        name: np.where(np.arange(ROWS)[:, None] < end, v, v * rng.lognormal(0, 1, v.shape))
        for name, v in inputs.items()
    }
    noisy["regime"] = inputs["regime"]
    for full, prefix, noise in zip(whole, cut, computed(spec, noisy), strict=True):
        np.testing.assert_array_equal(full[:end], prefix)
        np.testing.assert_array_equal(full[:end], noise[:end])


def test_signal_says_nothing_before_its_look_back_is_full_and_something_after(spec: Spec) -> None:
    inputs = {**sample(), "regime": np.zeros((ROWS, 2))}
    for output, needed in zip(computed(spec, inputs), spec.lookback(**small(spec)), strict=True):
        assert np.isnan(output[: needed - 1]).all()
        assert np.isfinite(output[needed - 1 :]).mean() > 0.99


def test_signal_many_columns_equal_one_at_a_time(spec: Spec) -> None:
    both = computed(spec, sample())
    for column in (0, 1):
        alone = computed(spec, {name: values[:, [column]] for name, values in sample().items()})
        for many, one in zip(both, alone, strict=True):
            np.testing.assert_array_equal(many[:, [column]], one)


def test_signal_never_changes_its_inputs_and_survives_missing_values(spec: Spec) -> None:
    rng = np.random.default_rng(1)
    holed = {name: np.where(rng.random(v.shape) < 0.05, np.nan, v) for name, v in sample().items()}
    holed["regime"] = sample()["regime"].copy()
    before = {name: values.copy() for name, values in holed.items()}
    for output in computed(spec, holed):
        assert output.shape == (ROWS, 2)
        assert output.dtype == np.float64
        assert not np.isinf(output).any()
    for name, values in before.items():
        np.testing.assert_array_equal(values, holed[name])


def test_signal_is_a_vectorbt_indicator_with_a_definition(spec: Spec) -> None:
    indicator = next(load(SIGNALS, name) for name in SIGNAL_NAMES if load(SIGNALS, name).spec is spec)
    index = pd.date_range("2024-01-01", periods=ROWS, freq="h", tz="UTC")
    frames = [pd.DataFrame(sample()[name], index=index) for name in spec.inputs]
    first = next(iter(spec.parameters))
    values = [20, 30] if spec.parameters[first].unit != "rows a year" else [1.0, 2.0]
    ran = indicator.run(*frames, **{**small(spec), first: values})
    output = getattr(ran, spec.outputs[0])
    assert output.shape == (ROWS, 4)
    assert f"{spec.name.replace('-', '_')}_{first}" in output.columns.names
    np.testing.assert_array_equal(output.iloc[:, :2], computed(spec, sample(), **{first: values[0]})[0])
    assert getattr(ran, f"{spec.outputs[0]}_below")(0.0).shape == output.shape
    assert spec.units
    assert spec.source
    assert spec.summary.endswith(".")
    assert all(each.range.low <= each.default <= each.range.high for each in spec.parameters.values())


# ---------------------------------------------------------------- strategies


@pytest.fixture(params=STRATEGY_NAMES)
def strategy(request: pytest.FixtureRequest) -> type[Strategy]:
    found: type[Strategy] = load(STRATEGIES, request.param)
    return found


@cache
def simulated() -> Market:
    return simulate_market(seed=11, years=2.5, names=10)


def several(strategy: type[Strategy], count: int = 6) -> list[Strategy]:
    """The defaults and some random members of the search space."""
    rng = np.random.default_rng(3)
    found = [strategy()]
    while len(found) < (count if strategy.model_fields else 1):
        draw = {}
        for name, space in strategy.search_space().items():
            choices = getattr(space, "choices", None)
            if choices is not None:
                draw[name] = choices[rng.integers(len(choices))]
            else:
                value = rng.uniform(space.low, space.high)  # type: ignore[attr-defined]
                draw[name] = round(value) if isinstance(space.low, int) else value  # type: ignore[attr-defined]
        found.append(strategy(**draw))
    return found


def decided(strategy: type[Strategy], market: Market, sets: Sets, fill: str = "open") -> tuple[DecisionTable, Decision]:
    table = DecisionTable(market, "growth", fill)  # type: ignore[arg-type]
    return table, strategy.decide(table, sets)


def noise_after(market: Market, session: pd.Timestamp) -> Market:
    """The market with everything that became known after `session` closed replaced by noise."""
    rng = np.random.default_rng(9)
    row = int(market.sessions.searchsorted(session, "right"))
    cutoff = market.calendar.closes[row - 1]

    def feed(each: Feed) -> Feed:
        late = each.known_at > cutoff
        columns = {n: np.where(late, v * rng.lognormal(0, 0.3, len(v)), v) for n, v in each.columns.items()}
        return replace(each, columns=columns)

    panels = {}
    for name in FIELDS:
        panel = getattr(market.prices, name).copy()
        panel[row:] *= rng.lognormal(0, 0.3, panel[row:].shape)
        panels[name] = panel
    return replace(market, prices=replace(market.prices, **panels), feeds=tuple(feed(each) for each in market.feeds))


def assert_decisions_hold(strategy: type[Strategy], market: Market, sessions: list[pd.Timestamp], fill: str) -> None:
    sets = strategy.stack(several(strategy)) if strategy.model_fields else {}
    _, whole = decided(strategy, market, sets, fill)
    whole_table = DecisionTable(market, "growth", fill)  # type: ignore[arg-type]
    for session in sessions:
        for other in (market.until(session), noise_after(market, session)):
            table, decision = decided(strategy, other, sets, fill)
            rows = int(market.sessions.searchsorted(session, "right"))
            np.testing.assert_array_equal(decision.exposure[:rows], whole.exposure[:rows])
            np.testing.assert_array_equal(decision.stale[:rows], whole.stale[:rows])
            mine = {name: column for column, name in enumerate(table.symbols)}
            columns = [whole_table.symbols.index(name) for name in mine]
            np.testing.assert_array_equal(table.alive[:rows], whole_table.alive[:rows, columns])
            for weighting in WEIGHTINGS:
                part, _ = base_weights(table, slice(0, rows), weighting, "monthly")
                everything, _ = base_weights(whole_table, slice(0, rows), weighting, "monthly")
                np.testing.assert_allclose(part, everything[:, columns], rtol=1e-12)
            for ours, theirs in zip(decision.scores, whole.scores, strict=True):
                np.testing.assert_array_equal(ours[:rows], theirs[:rows, columns])


@pytest.mark.parametrize("fill", ["open", "close"])
def test_strategy_prefix_invariance_simulated(strategy: type[Strategy], fill: str) -> None:
    market = simulated()
    assert_decisions_hold(strategy, market, [market.sessions[n] for n in (150, 301, 477)], fill)


def test_strategy_prefix_invariance_real(strategy: type[Strategy], real_market: Market) -> None:
    sessions = [pd.Timestamp(day) for day in ("2020-03-12", "2021-04-27", "2024-08-05")]
    assert_decisions_hold(strategy, real_market, sessions, "open")


def test_strategy_many_at_once_equal_one_at_a_time(strategy: type[Strategy]) -> None:
    rules = several(strategy, 8)
    if not strategy.model_fields:
        return
    _, together = decided(strategy, simulated(), strategy.stack(rules))
    for which, rule in enumerate(rules):
        _, alone = decided(strategy, simulated(), strategy.stack([rule]))
        np.testing.assert_array_equal(together.exposure[:, which], alone.exposure[:, 0])
        np.testing.assert_array_equal(together.stale[:, which], alone.stale[:, 0])
        score = int(together.score_of_set[which])
        assert (score < 0) == (alone.score_of_set[0] < 0)
        if score >= 0:
            np.testing.assert_array_equal(together.scores[score], alone.scores[0])


def test_strategy_exposure_is_a_share_of_capital(strategy: type[Strategy]) -> None:
    sets = strategy.stack(several(strategy)) if strategy.model_fields else {}
    table, decision = decided(strategy, simulated(), sets)
    assert decision.exposure.shape[0] == len(table)
    assert ((decision.exposure >= 0) & (decision.exposure <= 1)).all()
    assert decision.stale.shape == decision.exposure.shape


def test_strategy_holds_and_counts_where_feeds_are_missing(strategy: type[Strategy]) -> None:
    bare = replace(simulated(), feeds=())
    sets = strategy.stack([strategy()]) if strategy.model_fields else {}
    _, decision = decided(strategy, bare, sets)
    if strategy.__name__ in ("DrawdownDeRisk", "LiquidityDrain"):
        assert (decision.exposure == 1).all()
        assert decision.stale.all()


def test_strategy_is_frozen_pickles_and_refuses_what_is_out_of_range(strategy: type[Strategy]) -> None:
    rule = strategy()
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert strategy.__doc__
    assert strategy.summary
    for name, space in strategy.search_space().items():
        with pytest.raises((ValueError, TypeError)):
            setattr(rule, name, getattr(rule, name))
        bad = space.high + 1 if hasattr(space, "high") else "nonsense"
        with pytest.raises(ParameterError, match=f"`{name}` must be"):
            strategy.create({name: bad})
    with pytest.raises(ParameterError, match="has no parameter `nonsense`"):
        strategy.create({"nonsense": 1})
