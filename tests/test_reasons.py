"""Why a rule decided: contributions that add up exactly, the nearest counterfactual, the label."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.backtests import Run, backtest, load_run
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.strategies import BuyAndHold, Condition, Gate, RiskTiers, Rule, Tier, Trigger, WinnersFirst
from undertow.strategies.reasons import Reasons, label_of, score_of

LEVELS = st.sampled_from([0.0, 0.5, 1.0, np.nan])


def made(combine: str, severity: list[float], gates: list[float], weights: list[float] | None = None) -> Reasons:
    """The reasons of one session with these severities."""
    weights = weights or [1.0] * len(severity)
    when = tuple(
        Condition(signal="drawdown", below=-0.2, watch=-0.1, weight=weight, title=f"c{n}")
        for n, weight in enumerate(weights)
    )
    gate = tuple(Gate(signal="vix", above=20, scale=0.4, title=f"g{n}") for n in range(len(gates)))
    rule = Rule(
        trigger=Trigger(when=when, combine=combine, known=0.0), gates=gate, tiers=(Tier(name="cash", at=0.5, cash=0.5),)
    )
    row = np.array([[*severity, *gates]])
    score = slow_score(rule, row[0])
    one, nothing = np.array([score]), np.zeros(1, dtype=np.int64)
    return Reasons(
        rule, pd.DatetimeIndex(["2024-01-02"]), -0.3 * np.nan_to_num(row), row, one, one, one, nothing, nothing
    )


def slow_score(rule: Rule, row: np.ndarray) -> float:
    count = len(rule.trigger.when)
    own, weights = row[:count], [each.weight for each in rule.trigger.when]
    known = [(x, w) for x, w in zip(own, weights, strict=True) if not np.isnan(x)]
    if rule.trigger.combine == "score":
        score = sum(x * w for x, w in known) / sum(w for _, w in known) if known else np.nan
    elif rule.trigger.combine == "any":
        score = max(x for x, _ in known) if known and (len(known) == count or max(known)[0] == 1) else np.nan
    else:
        score = min(x for x, _ in known) if known and (len(known) == count or min(known)[0] == 0) else np.nan
    for on in row[count:]:
        score = score * 0.4 if on == 1 else score
    return float(score)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["any", "all", "score"]),
    st.lists(LEVELS, min_size=1, max_size=4),
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=2),
    st.data(),
)
def test_contributions_are_shapley_values_and_sum_to_the_score(
    combine: str, severity: list[float], gates: list[float], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.floats(0.1, 5.0), min_size=len(severity), max_size=len(severity)))
    why = made(combine, severity, gates, weights)
    added = why.contributions(0)
    if np.isnan(why.score[0]):
        assert not added.any()
        return
    assert added.sum() == pytest.approx(why.score[0], abs=1e-12)
    np.testing.assert_allclose(added, slow_shapley(why), atol=1e-12)


def slow_shapley(why: Reasons) -> np.ndarray:
    """The mean of what each driver adds over every order in which they can come."""
    have, count = why._at_hand(0), len(why.rule.drivers)
    added = np.zeros(count)
    orders = list(permutations(range(count)))
    for order in orders:
        now = np.where(np.isnan(have), np.nan, 0.0)
        before = float(score_of(why.rule, now[None, :])[0])
        for driver in order:
            now[driver] = have[driver]
            after = float(score_of(why.rule, now[None, :])[0])
            added[driver] += (after - before) / len(orders)
            before = after
    return added


def test_the_counterfactual_is_the_nearest_change_of_as_few_drivers_as_possible() -> None:
    one = made("any", [1.0, 0.0], [])
    one.tier[0] = 1
    assert one.counterfactual(0) == "not cash, had c0 been above -0.1 (it was -0.3)"
    both = made("any", [1.0, 1.0], [])
    both.tier[0] = 1
    assert both.counterfactual(0).startswith("not cash, had c0 been above -0.1 (it was -0.3) and c1 been above -0.1")
    assert made("any", [0.0, 0.0], []).counterfactual(0) == ""


def test_labels_come_from_the_signals_or_from_the_condition() -> None:
    assert label_of(Condition(signal="liquidation-spike", output="rank", above=0.9)) == "liquidation cascade"
    assert label_of(Condition(signal="rates-shock", above=2)) == "rates shock"
    assert label_of(Condition(signal="dollar-shock", above=2)) == "dollar shock"
    assert label_of(Condition(signal="leadership", below=-1)) == "leadership break"
    assert label_of(Condition(signal="vix", above=30)) == "volatility event"
    assert label_of(Condition(signal="vix", above=30, label="my own")) == "my own"


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=2.5, names=8)


@pytest.fixture(scope="module")
def run(world: Market) -> Run:
    return backtest(RiskTiers(), world)


def test_every_change_of_tier_is_explained(run: Run) -> None:
    changes = run.changes
    assert len(changes) > 10
    drivers = changes.columns[changes.columns.get_loc("counterfactual") + 1 :]
    known = changes["score"].notna()
    np.testing.assert_allclose(changes.loc[known, drivers].sum(axis=1), changes.loc[known, "score"], atol=1e-12)
    entered = changes["event"].isin(["entered", "entered again"])
    assert (changes.loc[entered, "counterfactual"] != "").all()
    assert set(changes.loc[entered, "label"]) <= {
        "liquidation cascade",
        "rates shock",
        "dollar shock",
        "leadership break",
        "volatility event",
    }


def test_one_session_is_explained(run: Run) -> None:
    first = run.changes.iloc[0]
    found = run.explain(first["session"])
    assert (found.tier, found.before, found.score) == (first["tier"], first["before"], first["score"])
    assert sum(found.contributions.values()) == pytest.approx(found.score - found.baseline, abs=1e-12)
    assert str(first["session"].date()) in found.sentence()
    with pytest.raises(DataError, match="is not a session of this run"):
        run.explain("2018-12-25")


def test_a_saved_run_still_knows_its_reasons(run: Run, tmp_path: Path) -> None:
    loaded = load_run(run.save(tmp_path / "run"))
    pd.testing.assert_frame_equal(loaded.changes, run.changes)
    assert (tmp_path / "run" / "rule.json").is_file()


def test_without_parts_there_is_nothing_to_explain(world: Market) -> None:
    plain = backtest(BuyAndHold(), world)
    assert plain.tiers is None
    with pytest.raises(ParameterError, match="not put together from parts"):
        plain.explain(world.sessions[5])


def test_a_veto_is_recorded(world: Market) -> None:
    held = backtest(WinnersFirst(lead=-1.0), world)
    assert held.counts["vetoed_sessions"] > 0
    assert held.reasons is not None
    vetoed = [each for each in map(held.reasons.explain_row, range(len(world.sessions))) if each.vetoed]
    assert len(vetoed) == held.counts["vetoed_sessions"]
    assert "a gate held it back" in vetoed[0].sentence()
    assert vetoed[0].contributions["growth still leads"] < 0
