"""What a walk-forward says of itself in sentences, for its page and for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from undertow.backtests.validation.cpcv import CpcvResult
from undertow.backtests.validation.result import ACT, HOLD, WalkForwardResult
from undertow.tearsheets.html.palette import BASELINE
from undertow.tearsheets.html.text import MINUS, count, counted, share, typeset
from undertow.tearsheets.run.headline import compared, sharpe_sentence, timing_sentences, too_short

RIVAL = "vol-target"
# Baselines by name, and as names of columns.
RIVALS = (("buy-and-hold", "buy_and_hold"), ("vol-target", "vol_target"))
# Simulated for splits from 4:2 to 10:3 and up to 200 sets: the 10th and 90th percentile over samples of luck.
LUCK_BELOW = "four times in five the share is 20% to 80%"


def verdicts(result: WalkForwardResult) -> list[tuple[str, str, str]]:
    """Baseline, sentence with the interval, and tone ("better", "worse" or none) of the stitched run."""
    own = result.run.returns.to_numpy(dtype=np.float64)
    rivals = {BASELINE: result.run.series["hold_return"], RIVAL: result.vol_target.returns}
    found = []
    for name, returns in rivals.items():
        base = returns.to_numpy(dtype=np.float64)
        apart = None if np.array_equal(own, base) else compared(own, base)
        if apart is None:
            gap = float(np.prod(1.0 + own) - np.prod(1.0 + base))
            same = np.array_equal(own, base)
            text = f"The returns are those of {name}: there is nothing to judge." if same else too_short(len(own), gap)
            found.append((name, text, ""))
            continue
        part = apart.annual_return
        tone = "" if not part.excludes_zero else "better" if part.estimate > 0 else "worse"
        found.append((name, f"{typeset(apart.sentence(name))} {sharpe_sentence(apart)}", tone))
    return found


def gate_sentence(result: WalkForwardResult) -> str:
    """How many folds passed the gate, what the others did, and what the account had made that does the other."""
    number = counted(len(result.folds), "fold")
    told = f"In {result.passed} of {number} what was tried beat holding in training by more than luck ({result.gate})"
    if result.on_fail == HOLD:
        held = len(result.folds) - result.acting
        told += f"; {counted(held, 'fold')} held the basket." if held else "; all acted."
    else:
        told += "; every fold acted all the same."
    return f"{told} {_otherwise(result)}"


def _otherwise(result: WalkForwardResult) -> str:
    """What the account made that treats the on_fail folds the other way."""
    other = result.alternative
    if other is None or result.passed == len(result.folds):
        return "An account that acts on gate alone is this very one."
    if result.on_fail == ACT and not result.passed:
        return "An account that acts on gate alone would have held the basket throughout: what it gains is nothing."
    own, hold = (other.series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    subject = "Had every fold acted" if result.on_fail == HOLD else "Had those alone acted"
    found = compared(own, hold)
    if found is None:
        return f"{subject}: {too_short(len(own), float(np.prod(1.0 + own) - np.prod(1.0 + hold)))}"
    return typeset(found.annual_return.sentence(f"{subject}, against {BASELINE}", found.kind))


def missed_sentence(result: WalkForwardResult) -> str:
    """In how many folds no trial kept every constraint, and what they did."""
    traded = any(each.acts for each in result.folds if not each.feasible)
    done = "the nearest miss was traded" if traded else "they held the basket"
    return f"In {result.missed} of {counted(len(result.folds), 'fold')} no trial kept every constraint; {done}."


def unreached_sentence(result: WalkForwardResult) -> str:
    """In the test of how many folds the objective has no value, and why."""
    first, number = result.unreached[0], counted(len(result.folds), "fold")
    return (
        f"In the test of {len(result.unreached)} of {number} the objective has no value; fold {first.fold.number}:"
        f" {first.unreached}."
    )


def unsearched_sentence(result: WalkForwardResult) -> str:
    """What a search of the whole span may choose and the folds of one account may not."""
    return (
        f"Not searched: {', '.join(result.settings.unsearched)}, which needs the lots of one account from start to end;"
        " narrow it to that alone to walk with it."
    )


def seeds_sentence(seeds: pd.DataFrame) -> str:
    """What the rows of `walk_seeds` say in one sentence."""
    sharpe = seeds["annual_sharpe"]
    above = {name: int((seeds[f"sharpe_over_{key}"] > 0).sum()) for name, key in RIVALS}
    told = " and ".join(f"above {name} with {count}" for name, count in above.items())
    passed = (
        f" Of their {int(seeds['folds'].sum())} folds {int(seeds['folds_passed'].sum())} found more than luck in"
        " training."
        if "folds_passed" in seeds
        else ""
    )
    return (
        f"With {len(seeds)} seeds of the tuning the annual Sharpe ratio out of sample is {sharpe.min():.2f} to"
        f" {sharpe.max():.2f}, median {sharpe.median():.2f}; {told} of them.{passed}"
    )


def paths_sentence(paths: CpcvResult) -> str:
    """How far the paths of a combinatorial cross-validation lie apart, and how many choices were below the median."""
    sharpe = paths.summary()["annual_sharpe"]
    return (
        f"{count(len(paths.sharpes))} combinatorial paths: annual Sharpe {sharpe['lowest']:.2f} to"
        f" {sharpe['highest']:.2f}, median {sharpe['median']:.2f}; they share most of their sessions, so that this is"
        f" no interval. {share(paths.below_median, 0)} of choices lie below the median outside; where all is luck half"
        f" of them do on average, and {LUCK_BELOW}."
    )


def walk_sentences(result: WalkForwardResult) -> list[tuple[str, str]]:
    """All sentences about a walk-forward as (topic, plain text), in the order of the page; see `WalkForwardResult`."""
    run, settings = result.run, result.settings
    sentences = [] if run.lag_hours is None else [("lag", run.lag_hours.sentence())]
    sentences += [(baseline, text) for baseline, text, _ in verdicts(result)]
    sentences += [("timing", text) for text in timing_sentences(run)]
    sentences += [] if result.gate is None else [("gate", gate_sentence(result))]
    sentences += [("unsearched", unsearched_sentence(result))] if settings.unsearched else []
    sentences += [("infeasible", missed_sentence(result))] if result.missed else []
    sentences += [("unreached", unreached_sentence(result))] if result.unreached else []
    sentences += [] if result.seeds is None else [("seeds", seeds_sentence(result.seeds))]
    sentences += [] if result.paths is None else [("paths", paths_sentence(result.paths))]
    sentences += [] if result.trial_count is None else [("trials", result.trial_count.sentence("In training it took"))]
    return [(topic, text.replace(MINUS, "-")) for topic, text in sentences]
