"""A rule as an alarm: by hand and by a slow loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from undertow.backtests import Run, backtest
from undertow.evidence import alarm
from undertow.evidence.alarm import falls_of
from undertow.market import ParameterError, simulate_market
from undertow.market.calendar import Fill
from undertow.strategies import BuyAndHold, DrawdownDeRisk, RiskTiers


@pytest.fixture(scope="module")
def run() -> Run:
    return backtest(RiskTiers(), simulate_market(seed=11, years=3, names=8))


def toy(
    run: Run, returns: list[float], episodes: list[tuple[int, int, float]], before: npt.ArrayLike | None = None
) -> Run:
    """A run of a few sessions with these basket returns and episodes (first row, sessions, worth); no gaps."""
    sessions = pd.bdate_range("2024-01-02", periods=len(returns))
    level = np.cumprod(1.0 + np.array(returns))
    before = np.concatenate(([1.0], level[:-1])) if before is None else before
    series = run.series.iloc[: len(returns)].set_axis(sessions, axis=0).assign(hold_before=before, hold_value=level)
    table = pd.DataFrame(
        {
            "session": [sessions[first] for first, _, _ in episodes],
            "sessions": [length for _, length, _ in episodes],
            "return_avoided": [worth for _, _, worth in episodes],
        }
    )
    return replace(run, series=series, episodes=table, reasons=None)


def test_falls_go_from_one_high_to_the_next() -> None:
    level = np.array([1.0, 1.1, 1.0, 0.9, 1.05, 1.2, 1.19, 1.25, 1.1])
    peaks, lows = falls_of(level, 0.10)
    assert (peaks.tolist(), lows.tolist()) == ([1, 7], [3, 8])
    assert falls_of(level, 0.30)[0].tolist() == []


def test_by_hand(run: Run) -> None:
    returns = [0.0, 0.01, -0.04, -0.04, 0.02, 0.10, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    found = alarm(toy(run, returns, [(2, 2, 0.05), (7, 2, -0.01)]), fall=0.05, horizon=3)
    # The alarm of row 2 is followed by a fall of 7.8 %; that of row 7 by none.
    assert (found.alarms, found.right, found.precision) == (2, 1, 0.5)
    assert (found.falls, found.seen, found.recall) == (1, 1, 1.0)
    # Acting from the close of row 1, which is the high; the low is two sessions later.
    assert found.lead == 2.0
    assert found.false_cost == pytest.approx(-0.01)
    # Of the first ten sessions (the horizon of the others is not over), rows 1 and 2 see the fall come.
    assert found.base_rate == pytest.approx(2 / 10)
    assert found.missed_rebound == pytest.approx(0.0)
    assert found.transitions.to_numpy().tolist() == [[5, 2], [2, 2]]
    assert found.time_in_tier["acting"] == pytest.approx(4 / 12)


def test_against_a_slow_loop(run: Run) -> None:
    found = alarm(run, fall=0.04, horizon=8)
    close, filled = run.series["hold_value"].to_numpy(), run.series["hold_before"].to_numpy()
    right, every, wrong = [], [], 0.0
    for row in range(len(close) - 8 + 1):
        every.append(any(close[row + ahead] <= filled[row] * 0.96 for ahead in range(8)))
    for each in run.episodes.itertuples():
        row = run.series.index.get_loc(each.session)
        if row < len(every):
            right.append(every[row])
            wrong += 0.0 if every[row] else each.return_avoided
    assert found.base_rate == pytest.approx(np.mean(every))
    assert (found.alarms, found.right) == (len(right), sum(right))
    assert found.false_cost == pytest.approx(wrong)


def test_what_was_gone_before_the_fill_is_no_alarm_s_merit(run: Run) -> None:
    # The whole fall happens in session 3, from the close of session 2 to its own.
    returns = [0.0, 0.01, 0.0, -0.10, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    level = np.cumprod(1.0 + np.array(returns))
    in_time, gap, after = (
        alarm(toy(run, returns, [(3, 2, 0.0)]), fall=0.05, horizon=3),
        # The open of session 3 is where its close will be: the fall is a gap.
        alarm(toy(run, returns, [(3, 2, 0.0)], before=[1.0, 1.0, *level[2:3], *level[3:]]), fall=0.05, horizon=3),
        alarm(toy(run, returns, [(4, 2, 0.0)]), fall=0.05, horizon=3),
    )
    assert (in_time.right, in_time.seen, in_time.lead) == (1, 1, 1.0)
    for late in (gap, after):
        assert (late.alarms, late.right, late.falls, late.seen) == (1, 0, 1, 0)
        assert np.isnan(late.lead)


def test_a_fill_at_the_close_saves_what_falls_after_it(run: Run) -> None:
    at_close = replace(run, recipe=replace(run.recipe, fill="close"))
    returns = [0.0, 0.01, 0.0, -0.10, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    level = np.cumprod(1.0 + np.array(returns))
    before, same = (
        alarm(toy(at_close, returns, [(first, 2, 0.0)], before=level), fall=0.05, horizon=3) for first in (2, 3)
    )
    assert (before.right, before.seen, before.lead) == (1, 1, 1.0)
    assert (same.alarms, same.right, same.seen) == (1, 0, 0)
    # Rows 0, 1 and 2 see the fall come; the horizon of the last three is not over.
    assert before.base_rate == pytest.approx(3 / 7)


@pytest.mark.parametrize("fill", ["open", "close"])
def test_the_rebound_missed_is_from_fill_to_fill(fill: Fill) -> None:
    held = backtest(DrawdownDeRisk(), simulate_market(seed=11, years=2, names=5), fill=fill)
    close, filled = (held.series[name].to_numpy() for name in ("hold_value", "hold_before"))
    rises = []
    for each in held.episodes.itertuples():
        first = held.series.index.get_loc(each.session)
        last = first + each.sessions
        back = filled[last] if last < len(filled) else close[-1]
        between = close[first if fill == "open" else first + 1 : last]
        rises.append(back / min(filled[first], back, *between) - 1.0)
    assert alarm(held).missed_rebound == pytest.approx(np.mean(rises))


def test_tiers_move_as_the_run_says(run: Run) -> None:
    found = alarm(run)
    assert run.tiers is not None
    assert found.transitions.to_numpy().sum() == len(run.series) - 1
    assert found.time_in_tier.sum() == pytest.approx(1.0)
    assert found.time_in_tier["calm"] == pytest.approx((run.tiers == "calm").mean())
    assert "alarms were followed by a fall" in found.sentence()


def test_without_alarms_and_refusals(run: Run) -> None:
    plain = backtest(BuyAndHold(), simulate_market(seed=11, years=1, names=5))
    found = alarm(plain)
    assert found.alarms == 0
    assert np.isnan(found.precision)
    assert found.sentence() == "The rule never acts, so there is no alarm to score."
    far = alarm(run, horizon=10_000)
    assert (far.alarms, far.unscored) == (0, len(run.episodes))
    assert far.unscored > 0
    assert far.sentence() == (
        f"The horizon of 10000 sessions ends after the run for every alarm ({far.unscored}), so that there is none to"
        " score."
    )
    with pytest.raises(ParameterError, match=r"`horizon` must be one session or more, a whole number, got 1\.5"):
        alarm(run, horizon=1.5)
    with pytest.raises(ParameterError, match="a positive decimal, got"):
        alarm(run, fall=-0.05)
    with pytest.raises(ParameterError, match="`horizon` must be one session or more"):
        alarm(run, horizon=0)


def test_a_rule_without_parts_is_scored_too() -> None:
    held = backtest(DrawdownDeRisk(), simulate_market(seed=11, years=2, names=5))
    bare = replace(held, reasons=None)
    assert alarm(bare).right == alarm(held).right
    assert list(alarm(bare).time_in_tier.index) == ["invested", "acting"]
