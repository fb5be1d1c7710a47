"""The verdict on a run with its uncertainty, and the headline table."""

from __future__ import annotations

import math

import numpy as np

from undertow.backtests import HEADLINE_METRICS, short_window
from undertow.backtests.runs import Run, hold_label, hold_sentence
from undertow.evidence import FEWEST_SESSIONS, Difference, difference, timing
from undertow.market import FloatArray
from undertow.tearsheets.html.markup import Html, note, table, tag
from undertow.tearsheets.html.palette import BASELINE, is_baseline
from undertow.tearsheets.html.text import BLANK, count, percent, plain, signed, title, typeset

SELECTION_NOTE = (
    "The interval is valid for a rule chosen in advance. For the best of many rules tried, it is too narrow and its"
    " centre is too high."
)


def selection_trials(run: Run) -> int:
    """The number of trials that a run was chosen from on its own sessions.

    1 for a rule chosen in advance or, in a walk-forward, on earlier sessions.
    """
    is_walk = run.recipe.strategy.endswith("-walk-forward")
    return 1 if run.trial_count is None or is_walk else max(1, run.trial_count.own)


def _in_sample(run: Run) -> str:
    """The warning for a choice made on the sessions shown; empty for any other rule."""
    trials = selection_trials(run)
    if trials < 2:
        return ""
    return (
        f"In-sample: the parameters were chosen as the best of {count(trials)} trials on these same sessions, so the"
        " interval is too narrow and its centre is too high. `undertow walk-forward` tests such a choice on sessions"
        " that were not used to make it."
    )


def verdict(run: Run) -> Html:
    """One sentence on the run against its own basket, and the meaning of its interval."""
    series = run.series
    returns, hold = (series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    if np.array_equal(returns, hold):
        return _box(_same_as_basket(run))
    gap = difference_or_none(returns, hold, run.recipe.sessions_a_year)
    if gap is None:
        lead = no_interval_sentence(len(returns), float(np.prod(1.0 + returns) - np.prod(1.0 + hold)))
        return _box(lead, warning=_in_sample(run))
    part = gap.annual_return
    tone = "" if not part.excludes_zero else "better" if part.estimate > 0 else "worse"
    warning = _in_sample(run)
    notes = [sharpe_sentence(gap), *timing_sentences(run), *([] if warning else [SELECTION_NOTE])]
    return _box(typeset(gap.sentence(BASELINE)), *notes, tone=tone, warning=warning)


def difference_or_none(returns: FloatArray, base: FloatArray, year: int) -> Difference | None:
    """The difference; None where too few sessions or a total loss allow no interval.

    Args:
        returns: session returns (T,), decimal.
        base: those of the baseline (T,).
        year: sessions of a year.
    """
    if not _allows_interval(returns, base):
        return None
    return difference(returns, base, seed=0, sessions_a_year=year)


def _allows_interval(returns: FloatArray, base: FloatArray) -> bool:
    return len(returns) >= FEWEST_SESSIONS and bool(min(returns.min(), base.min()) > -1.0)


def timing_sentences(run: Run) -> list[str]:
    """The value of the rule's timing in one sentence; empty where it cannot be tested."""
    returns, hold = (run.series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    if np.array_equal(returns, hold) or not _allows_interval(returns, hold):
        return []
    return [typeset(timing(run).sentence())]


def sharpe_sentence(gap: Difference) -> str:
    """The difference of annual Sharpe ratios with its interval and its method."""
    part, undefined = gap.annual_sharpe, gap.without_sharpe
    omission = f" {count(undefined)} resamples with constant returns have no Sharpe ratio." if undefined else ""
    return (
        f"Annual Sharpe ratio: {signed(part.estimate)}, {part.level:.0%} interval"
        f" [{signed(part.low)}, {signed(part.high)}]. Intervals come from {count(gap.resamples)} resamples of paired"
        f" sessions in blocks of {plain(gap.block_sessions, 1)} sessions on average, seed {gap.seed}.{omission}"
    )


def no_interval_sentence(sessions: int, gap: float) -> str:
    """The difference of total returns, and why it has no interval."""
    reason = (
        f"{sessions} sessions are too few for an interval, which needs {FEWEST_SESSIONS}"
        if sessions < FEWEST_SESSIONS
        else "a total loss allows no interval"
    )
    return f"Total return against {BASELINE}: {percent(gap)}; {reason}, so it cannot be distinguished from chance."


def _same_as_basket(run: Run) -> str:
    if run.name == BASELINE:
        return "This is the baseline: the basket held throughout, which every rule must beat after costs."
    return "The rule never acted in this period: its returns equal those of buy-and-hold, so nothing can be compared."


def _box(lead: str, *notes: str, tone: str = "", warning: str = "") -> Html:
    warnings = [tag("p", warning, kind="warning")] if warning else []
    kind = f"verdict {tone}".strip()
    return tag("div", tag("p", lead, kind="lead"), *warnings, *(note(text) for text in notes), kind=kind)


def headline_table(run: Run) -> Html:
    """The key figures of the run, its basket without the rule, and the benchmark."""
    baselines = {
        name: figures for name, figures in run.baselines.items() if not (name == BASELINE and is_baseline(run))
    }
    columns = [run.metrics, *baselines.values()]
    label = title(hold_label(run.recipe.rebalance))
    names = [label if is_baseline(run) else title(run.name)]
    names += [label if name == BASELINE else name for name in baselines]
    rows = [
        [metric.label, *(metric.text(column.get(metric.key, math.nan)) for column in columns)]
        for metric in HEADLINE_METRICS
    ]
    return table(["", *names], rows, kind="headline numbers")


def _hold_note(rebalance: str) -> str:
    sentence = hold_sentence(rebalance)
    if sentence:
        return f"{sentence[:1].upper()}{sentence[1:]}. It pays the same costs."
    return "Buy-and-hold is the same basket without the rule, bought once, with the same costs."


def reading_notes(run: Run) -> Html:
    """How to read the headline table."""
    recipe = run.recipe
    cash = f"Raised cash earns the return of {recipe.cash}: the books hold it as the column of that symbol."
    if not recipe.cash:
        cash = "Raised cash earns nothing."
    costs = (
        f"Every stock order pays a fee of {recipe.fee_bps:g} bps and slippage of {recipe.slippage_bps:g} bps; all"
        " figures are after both."
    )
    return tag(
        "div",
        note(_hold_note(recipe.rebalance)),
        *([note(f"{reason[:1].upper()}{reason[1:]}.")] if (reason := short_window(len(run.series))) else []),
        note(f"{costs} {cash}"),
        note(
            f"Annual figures use {recipe.sessions_a_year} sessions a year. CVaR 95 is the mean return of the worst 5%"
            " of sessions. Turnover is one-way: half of the value bought and sold."
        ),
        note(f"{BLANK} marks a figure that does not apply or has no value."),
        kind="reading",
    )
