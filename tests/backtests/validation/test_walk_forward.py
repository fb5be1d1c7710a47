"""Walk-forward: nothing later is seen, one account, equal bytes for any workers, refusals before any work."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from support.kernel import walk_compiled as walk_nb
from support.kernel import walk_plain as walk_np
from undertow.backtests import Run, backtest, load_run
from undertow.backtests.account import Account
from undertow.backtests.folders import json_ready
from undertow.backtests.kernel.path import selling_order
from undertow.backtests.kernel.records import default_options
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.metrics import ulcer_index
from undertow.backtests.sweeps.design import design
from undertow.backtests.sweeps.reserved import RESERVED
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.backtests.tuning.search import TuningError
from undertow.backtests.tuning.settings import Search
from undertow.backtests.validation.cpcv import CpcvResult, cpcv
from undertow.backtests.validation.result import WalkForwardResult
from undertow.backtests.validation.schedule import Schedule, ScheduledSpan, ScheduledStrategy, schedule_decision
from undertow.backtests.validation.seeds import seed_row, walk_seeds
from undertow.backtests.validation.settings import TUNERS, TunedFold, WalkSettings, make_walk_settings
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.backtests.validation.walk_forward import walk_forward
from undertow.evidence import SPATest
from undertow.market import Market, ParameterError, UnknownNameError, load_market, simulate_market, write_market
from undertow.strategies import BuyAndHold, Decision, DrawdownDeRisk, LiquidityDrain, StopLoss, VolTarget

SPLIT = WalkForward(train=160, test=80, purge=5, embargo=2)
# Few distinct signals, so that the tests are quick; the order of selling differs between trials.
NARROWED = {"lag": (0, 72), "cash": (0.3, 1.0), "source": ("proportional", "winners")}
FIXED = {"window": 168, "drawdown": -0.12, "spike": 0.97, "spike_days": 90, "min_hold": 24, "max_hold": 96}
FIXED |= {"low_days": 7, "calm": 24, "steps": 1, "trigger": "any"}


@cache
def market() -> Market:
    return simulate_market(seed=5, years=2, names=8)


def walked(world: Market, **words: Any) -> WalkForwardResult:
    given = {"split": SPLIT, "trials": 16, "fixed": FIXED, "narrowed": NARROWED, "seed": 3, **words}
    return walk_forward(LiquidityDrain, world, **given)


@cache
def result() -> WalkForwardResult:
    return walked(market())


@cache
def combinatorial() -> CpcvResult:
    rule = CombinatorialPurgedKFold(4, 2, purge=5, embargo=3)
    return cpcv(LiquidityDrain, market(), split=rule, trials=8, fixed=FIXED, narrowed=NARROWED, seed=3)


# ---------------------------------------------------------------- the walk


def test_each_fold_takes_the_best_of_its_training_sessions_alone() -> None:
    for each in result().folds:
        start, end = each.train
        tried = sweep(
            LiquidityDrain, market(), each.trials[list(LiquidityDrain.model_fields)], start=start, end=end
        ).table
        best = tried["annual_sharpe"].idxmax()
        assert each.parameters == {name: tried[name][best] for name in LiquidityDrain.model_fields}
        assert each.in_sample["annual_sharpe"] == pytest.approx(tried["annual_sharpe"][best], rel=1e-12)
        hold = backtest(BuyAndHold(), market(), start=start, end=end).metrics["total_return"]
        assert each.in_sample["excess_over_buy_and_hold"] == pytest.approx(tried["total_return"][best] - hold, abs=1e-9)


def test_nothing_after_a_folds_test_changes_it() -> None:
    whole = result()
    for number in (1, 3):
        each = whole.folds[number - 1]
        cut = walked(market().until(each.test[1]))
        assert len(cut.folds) == number
        same = cut.folds[-1]
        assert same.parameters == each.parameters
        assert same.out_of_sample == pytest.approx(each.out_of_sample, rel=1e-12, nan_ok=True)
        pd.testing.assert_frame_equal(same.trials, each.trials, check_exact=True)
        days = slice(None, each.test[1])
        pd.testing.assert_series_equal(cut.run.returns, whole.run.returns.loc[days], check_exact=True)


def test_the_stitched_account_is_what_the_folds_decided_and_pays_at_its_seams() -> None:
    run = result().run
    exposure = pd.concat(
        [
            backtest(LiquidityDrain(**each.parameters), market()).exposure.loc[each.test[0] : each.test[1]]
            for each in result().folds
        ]
    )
    pd.testing.assert_series_equal(run.exposure, exposure, check_names=False, check_freq=False)
    assert run.series.index[0] == result().folds[0].test[0]
    assert run.series.index[-1] == market().sessions[-1]
    held = backtest(BuyAndHold(), market(), start=run.recipe.start)
    np.testing.assert_allclose(run.series["hold_return"], held.returns, rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        result().vol_target.returns, backtest(VolTarget(), market(), start=run.recipe.start).returns
    )


def test_one_strategy_in_every_piece_is_that_strategy() -> None:
    days = market().sessions
    for rule in (LiquidityDrain(source="beta", cash=0.8), LiquidityDrain(source="proportional"), VolTarget()):
        pieces = tuple(ScheduledSpan(rule, days[a], days[b]) for a, b in ((200, 280), (281, 300), (301, 420)))
        words = {"start": days[200], "end": days[420]}
        joined = backtest(ScheduledStrategy(schedule=Schedule(pieces)), market(), **words)
        plain_run = backtest(rule, market(), **words)
        pd.testing.assert_frame_equal(joined.series, plain_run.series, check_exact=True)
        pd.testing.assert_frame_equal(joined.orders, plain_run.orders, check_exact=True)
        # Pieces of different rules share no tiers, so a joined run names none.
        named = ["tier", "label"]
        episodes = (each.episodes.drop(columns=named) for each in (joined, plain_run))
        pd.testing.assert_frame_equal(*episodes, check_exact=True)
        assert {k: v for k, v in joined.counts.items() if k != "signal_sources"} == {
            k: v for k, v in plain_run.counts.items() if k != "signal_sources"
        }


def test_a_session_without_a_score_sells_in_proportion() -> None:
    rng = np.random.default_rng(4)
    rows, names = 60, 5
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, names)), axis=0))
    score = rng.normal(size=(rows, names))
    score[10:40] = -np.inf
    order = selling_order(score)
    assert (order[10:40, 0] == -1).all()
    assert (order[:10] >= 0).all()
    given = {
        "fill": close,
        "mark": close,
        "close": close,
        "end_price": np.full(close.shape, np.nan),
        "base": np.full((1, names), 1 / names),
        "rebalanced": np.concatenate(([0], np.full(rows - 1, -1))),
        "exposure": rng.choice([1.0, 0.7, 0.3], rows),
        "order": order,
        "cash_fill": np.ones(rows),
        "cash_close": np.ones(rows),
        "capital": 1e6,
        "fee": 5e-4,
        "slippage": 5e-4,
        "maintenance": 0.30,
        "rules": default_options(),
    }
    for mine, theirs in zip(walk_nb(**given), walk_np(**given), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6)


def test_rows_of_a_stitched_decision_by_hand() -> None:
    found = Decision(
        exposure=np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]),
        stale=np.array([[True, False]] * 3),
        score_of_set=np.array([-1, 0]),
        scores=(np.arange(6.0).reshape(3, 2),),
        flags={"fallback": np.array([[False, True]] * 3)},
        hedge=np.array([[0.0, 0.1]] * 3),
        stop=np.array([0.2, 0.2]),
        stop_wait=np.array([5, 5]),
    )
    joined = schedule_decision(found, np.array([[0, 1], [1, 1], [-1, 1]]), 2)
    assert joined.exposure.tolist() == [[0.1, 0.2], [0.4, 0.4], [1.0, 0.6]]
    assert joined.stale.tolist() == [[True, False], [False, False], [False, False]]
    assert joined.flags["fallback"].tolist() == [[False, True], [True, True], [False, True]]
    assert joined.hedge is not None
    assert joined.hedge.tolist() == [[0.0, 0.1], [0.1, 0.1], [0.0, 0.1]]
    assert joined.score_of_set.tolist() == [0, 1]
    assert joined.scores[0].tolist() == [[-np.inf, -np.inf], [2.0, 3.0], [-np.inf, -np.inf]]
    assert joined.scores[1].tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert joined.stop is not None
    assert joined.stop.tolist() == [0.2, 0.2]
    with pytest.raises(ParameterError, match="`stop` must be the same in every fold of one account"):
        schedule_decision(
            Decision(found.exposure, found.stale, found.score_of_set, found.scores, stop=np.array([0.1, 0.2])),
            np.array([[0], [1], [1]]),
            2,
        )
    taxed = Decision(found.exposure, found.stale, np.array([-2, 0]), found.scores)
    with pytest.raises(ParameterError, match="`source` must be least-tax in every fold"):
        schedule_decision(taxed, np.array([[0], [1], [1]]), 2)


def test_equal_bytes_for_any_number_of_workers(tmp_path: Any) -> None:
    for jobs, backend in ((2, "loky"), (3, "threading")):
        other = walked(market(), jobs=jobs, backend=backend)
        pd.testing.assert_frame_equal(other.table, result().table, check_exact=True)
        pd.testing.assert_frame_equal(other.trials, result().trials, check_exact=True)
        pd.testing.assert_frame_equal(other.run.series, result().run.series, check_exact=True)
    result().run.save(tmp_path / "one")
    other.run.save(tmp_path / "two")
    for name in ("run.json", "metrics.json", "tearsheet.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_folds_are_the_same_to_the_byte_on_a_cluster() -> None:
    # Ray goes the same way, as test_engines.py shows; to start it takes longer than everything else here.
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("distributed is not installed: pip install 'undertow[dask]'")
    other = walked(market(), jobs=2, backend="dask")
    pd.testing.assert_frame_equal(other.trials, result().trials, check_exact=True)
    pd.testing.assert_frame_equal(other.run.series, result().run.series, check_exact=True)


def test_a_stitched_run_is_a_run_like_any_other(tmp_path: Any) -> None:
    run = result().run
    back = load_run(run.save(tmp_path / "walk"))
    assert back.name == "liquidity-drain-walk-forward"
    assert back.recipe == run.recipe
    assert back.recipe.parameters["split"] == "train 160 rolling, test 80, step 80, purge 5, embargo 2"
    folds = [name for name in back.recipe.parameters if name.startswith("fold ")]
    assert len(folds) == len(result().folds) == 5
    pd.testing.assert_frame_equal(back.series, run.series, check_freq=False)
    assert run.portfolio.value().iloc[-1] == pytest.approx(run.series["value"].iloc[-1], rel=1e-9)


def test_the_table_counts_every_session() -> None:
    table = result().table
    assert table["sessions_tested"].sum() + result().untested == len(market().sessions)
    assert (table["sessions_trained"] == 155).all()
    assert (table["purged"] == 5).all()
    assert (table["embargoed"] == 2).all()
    assert (table["trials"] == 16).all()
    assert result().trials.groupby("fold").size().tolist() == [16] * 5
    grown = np.prod(1 + table["out_total_return"]) - 1
    assert grown == pytest.approx(result().run.metrics["total_return"], rel=1e-9)
    json.dumps(json_ready(result().summary()), allow_nan=False)


def test_stability_by_hand() -> None:
    found = result().stability.set_index("parameter")
    assert list(found.index) == ["lag", "cash", "source"]
    lags = result().table["lag"]
    assert found["spread"]["lag"] == pytest.approx((lags.max() - lags.min()) / 72)
    sources = result().table["source"]
    assert found["spread"]["source"] == pytest.approx(1 - sources.value_counts().max() / len(sources))


def test_another_tuner_can_take_the_seat() -> None:
    asked: list[tuple[pd.Timestamp, pd.Timestamp, int]] = []

    def always(
        kind: Any, world: Market, start: pd.Timestamp, end: pd.Timestamp, seed: int, settings: WalkSettings
    ) -> TunedFold:
        asked.append((start, end, seed))
        tried = sweep(kind, world, pd.DataFrame({"lag": [12]}), start=start, end=end).table
        return TunedFold(LiquidityDrain(lag=12).parameters, tried.iloc[0, 13:].astype(float).to_dict(), tried)

    found = walked(market(), tuner=always)
    assert asked == [(*each.train, 3) for each in found.folds]
    assert {each.parameters["lag"] for each in found.folds} == {12}
    run: Run = backtest(LiquidityDrain(lag=12), market(), start=found.run.recipe.start)
    pd.testing.assert_frame_equal(found.run.series, run.series, check_exact=True)


def test_a_strategy_without_parameters_walks_too() -> None:
    found = walk_forward(BuyAndHold, market(), split=SPLIT, trials=1)
    np.testing.assert_allclose(found.run.returns, found.run.series["hold_return"], rtol=0, atol=1e-15)
    assert found.stability.empty


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"objective": "sharp"}, "unknown objective `sharp`, did you mean `sharpe`"),
        ({"trials": 0}, "`trials` must be a whole number, 1 or more, got 0"),
        ({"trials": True}, "`trials` must be a whole number, 1 or more, got True"),
        ({"capital": "1e6"}, "`capital` must be positive, a finite number, got '1e6'"),
        ({"objective": ["sharpe", "calmar"]}, "`objective` must be one objective, got"),
        ({"constraints": "turnovr<=3"}, "unknown metric `turnovr` in constraint, did you mean `annual_turnover`"),
        ({"tuner": "serch"}, "`tuner` must be one of search, design or a function; got 'serch', did you mean `search`"),
        ({"max_failed": 2}, r"`max_failed` must be a share in \[0, 1\], got 2"),
        ({"jobs": 0}, "`jobs` must be 1 or more workers, got 0"),
        ({"backend": "dsk"}, "`backend` must be one of serial, threading, loky, dask, ray; got 'dsk'"),
        ({"address": "tcp://nowhere:1"}, "`address` is that of a cluster"),
        ({"fixed": {"lga": 3}}, "has no parameter `lga`, did you mean `lag`"),
        ({"fixed": {"lag": 300}, "narrowed": {}}, r"`lag` must be in \[0, 96\], got 300"),
        ({"narrowed": {"lga": (0, 3)}}, "has no parameter `lga` to narrow, did you mean `lag`"),
        ({"narrowed": {"lag": (0, 300)}}, r"`lag` must be narrowed to low <= high within \[0, 96\], got 0 to 300"),
        ({"narrowed": {"lag": (30, 3)}}, r"`lag` must be narrowed to low <= high within \[0, 96\], got 30 to 3"),
        ({"narrowed": {"lag": 3}}, r"`lag` must be narrowed to \(low, high\), got 3"),
        ({"narrowed": {"source": ("proportional", "losers")}}, "`source` must be narrowed to some of"),
        ({"fixed": {"lag": 3}, "narrowed": {"lag": (0, 3)}}, "`lag` is fixed and narrowed"),
        ({"split": WalkForward(train=600)}, "there are 503 sessions; `train` 600, `embargo` 0 and one session to test"),
        ({"split": WalkForward(train=160, test=80, step=40)}, "`step` must equal `test`.*got step 40 and test 80"),
        ({"start": "2001-01-01"}, "`start` 2001-01-01 is before the first session"),
        ({"universe": "grwth"}, "unknown universe `grwth`, did you mean `growth`"),
    ],
)
def test_what_is_refused_before_any_work(words: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("validation.folds.sweep", "tuning.evaluate.sweep"):
        monkeypatch.setattr(f"undertow.backtests.{name}", lambda *_, **__: pytest.fail("work began first"))
    with pytest.raises((ParameterError, UnknownNameError), match=message):
        walked(market(), **words)


def test_a_walk_that_ends_in_a_later_fold_has_counted_the_folds_before_it(tmp_path: Any) -> None:
    made: list[pd.Timestamp] = []

    def brittle(strategy: Any, world: Market, start: Any, end: Any, seed: int, settings: WalkSettings) -> TunedFold:
        made.append(start)
        if len(made) == 3:
            raise TuningError("9 of 16 trials failed")
        return TUNERS["design"](strategy, world, start, end, seed, settings)

    with pytest.raises(TuningError, match=r"the fold that is trained on 20\d\d-.* to 20.*: 9 of 16 trials failed"):
        walked(market(), ledger=tmp_path, tuner=brittle)
    assert Ledger(tmp_path).trials_so_far(market().fingerprint) == 32


def test_a_tuner_that_makes_more_trials_than_asked_is_counted_whole(tmp_path: Path) -> None:
    def thrice(strategy: Any, world: Market, start: Any, end: Any, seed: int, settings: WalkSettings) -> TunedFold:
        return TUNERS["design"](strategy, world, start, end, seed, replace(settings, trials=3 * settings.trials))

    found = walked(market(), ledger=tmp_path, tuner=thrice, trials=4)
    assert found.trial_count is not None
    assert found.trial_count.own == 12 * len(found.folds)


def test_a_range_that_no_command_line_can_say_has_no_command(tmp_path: Path) -> None:
    world = load_market(write_market(market(), tmp_path / "market"))
    typed = walked(world, split=WalkForward(train=160, test=300), trials=2).run.recipe.command
    assert "--narrow lag=0:72" in str(typed)
    stepped = {**NARROWED, "lag": IntDistribution(0, 72, step=24)}
    assert walked(world, split=WalkForward(train=160, test=300), trials=2, narrowed=stepped).run.recipe.command is None


def test_no_value_of_the_objective_is_an_error() -> None:
    # A flat exposure over one rising session has no drawdown, so no Calmar ratio: a training span too short for it.
    start = market().sessions[rising_row()]
    quiet = WalkForward(train=2, test=300, purge=0)
    with pytest.raises(TuningError, match="`calmar` is nan, not a number"):
        walk_forward(DrawdownDeRisk, market(), split=quiet, trials=2, objective="calmar", start=start)


def rarely(metrics: Mapping[str, Any]) -> float:
    return metrics["cagr"] if metrics["average_exposure"] > 0.97 else float("nan")


def test_the_share_of_failed_trials_that_ends_a_walk_is_the_users_to_say(tmp_path: Path) -> None:
    world = load_market(write_market(market(), tmp_path / "market"))
    with pytest.raises(TuningError, match=r"more than the share `max_failed` of 0\.5"):
        walked(world, objective=rarely)
    borne = walked(world, objective=rarely, max_failed=0.95)
    assert "--max-failed 0.95" in str(borne.run.recipe.command)
    assert max(fold.trials["error"].ne("").mean() for fold in borne.folds) > 0.5


def rising_row() -> int:
    hold = backtest(BuyAndHold(), market()).returns.to_numpy()
    both = (hold[:-1] > 0.005) & (hold[1:] > 0.005)
    return int(np.flatnonzero(both[20:])[0]) + 20


# ---------------------------------------------------------------- the tuners


def test_folds_are_tuned_by_the_search_of_optimize() -> None:
    found = walked(market(), trials=24, split=WalkForward(train=200, test=303), objective="calmar")
    (fold,) = found.folds
    settings = {"start": fold.train[0], "end": fold.train[1], "fixed": FIXED, "narrowed": NARROWED}
    tuning = optimize(LiquidityDrain, market(), objective="calmar", trials=24, seed=3, **settings)
    pd.testing.assert_frame_equal(fold.trials, tuning.trials, check_exact=True)
    assert set(fold.trials["design"]) == {"given", "sobol", "refine"}
    assert fold.parameters == tuning.best_parameters
    assert fold.in_sample["objective"] == tuning.trials["calmar"].max() == fold.in_sample["calmar"]
    assert fold.out_of_sample["objective"] == fold.out_of_sample["calmar"]


def test_a_design_alone_has_nothing_adaptive() -> None:
    found = walked(market(), trials=24, split=WalkForward(train=200, test=303), tuner="design")
    assert found.folds[0].trials["design"].value_counts().to_dict() == {"sobol": 23, "given": 1}
    assert found.run.recipe.parameters["tuner"] == "design"


def test_an_objective_where_less_is_better_and_one_against_a_baseline() -> None:
    split = WalkForward(train=200, test=303)
    (calm,) = walked(market(), split=split, objective="ulcer", tuner="design").folds
    assert calm.in_sample["objective"] == calm.trials["ulcer_index"].min()
    against = walked(market(), split=split, objective="sharpe:vol-target", tuner="design")
    (fold,) = against.folds
    inside = backtest(VolTarget(), market(), start=fold.train[0], end=fold.train[1]).metrics["annual_sharpe"]
    assert fold.in_sample["objective"] == pytest.approx(fold.in_sample["annual_sharpe"] - inside, rel=1e-9)
    outside = against.run.metrics["annual_sharpe"] - against.vol_target.metrics["annual_sharpe"]
    assert fold.out_of_sample["objective"] == pytest.approx(outside, rel=1e-9)


def test_constraints_bind_in_training() -> None:
    split = WalkForward(train=200, test=303)
    free = walked(market(), split=split, tuner="design").folds[0].trials
    bound = f"annual_turnover<={free['annual_turnover'].median():.2f}"
    found = walked(market(), split=split, constraints=bound, tuner="design")
    (fold,) = found.folds
    kept = fold.trials[fold.trials["feasible"]]
    assert 0 < len(kept) < len(fold.trials)
    assert fold.in_sample["objective"] == kept["annual_sharpe"].max() < free["annual_sharpe"].max()
    assert found.run.recipe.parameters["constraints"] == bound


def test_what_is_taxed_least_is_only_tuned_where_it_is_asked_for() -> None:
    free = make_walk_settings(LiquidityDrain, Search(), Account())
    assert "least-tax" not in free.space["source"].choices  # type: ignore[attr-defined]
    assert free.unsearched == ("source=least-tax",)
    alone = make_walk_settings(LiquidityDrain, Search(narrowed={"source": ["least-tax"]}), Account())
    assert alone.space["source"] == CategoricalDistribution(["least-tax"])
    assert not alone.unsearched
    with pytest.raises(ParameterError, match=r"`source` must be least-tax in every .* narrow it to least-tax alone"):
        make_walk_settings(LiquidityDrain, Search(narrowed={"source": ["beta", "least-tax"]}), Account())


def test_the_ledger_counts_every_trial_of_every_fold_once(tmp_path: Any) -> None:
    first = walked(market(), ledger=tmp_path)
    assert first.trial_count is not None
    assert (first.trial_count.before, first.trial_count.own, first.trial_count.total) == (0, 80, 80)
    again = walked(market(), ledger=tmp_path, jobs=2, backend="threading")
    assert again.trial_count == first.trial_count
    other = walked(market(), ledger=tmp_path, seed=4)
    assert other.trial_count is not None
    assert (other.trial_count.before, other.trial_count.own) == (80, 80)
    paths = {"split": CombinatorialPurgedKFold(4, 2), "fixed": FIXED, "narrowed": NARROWED}
    cpcv(LiquidityDrain, market(), trials=8, seed=3, ledger=tmp_path, **paths)
    assert Ledger(tmp_path).trials_so_far(market().fingerprint) == 168


def test_a_fold_acts_only_where_its_trials_prove_it() -> None:
    free, levels = result(), []
    for each in free.folds:
        sets = each.trials[list(LiquidityDrain.model_fields)]
        words = {"start": each.train[0], "end": each.train[1], "returns": True}
        tried = sweep(LiquidityDrain, market(), sets, **words).returns
        levels.append(SPATest()(tried, sweep(BuyAndHold, market(), pd.DataFrame(index=range(1)), **words).returns[0]))
    level = float(np.sort(levels)[0])
    found = walked(market(), gate=SPATest(alpha=level))
    np.testing.assert_allclose([each.p for each in found.folds], levels, atol=0.02)
    assert found.table["acts"].tolist() == [each <= level for each in found.table["gate_p"]]
    assert 0 < found.acting < len(found.folds)
    assert found.summary()["folds_acting"] == found.acting
    for each, other in zip(found.folds, free.folds, strict=True):
        days = slice(*each.test)
        assert each.parameters == other.parameters
        wanted = free.run.exposure.loc[days] if each.acts else 1.0
        assert (found.run.exposure.loc[days] == wanted).all()
    told = [text for name, text in found.run.recipe.parameters.items() if name.startswith("fold")]
    assert [text.startswith("holds") for text in told] == [not each.acts for each in found.folds]
    assert found.run.recipe.parameters["gate"] == f"SPA p <= {level:g}"
    assert math.isnan(free.folds[0].p)
    assert free.acting == len(free.folds)
    shared = walked(market(), gate=SPATest(alpha=level), jobs=2)
    pd.testing.assert_frame_equal(shared.table, found.table, check_exact=True)


def test_where_nothing_is_proven_the_basket_is_held() -> None:
    found = walked(market(), gate=SPATest(alpha=1e-6))
    assert found.acting == 0
    assert (found.run.exposure == 1.0).all()
    np.testing.assert_array_equal(found.run.returns, found.run.series["hold_return"])
    assert found.run.metrics["episodes"] == 0
    days = market().sessions
    pieces = (ScheduledSpan(StopLoss(), days[200], days[280]), ScheduledSpan(None, days[281], days[420]))
    with pytest.raises(ParameterError, match="a stop is that of the whole account"):
        backtest(ScheduledStrategy(schedule=Schedule(pieces)), market())


def test_a_tuner_of_ones_own_must_tell_what_it_tried_for_a_proof() -> None:
    def secretive(kind: Any, world: Market, *rest: Any) -> TunedFold:
        return TunedFold(kind().parameters, {"total_return": 0.0}, pd.DataFrame({"trial": [0]}))

    with pytest.raises(ParameterError, match="`gate` needs cash, lag, source for each trial"):
        walked(market(), tuner=secretive, gate=SPATest())


def test_other_seeds_are_walks_of_their_own() -> None:
    words = {"split": SPLIT, "trials": 16, "fixed": FIXED, "narrowed": NARROWED}
    rows = walk_seeds(LiquidityDrain, market(), [3, 4], jobs=2, backend="threading", **words)
    assert rows["seed"].tolist() == [3, 4]
    assert rows.iloc[0].to_dict() == seed_row(result())
    other = walked(market(), seed=4)
    assert rows["annual_sharpe"][1] == other.run.metrics["annual_sharpe"]
    assert rows["in_objective"][1] == pytest.approx(np.mean([each.in_sample["annual_sharpe"] for each in other.folds]))
    for seeds, shown in (
        ([3, 3], r"\[3, 3\]"),
        ([1.7], r"\[1\.7\]"),
        (["x"], r"\['x'\]"),
        ([-1], r"\[-1\]"),
        ([True], ""),
    ):
        with pytest.raises(ParameterError, match=f"`seeds` must be one or more different whole numbers, .*{shown}"):
            walk_seeds(LiquidityDrain, market(), seeds, **words)
    with pytest.raises(ParameterError, match="`seed` cannot be used with `seeds`, leave it out; got 5"):
        walk_seeds(LiquidityDrain, market(), [3, 4], seed=5, **words)


# ---------------------------------------------------------------- combinatorial paths


def test_paths_are_accounts_of_what_the_folds_chose() -> None:
    found = combinatorial()
    assert found.paths.shape == (len(market().sessions), 3)
    assert len(found.folds) == 6
    borders = found.split.groups(market().sessions)
    days = market().sessions
    for number, path in enumerate(found.split.paths()):
        pieces = tuple(
            ScheduledSpan(LiquidityDrain(**FIXED, **found.folds.loc[fold, list(NARROWED)]), days[a], days[b - 1])
            for fold, a, b in zip(path, borders[:-1], borders[1:], strict=True)
        )
        run = backtest(ScheduledStrategy(schedule=Schedule(pieces)), market())
        np.testing.assert_allclose(found.paths.iloc[:, number], run.returns, rtol=0, atol=1e-12)
        assert found.sharpes[number] == pytest.approx(run.metrics["annual_sharpe"], rel=1e-9)


def test_choices_of_folds_by_a_slower_way() -> None:
    found = combinatorial()
    tried = design(found.settings.space, 8, seed=3).assign(**found.settings.fixed)
    runs = [backtest(LiquidityDrain(**row), market()).returns.to_numpy() for row in tried.to_dict(orient="records")]
    for fold, row in zip(found.split.folds(market().sessions), found.folds.to_dict("records"), strict=True):
        inside = [np.mean(r[fold.train]) / np.std(r[fold.train], ddof=1) * np.sqrt(252) for r in runs]
        outside = [np.mean(r[fold.test]) / np.std(r[fold.test], ddof=1) * np.sqrt(252) for r in runs]
        assert row["in_objective"] == pytest.approx(max(inside), rel=1e-9)
        assert row["out_objective"] == pytest.approx(outside[row["trial"]], rel=1e-9)
        below = sum(each < outside[row["trial"]] - 1e-12 for each in outside)
        ties = sum(abs(each - outside[row["trial"]]) <= 1e-12 for each in outside)
        assert row["rank"] == pytest.approx((below + ties / 2) / 8)
    assert found.below_median == pytest.approx((found.folds["rank"] < 0.5).mean())
    json.dumps(json_ready(found.summary()), allow_nan=False)


def test_paths_choose_what_is_lowest_where_less_is_better() -> None:
    words = {"fixed": FIXED, "narrowed": NARROWED, "trials": 8, "seed": 3}
    rule = CombinatorialPurgedKFold(4, 2, purge=5, embargo=3)
    found = cpcv(LiquidityDrain, market(), split=rule, objective="ulcer:buy-and-hold", **words)
    tried = design(found.settings.space, 8, seed=3).assign(**found.settings.fixed)
    hold = backtest(BuyAndHold(), market()).returns.to_numpy()
    runs = [backtest(LiquidityDrain(**row), market()).returns.to_numpy() for row in tried.to_dict(orient="records")]
    fold, row = found.split.folds(market().sessions)[0], found.folds.iloc[0]
    inside = [ulcer_index(each[fold.train]) - ulcer_index(hold[fold.train]) for each in runs]
    assert row["in_objective"] == pytest.approx(min(inside), rel=1e-9)
    with pytest.raises(ParameterError, match=r"`objective` turnover needs 'annual_turnover'.*judged by returns alone"):
        cpcv(LiquidityDrain, market(), split=rule, objective="turnover", **words)


def test_a_seed_below_0_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="`seed` must be a whole number, 0 or more, got -1"):
        cpcv(LiquidityDrain, market(), trials=4, seed=-1)


def test_columns_beside_the_parameters_are_no_names_for_parameters() -> None:
    for table in (result().table, result().trials, combinatorial().folds):
        own = {name for name in table.columns if not name.startswith(("objective ", "missed "))}
        assert own - set(LiquidityDrain.model_fields) <= RESERVED


def test_other_kinds_of_arguments_are_named_before_any_work() -> None:
    asked: list[tuple[dict[str, Any], str]] = [
        ({"split": 5}, "`split` must be a WalkForward, got 5"),
        ({"split": CombinatorialPurgedKFold(4, 2)}, "`split` must be a WalkForward"),
        ({"tuner": 5}, "`tuner` must be one of search, design or a function; got 5"),
        ({"gate": 0.1}, r"`gate` must be a test such as ut.SPATest\(alpha=0.10\), got 0.1"),
        (
            {"split": WalkForward(train=len(market().sessions) - 1, test=9, purge=0)},
            "one session is left to test, a run needs two",
        ),
    ]
    for words, message in asked:
        with pytest.raises(ParameterError, match=message):
            walk_forward(LiquidityDrain, market(), trials=10**6, **words)
    other: dict[str, Any] = {"split": WalkForward()}
    with pytest.raises(ParameterError, match="`split` must be a CombinatorialPurgedKFold, got WalkForward"):
        cpcv(LiquidityDrain, market(), **other)
