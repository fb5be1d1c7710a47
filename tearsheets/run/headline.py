"""What a run comes to: the verdict with its uncertainty, and the headline table."""

from __future__ import annotations

import math

import numpy as np

from undertow.backtests.runs.run import Run
from undertow.evidence.difference import FEWEST_SESSIONS, Difference, difference
from undertow.evidence.timing import timing
from undertow.market.clock import FloatArray
from undertow.tearsheets.html.markup import Html, note, table, tag
from undertow.tearsheets.html.palette import BASELINE, is_baseline
from undertow.tearsheets.html.text import BLANK, METRICS, count, percent, plain, signed, title, typeset

CHOSEN = (
    "The interval is for a rule chosen in advance: for the best of many rules that were tried it is too narrow and its"
    " middle too high."
)


def chosen_from(run: Run) -> int:
    """How many trials a run was chosen from on its own sessions: 1 for a rule given, or chosen on earlier ones."""
    is_walk = run.recipe.strategy.endswith("-walk-forward")
    return 1 if run.trial_count is None or is_walk else max(1, run.trial_count.own)


def _in_sample(run: Run) -> str:
    """What was chosen as the best of many on the sessions shown; empty for a rule that was not."""
    many = chosen_from(run)
    if many < 2:
        return ""
    return (
        f"In-sample: it was chosen as the best of {count(many)} trials on these very sessions, so that its interval is"
        " too narrow and the middle of it too high. `undertow walk-forward` judges such a choice on sessions that it"
        " never saw."
    )


def verdict(run: Run) -> Html:
    """One sentence on the run against its own basket, and what its interval means."""
    series = run.series
    own, hold = (series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    if np.array_equal(own, hold):
        return _box(_same_as_basket(run))
    found = compared(own, hold)
    if found is None:
        short = too_short(len(own), float(np.prod(1.0 + own) - np.prod(1.0 + hold)))
        return _box(short, warning=_in_sample(run))
    part = found.annual_return
    tone = "" if not part.excludes_zero else "better" if part.estimate > 0 else "worse"
    warning = _in_sample(run)
    said = [sharpe_sentence(found), *timing_sentences(run), *([] if warning else [CHOSEN])]
    return _box(typeset(found.sentence(BASELINE)), *said, tone=tone, warning=warning)


def compared(own: FloatArray, base: FloatArray) -> Difference | None:
    """The difference, or None where there are too few sessions, or a total loss, for an interval."""
    return difference(own, base, seed=0) if _is_enough(own, base) else None


def _is_enough(own: FloatArray, base: FloatArray) -> bool:
    return len(own) >= FEWEST_SESSIONS and bool(min(own.min(), base.min()) > -1.0)


def timing_sentences(run: Run) -> list[str]:
    """What the rule's timing was worth, as a list of one; empty where there is nothing to judge."""
    own, hold = (run.series[name].to_numpy(dtype=np.float64) for name in ("return", "hold_return"))
    if np.array_equal(own, hold) or not _is_enough(own, hold):
        return []
    return [typeset(timing(run).sentence())]


def sharpe_sentence(found: Difference) -> str:
    """The difference of annual Sharpe ratios with its interval, and how the interval was made."""
    part, without = found.annual_sharpe, found.without_sharpe
    left_out = f" {count(without)} resamples in which nothing varies have no Sharpe ratio." if without else ""
    return (
        f"Annual Sharpe ratio: {signed(part.estimate)}, {part.level:.0%} interval"
        f" [{signed(part.low)}, {signed(part.high)}]. Intervals from {count(found.resamples)} resamples of paired"
        f" sessions in blocks of {plain(found.block_sessions, 1)} sessions on average, seed {found.seed}.{left_out}"
    )


def too_short(sessions: int, apart: float) -> str:
    """What to say where no interval can be given."""
    why = (
        f"{sessions} sessions are too few for an interval, which needs {FEWEST_SESSIONS}"
        if sessions < FEWEST_SESSIONS
        else "a total loss leaves no interval to give"
    )
    return f"Total return against {BASELINE}: {percent(apart)}; {why}, so nothing can be said about luck."


def _same_as_basket(run: Run) -> str:
    if run.name == BASELINE:
        return "This is the baseline: the basket held throughout, which every rule must beat after costs."
    return "The rule never acted in this span: its returns are those of buy-and-hold, so there is nothing to judge."


def _box(first: str, *more: str, tone: str = "", warning: str = "") -> Html:
    warned = [tag("p", warning, kind="warning")] if warning else []
    kind = f"verdict {tone}".strip()
    return tag("div", tag("p", first, kind="lead"), *warned, *(note(each) for each in more), kind=kind)


def headline(run: Run) -> Html:
    """The headline table: the run, the same basket without the rule, and the benchmark."""
    baselines = {
        name: figures for name, figures in run.baselines.items() if not (name == BASELINE and is_baseline(run))
    }
    columns = [run.metrics, *baselines.values()]
    names = [title(run.name), *(title(name) if name == BASELINE else name for name in baselines)]
    rows = [
        [metric.words, *(metric.text(column.get(metric.key, math.nan)) for column in columns)] for metric in METRICS
    ]
    return table(["", *names], rows, kind="headline numbers")


def reading(run: Run) -> Html:
    """How to read the headline table."""
    recipe = run.recipe
    cash = f"Raised cash earns the return of {recipe.cash}." if recipe.cash else "Raised cash earns nothing."
    costs = (
        f"Every order of stocks pays {recipe.fee_bps:g} bps fee and {recipe.slippage_bps:g} bps slippage; figures are"
        " after both."
    )
    return tag(
        "div",
        note("Buy-and-hold is the same basket without the rule, with the same rebalancing and costs."),
        note(f"{costs} {cash}"),
        note(
            f"Annual figures use {recipe.sessions_a_year} sessions a year. CVaR 95 is the mean of the worst 5% of"
            " sessions. Turnover is one-way: half of what was bought and sold."
        ),
        note(f"{BLANK} stands where a figure does not apply or has no value."),
        kind="reading",
    )
