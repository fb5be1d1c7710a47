"""A rule whose trigger was off, or on, at every session of a backtest says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from undertow.backtests import Run, backtest, load_run
from undertow.cli.console import show_run
from undertow.market import Market, simulate_market
from undertow.strategies import BuyAndHold, Condition, FreeRule, Gate, Rule, Tier, Trigger
from undertow.strategies.reasons.explain import remark
from undertow.strategies.reasons.reasons import Reasons
from undertow.tearsheets.run.reasons import reasons_section


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=3, years=1, names=5)


def ran(world: Market, below: float, gates: Sequence[Gate] = ()) -> Run:
    fall = Condition(signal="drawdown", below=below)
    rule = Rule(trigger=Trigger(when=(fall,)), gates=tuple(gates), tiers=(Tier(name="cash", at=0.5, cash=0.5),))
    return backtest(FreeRule(definition=rule), world)


def why(world: Market, score: Sequence[float], ungated: Sequence[float], tier: Sequence[int]) -> Reasons:
    whole = ran(world, -0.1).reasons
    assert whole is not None
    numbers = {"score": np.array(score), "ungated": np.array(ungated), "tier": np.array(tier)}
    return replace(whole.rows(slice(0, len(score))), **numbers)


def test_a_trigger_that_was_never_on_is_told_with_the_score_it_lacked(
    world: Market, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = ran(world, -0.99)
    told = f"its trigger was off on every one of {len(run.series)} sessions; highest score 0, needed 0.5"
    assert run.notes == (f"the rule never acted: {told}",)
    assert run.summary()["notes"] == list(run.notes)
    assert told in str(reasons_section(run))
    assert load_run(run.save(tmp_path / "run")).notes == run.notes
    show_run(run)
    assert run.notes[0] in capsys.readouterr().out


def test_a_trigger_that_was_always_on_is_told(world: Market) -> None:
    run = ran(world, -1e-9)
    told = f"the rule's trigger was on at every one of {len(run.series)} sessions; lowest score 1, needed 0.5"
    assert run.notes == (told,)
    always = why(world, [1.0, 0.5, np.nan, 1.0], [1.0, 1.0, np.nan, 1.0], [1, 1, 1, 1])
    assert remark(always) == (
        "the rule's trigger was on at every one of 4 sessions (3 with a known score); lowest score 0.5, needed 0.5"
    )


def test_gates_and_unknown_scores_are_told_apart(world: Market) -> None:
    held = why(world, [0.0, 0.2, 0.0], [0.0, 0.6, 0.0], [0, 0, 0])
    lead = "the rule never acted: its gates held it back on every session on which its trigger was on"
    assert remark(held) == f"{lead}, 1 in all"
    blind = why(world, [np.nan] * 3, [np.nan] * 3, [0, 0, 0])
    assert remark(blind) == "the rule never acted: its score was unknown on every one of 3 sessions"
    # A tier that was entered before the first session may last through a quiet run.
    lasting = why(world, [0.0, 0.0], [0.0, 0.0], [1, 1])
    assert remark(lasting) == "its trigger was off on every one of 2 sessions; highest score 0, needed 0.5"
    assert remark(why(world, [0.0, 0.5], [0.0, 0.5], [0, 1])) == ""


def test_a_strategy_without_parts_has_nothing_to_remark(world: Market) -> None:
    assert backtest(BuyAndHold(), world).notes == ()
