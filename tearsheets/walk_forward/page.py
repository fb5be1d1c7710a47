"""A walk-forward as one HTML page: choices made on the past, and what followed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.backtests import HEADLINE_METRICS
from undertow.backtests.runs import hold_label
from undertow.backtests.validation import CpcvResult, WalkForwardResult
from undertow.market import FloatArray
from undertow.tearsheets.html.charts import iso_dates
from undertow.tearsheets.html.markup import Html, facts, join, note, section, table, tag, write_atomic
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.palette import BASELINE, sessions_of
from undertow.tearsheets.html.text import (
    BLANK,
    count,
    plain,
    quantity,
    share,
    title,
    typeset,
    value_text,
)
from undertow.tearsheets.run.data_notes import move_table, note_items
from undertow.tearsheets.run.headline import SELECTION_NOTE, timing_sentences
from undertow.tearsheets.run.recipe import recipe_settings as account_settings
from undertow.tearsheets.walk_forward.charts import (
    fold_chart,
    objective_column,
    objective_metric,
    paths_chart,
    stability_chart,
    walk_equity_chart,
)
from undertow.tearsheets.walk_forward.folds import folds_table, omissions_note, parameter_table, stability_table
from undertow.tearsheets.walk_forward.seeds import seed_distribution, seeds_table
from undertow.tearsheets.walk_forward.sentences import (
    LUCK_RANGE,
    VOL_TARGET,
    gate_sentence,
    missed_sentence,
    rank_sentence,
    seeds_sentence,
    unreached_sentence,
    verdicts,
)

# Metrics that depend on the length of a span: sums, and measures of the deepest fall.
_BY_LENGTH = ("total_return", "costs_paid", "max_drawdown", "calmar", "ulcer_index")


def write_walk_page(
    result: WalkForwardResult,
    path: str | Path,
    paths: CpcvResult | None = None,
    seeds: pd.DataFrame | None = None,
) -> Path:
    """Write a walk-forward as one self-contained HTML page and return its path.

    The page holds, where several seeds were walked, first the distribution over them; then the verdict against
    buy-and-hold and VolTarget with their intervals, the stitched growth, each fold in training and in its test, the
    stability of the parameters, and the folds in a table. Equal results give equal bytes; the file is written
    completely or not at all.

    Args:
        result: the walk-forward
        path: the file to write
        paths: the paths of a combinatorial cross-validation, shown where given
        seeds: the result of `walk_seeds`, shown where given
    """
    check_html_path(path)
    charts = [walk_equity_chart(result), fold_chart(result)]
    body = [
        _title(result),
        _verdict(result, seeds),
        *([] if seeds is None else [section("All tuning seeds", seed_distribution(seeds), seeds_table(seeds))]),
        section(
            _example("Out of sample", result, seeds), tag("div", _headline(result), _reading(result), kind="beside")
        ),
        section("Growth and drawdown by fold", charts[0].element()),
        section("Objective in training and in the test", charts[1].element(), note(_shrinkage(result))),
    ]
    if len(result.stability):
        charts.append(stability_chart(result))
        body.append(section("Stability of the parameters", charts[-1].element(), stability_table(result)))
    body.append(section("Folds", folds_table(result), parameter_table(result), omissions_note(result)))
    if paths is not None:
        charts.append(paths_chart(paths))
        body.append(
            section("Combinatorial paths through the same history", _paths(paths), charts[-1].element(), _cpcv(paths))
        )
    if result.run.data_notes:
        items = (tag("li", item) for item in note_items(result.run))
        body.append(section("Data", tag("ul", *items, kind="data-notes"), *move_table(result.run)))
    body.append(_recipe(result))
    recipe = result.run.recipe
    name = f"{title(result.strategy.name())} walked forward, {recipe.universe}, {recipe.start} to {recipe.end}"
    page = assemble(name, join(body), [chart.as_dict() for chart in charts], iso_dates(sessions_of(result.run)))
    return write_atomic(path, page.encode("utf-8"))


def _example(heading: str, result: WalkForwardResult, seeds: pd.DataFrame | None) -> str:
    return heading if seeds is None else f"{heading}, tuning seed {result.seed}"


def _verdict(result: WalkForwardResult, seeds: pd.DataFrame | None) -> Html:
    (_, first, tone), (_, second, _) = verdicts(result)
    lead, _, sharpe = first.partition("Annual Sharpe ratio")
    notes = [note(f"Annual Sharpe ratio{sharpe}")] if sharpe else []
    headlines = {
        "better": "beat its basket",
        "worse": "did worse than its basket",
        "": "cannot be distinguished from its basket",
    }
    past = "With parameters chosen on past sessions only, the rule"
    headline = f"{past} {headlines[tone]} on the sessions that followed." if sharpe else lead
    if not result.acting:
        headline = "No fold acted: no trial in training could be distinguished from chance."
    # One seed of several is an example: what all of them gave comes first.
    several = seeds is not None and len(seeds) > 1
    opening = [tag("p", headline, kind="lead")]
    if seeds is not None and several:
        first_lines = tag("p", seeds_sentence(seeds), kind="lead"), tag("p", rank_sentence(result.seed, seeds))
        opening = [*first_lines, tag("p", f"Seed {result.seed}: {headline[:1].lower()}{headline[1:]}")]
    return tag(
        "div",
        *opening,
        *([tag("p", lead)] if headline != lead else []),
        *notes,
        note(second),
        *map(note, timing_sentences(result.run)),
        *([] if result.gate is None else [note(typeset(gate_sentence(result)))]),
        *([note(missed_sentence(result))] if result.missed else []),
        *([note(unreached_sentence(result))] if result.unreached else []),
        note(
            "The test sessions were not used for tuning. The rule, its search space and the split were chosen by a"
            f" person who may have known those sessions. {SELECTION_NOTE}"
        ),
        note(
            "No ledger was kept, so earlier trials on this data are not counted."
            if result.trial_count is None
            else result.trial_count.sentence("Its training made")
        ),
        kind=f"verdict {'' if several else tone}".strip(),
    )


def _headline(result: WalkForwardResult) -> Html:
    run = result.run
    columns = [run.metrics, run.baselines[BASELINE], result.vol_target.metrics]
    rows = [
        [metric.label, *(metric.text(float(column.get(metric.key, math.nan))) for column in columns)]
        for metric in HEADLINE_METRICS
    ]
    return table(["", "Walked forward", title(BASELINE), title(VOL_TARGET)], rows, kind="headline numbers")


def _reading(result: WalkForwardResult) -> Html:
    recipe = result.run.recipe
    return tag(
        "div",
        note(
            "One account runs through all tests. On each session it follows the parameters of the fold"
            + (", or holds the basket if the fold does not act" if result.acting < len(result.folds) else "")
            + ", and it pays for the trades that a change of parameters causes."
        ),
        note(
            f"{title(hold_label(recipe.rebalance))}, is the same basket without the rule. VolTarget, at its defaults,"
            " scales exposure by the volatility of the basket and does not use Bitcoin data."
        ),
        note(
            f"All figures are after a fee of {recipe.fee_bps:g} bps and slippage of {recipe.slippage_bps:g} bps. Annual"
            f" figures use {recipe.sessions_a_year} sessions a year."
        ),
        kind="reading",
    )


def _shrinkage(result: WalkForwardResult) -> str:
    metric, number, trials = objective_metric(result.settings.objective), len(result.folds), trials_per_fold(result)
    if not result.acting:
        inside = _mean(result.table["in_objective"].to_numpy(dtype=np.float64))
        return (
            f"{metric.label}: {metric.text(inside)} on average in training, for the best of"
            f" {quantity(trials, 'trial')}. No fold acted: in every test the account held the basket, and the test"
            " figures are those of the basket."
        )
    acting = result.table[[fold.acts for fold in result.folds]]
    inside, outside = (_mean(acting[f"{side}_objective"].to_numpy(dtype=np.float64)) for side in ("in", "out"))
    winners = int((acting["out_excess_over_buy_and_hold"] > 0).sum())
    scope = "" if len(acting) == number else f", over the {quantity(len(acting), 'fold')} that acted of {number}"
    return (
        f"{metric.label}{scope}: {metric.text(inside)} on average in training,"
        f" {metric.text(outside)} in the test that follows. {_distance(result, trials)}"
        f" {winners} of {quantity(len(acting), 'fold')}{' that acted' if scope else ''} ended above buy-and-hold."
    )


def trials_per_fold(result: WalkForwardResult) -> int:
    """The largest number of trials in a fold; 1 where nothing was tuned."""
    return max(len(fold.trials) for fold in result.folds)


def _distance(result: WalkForwardResult, trials: int) -> str:
    """The reasons why the objective differs between training and test."""
    inside, outside = (round(float(result.table[f"sessions_{side}"].mean())) for side in ("trained", "tested"))
    longer = (
        f" The figure also depends on the length of a span: {quantity(inside, 'session')} in training and"
        f" {count(outside)} in a test, on average."
        if objective_column(result.settings.objective) in _BY_LENGTH and inside != outside
        else ""
    )
    if trials == 1:
        return f"Only one set was tried, so nothing was selected: the difference shows a different market.{longer}"
    return (
        f"The best of {quantity(trials, 'trial')} looks better in training than it is; the difference shows this effect"
        f" and a different market.{longer}"
    )


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _paths(paths: CpcvResult) -> Html:
    low, middle, high = (float(np.percentile(paths.sharpes, rank)) for rank in (0, 50, 100))
    pairs: Sequence[tuple[str, str]] = [
        ("Folds", count(len(paths.folds))),
        ("Paths", count(len(paths.sharpes))),
        ("Sharpe, annual: lowest path", plain(low)),
        ("Median path", plain(middle)),
        ("Highest path", plain(high)),
        ("Buy-and-hold, same sessions", plain(paths.summary()["annual_sharpe_buy_and_hold"])),
        ("Choices below the median in the test", share(paths.below_median, 0)),
    ]
    return facts(pairs, kind="facts totals")


def _cpcv(paths: CpcvResult) -> Html:
    return join(
        [
            note(
                f"Combinatorial purged cross-validation: {paths.split.text}. Every group is tested by several folds,"
                " and their tests are joined into full paths. Training may come after the test, so a path shows how"
                " much the result depends on the period, not what could have been earned. Paths share most of their"
                " sessions, so their spread is not a confidence interval."
            ),
            note(
                "A choice below the median did worse in its test than half of all trials. Choices without predictive"
                " value lie below the median half of the time on average; because folds share most of their sessions,"
                f" by chance {LUCK_RANGE}."
            ),
        ]
    )


def _title(result: WalkForwardResult) -> Html:
    recipe = result.run.recipe
    about = [
        f"Universe {recipe.universe}",
        f"{recipe.start} to {recipe.end}",
        quantity(recipe.sessions, "session"),
        quantity(len(result.folds), "fold"),
        f"market {recipe.market}",
    ]
    return tag(
        "header",
        tag("p", "Undertow walk-forward", kind="eyebrow"),
        tag("h1", f"{title(result.strategy.name())}, walked forward"),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _recipe(result: WalkForwardResult) -> Html:
    settings, recipe = result.settings, result.run.recipe
    pairs = [
        ("Split", result.split.text),
        ("Objective", f"{settings.objective.name} ({settings.objective.direction})"),
        *((f"Constraint {number}", constraint.name) for number, constraint in enumerate(settings.constraints, 1)),
        ("Trials per fold", count(trials_per_fold(result))),
        ("Tuner", result.tuner),
        ("Tuning seed", str(result.seed)),
        *([] if result.gate is None else [("Gate", f"{result.gate}; folds that do not pass {result.on_fail}")]),
        *((f"Fixed: {name}", value_text(value)) for name, value in settings.fixed.items()),
        *((name, text) for name, text in account_settings(recipe).items() if text != BLANK),
    ]
    command = facts([("Command", tag("code", recipe.command))], kind="facts wide") if recipe.command else ""
    return section("Recipe", facts(pairs), command)
