"""The results of a walk-forward in sentences, for its page and for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.validation import ACT, HOLD, CpcvResult, WalkForwardResult
from undertow.market import FloatArray
from undertow.tearsheets.html.palette import BASELINE
from undertow.tearsheets.html.text import MINUS, count, quantity, share, typeset
from undertow.tearsheets.run.headline import difference_or_none, no_interval_sentence, sharpe_sentence, timing_sentences

VOL_TARGET = "vol-target"
# Baselines by name, and as parts of column names.
BASELINE_COLUMNS = (("buy-and-hold", "buy_and_hold"), ("vol-target", "vol_target"))
# Simulated for splits from 4:2 to 10:3 and up to 200 sets: the 10th and 90th percentile over random samples.
LUCK_RANGE = "the share is 20% to 80% in four cases out of five"


def verdicts(result: WalkForwardResult) -> list[tuple[str, str, str]]:
    """Baseline, sentence with the interval, and tone ("better", "worse" or "")."""
    returns = result.run.returns.to_numpy(dtype=np.float64)
    baselines = {BASELINE: result.run.series["hold_return"], VOL_TARGET: result.vol_target.returns}
    year = result.run.recipe.sessions_a_year
    return [(name, *_verdict(returns, base.to_numpy(dtype=np.float64), name, year)) for name, base in baselines.items()]


def _verdict(returns: FloatArray, base: FloatArray, name: str, year: int) -> tuple[str, str]:
    if np.array_equal(returns, base):
        return f"The returns equal those of {name}, so nothing can be compared.", ""
    gap = difference_or_none(returns, base, year)
    if gap is None:
        return no_interval_sentence(len(returns), float(np.prod(1.0 + returns) - np.prod(1.0 + base))), ""
    part = gap.annual_return
    tone = "" if not part.excludes_zero else "better" if part.estimate > 0 else "worse"
    return f"{typeset(gap.sentence(name))} {sharpe_sentence(gap)}", tone


def gate_sentence(result: WalkForwardResult) -> str:
    """The folds that passed the gate, and the gain of the alternative account."""
    number = quantity(len(result.folds), "fold")
    sentence = (
        f"In {result.passed} of {number} the trials beat holding in training by more than chance explains"
        f" ({result.gate})"
    )
    if result.on_fail == HOLD:
        held = len(result.folds) - result.acting
        sentence += f"; {quantity(held, 'fold')} held the basket." if held else "; all folds acted."
    else:
        sentence += "; every fold acted anyway."
    return f"{sentence} {_alternative_sentence(result)}"


def _alternative_sentence(result: WalkForwardResult) -> str:
    """The gain of the account that does the opposite in folds that do not pass."""
    other = result.alternative
    if other is None or result.passed == len(result.folds):
        return "An account that acts only in folds that passed is the same account."
    if result.on_fail == ACT and not result.passed:
        return "An account that acts only in folds that passed would have held the basket throughout: no difference."
    returns, hold = (other.series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    subject = "If every fold had acted" if result.on_fail == HOLD else "If only folds that passed had acted"
    gap = difference_or_none(returns, hold, other.recipe.sessions_a_year)
    if gap is None:
        return f"{subject}: {no_interval_sentence(len(returns), float(np.prod(1.0 + returns) - np.prod(1.0 + hold)))}"
    return typeset(gap.annual_return.sentence(f"{subject}, against {BASELINE}", gap.kind))


def missed_sentence(result: WalkForwardResult) -> str:
    """The folds in which no trial satisfied every constraint, and their action."""
    traded = any(fold.acts for fold in result.folds if not fold.feasible)
    action = "the nearest miss was traded" if traded else "they held the basket"
    return f"In {result.missed} of {quantity(len(result.folds), 'fold')} no trial satisfied every constraint; {action}."


def unreached_sentence(result: WalkForwardResult) -> str:
    """The folds whose test has no value of the objective, with the first reason."""
    first, number = result.unreached[0], quantity(len(result.folds), "fold")
    return (
        f"In the test of {len(result.unreached)} of {number} the objective has no value; fold {first.fold.number}:"
        f" {first.unreached}."
    )


def unsearched_sentence(result: WalkForwardResult) -> str:
    """The choices left out because they need one account from start to end."""
    return (
        f"Not searched: {', '.join(result.settings.unsearched)}, which needs the tax lots of one account from start to"
        " end; to use it, narrow the parameter to that value alone."
    )


def seeds_sentence(seeds: pd.DataFrame) -> str:
    """The rows of `walk_seeds` in one sentence."""
    sharpe = seeds["annual_sharpe"]
    above = {name: int((seeds[f"sharpe_over_{key}"] > 0).sum()) for name, key in BASELINE_COLUMNS}
    comparison = " and ".join(f"above {name} with {number}" for name, number in above.items())
    gate = (
        f" Of their {int(seeds['folds'].sum())} folds, {int(seeds['folds_passed'].sum())} passed the gate in training."
        if "folds_passed" in seeds
        else ""
    )
    return (
        f"With {len(seeds)} tuning seeds the annual Sharpe ratio out of sample is {sharpe.min():.2f} to"
        f" {sharpe.max():.2f}, median {sharpe.median():.2f}; {comparison} of them.{gate}"
    )


def rank_sentence(seed: int, seeds: pd.DataFrame) -> str:
    """The place of one seed among all of them."""
    sharpe = seeds.set_index("seed")["annual_sharpe"]
    if np.isnan(sharpe[seed]):
        return (
            f"What follows in full is tuning seed {seed}, without an annual Sharpe ratio: an example, not the result."
        )
    rank = int((sharpe > sharpe[seed]).sum()) + 1
    extreme = ", the highest" if rank == 1 else ", the lowest" if rank == len(sharpe) else ""
    return (
        f"What follows in full is tuning seed {seed}, number {rank} of {len(sharpe)} by annual Sharpe ratio"
        f" ({sharpe[seed]:.2f}{extreme}): an example, not the result."
    )


def paths_sentence(paths: CpcvResult) -> str:
    """The spread of the combinatorial paths, and the choices below the median."""
    sharpe = paths.summary()["annual_sharpe"]
    return (
        f"{count(len(paths.sharpes))} combinatorial paths: annual Sharpe {sharpe['lowest']:.2f} to"
        f" {sharpe['highest']:.2f}, median {sharpe['median']:.2f}; they share most of their sessions, so this is not a"
        f" confidence interval. {share(paths.below_median, 0)} of choices lie below the median in the test; by chance"
        f" half of them do on average, and {LUCK_RANGE}."
    )


def walk_sentences(result: WalkForwardResult) -> list[tuple[str, str]]:
    """Sentences about a walk-forward as (topic, plain text), in page order.

    See `WalkForwardResult`."""
    run, settings = result.run, result.settings
    sentences, several = [], result.seeds is not None and len(result.seeds) > 1
    if result.seeds is not None and several:
        sentences.append(("seeds", f"{seeds_sentence(result.seeds)} {rank_sentence(result.seed, result.seeds)}"))
    sentences += [] if run.lag_hours is None else [("lag", run.lag_hours.sentence())]
    sentences += [(baseline, text) for baseline, text, _ in verdicts(result)]
    sentences += [("timing", text) for text in timing_sentences(run)]
    sentences += [] if result.gate is None else [("gate", gate_sentence(result))]
    sentences += [("unsearched", unsearched_sentence(result))] if settings.unsearched else []
    sentences += [("infeasible", missed_sentence(result))] if result.missed else []
    sentences += [("unreached", unreached_sentence(result))] if result.unreached else []
    sentences += [] if result.seeds is None or several else [("seeds", seeds_sentence(result.seeds))]
    sentences += [] if result.paths is None else [("paths", paths_sentence(result.paths))]
    sentences += [] if result.trial_count is None else [("trials", result.trial_count.sentence("Its training made"))]
    return [(topic, text.replace(MINUS, "-")) for topic, text in sentences]
