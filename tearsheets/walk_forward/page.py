"""A walk-forward as one HTML page: what was chosen before, and what it was worth after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from undertow.backtests.validation.cpcv import CpcvResult
from undertow.backtests.validation.result import FoldResult, WalkForwardResult
from undertow.market.clock import FloatArray
from undertow.tearsheets.html.markup import Html, facts, join, note, section, table, tag, write_whole
from undertow.tearsheets.html.palette import BASELINE, sessions_of
from undertow.tearsheets.html.text import (
    BLANK,
    METRICS,
    count,
    counted,
    percent,
    plain,
    share,
    title,
    typeset,
    value_text,
)
from undertow.tearsheets.run.handled import settings as account_settings
from undertow.tearsheets.run.headline import CHOSEN, timing_sentences
from undertow.tearsheets.run.page import assemble
from undertow.tearsheets.walk_forward.charts import (
    aim_key,
    equity_chart,
    fold_chart,
    objective_metric,
    paths_chart,
    stability_chart,
)
from undertow.tearsheets.walk_forward.sentences import (
    LUCK_BELOW,
    RIVAL,
    RIVALS,
    gate_sentence,
    missed_sentence,
    seeds_sentence,
    unreached_sentence,
    unsearched_sentence,
    verdicts,
)

# Figures that a longer span alone makes larger or smaller: sums, and whatever looks for the deepest fall.
_BY_LENGTH = ("total_return", "costs_paid", "max_drawdown", "calmar", "ulcer_index")


def write_walk_page(
    result: WalkForwardResult,
    path: str | Path,
    paths: CpcvResult | None = None,
    seeds: pd.DataFrame | None = None,
) -> Path:
    """Write a walk-forward as one self-contained HTML page.

    The page holds the verdict against buy-and-hold and VolTarget with their intervals, the stitched growth with the
    folds' borders, each fold inside and outside its training sessions, how far the parameters moved, the folds in a
    table, what other seeds of the tuning came to (`walk_seeds`), and the paths of a combinatorial cross-validation,
    where they are given. Equal results give equal bytes; the file appears whole or not at all. Returns the path.
    """
    charts = [equity_chart(result), fold_chart(result)]
    body = [
        _title(result),
        _verdict(result),
        section("Out of sample", tag("div", _headline(result), _reading(result), kind="beside")),
        section("Growth and drawdown, fold by fold", charts[0].place()),
        section("What was promised, what was kept", charts[1].place(), note(_shrinkage(result))),
    ]
    if len(result.stability):
        charts.append(stability_chart(result))
        body.append(section("How steady the choices were", charts[-1].place(), _stability(result)))
    body.append(section("Folds", _folds(result), _parameters(result), _left_out(result)))
    if seeds is not None:
        body.append(section("Other seeds of the tuning", tag("p", seeds_sentence(seeds)), _seed_table(seeds)))
    if paths is not None:
        charts.append(paths_chart(paths))
        body.append(section("Other paths through the same history", _paths(paths), charts[-1].place(), _cpcv(paths)))
    body.append(_recipe(result))
    recipe = result.run.recipe
    name = f"{title(result.strategy.name())} walked forward, {recipe.universe}, {recipe.start} to {recipe.end}"
    return write_whole(path, assemble(name, join(body), charts, sessions_of(result.run)).encode("utf-8"))


def _seed_table(seeds: pd.DataFrame) -> Html:
    head = ["Seed", "Objective in training", "Sharpe, annual", "CAGR", "Max drawdown", "Turnover a year"]
    head += ["Sharpe less buy-and-hold", "Sharpe less VolTarget"]
    rows = [
        [
            str(int(row["seed"])),
            plain(row["in_objective"]),
            plain(row["annual_sharpe"]),
            percent(row["cagr"]),
            percent(row["max_drawdown"]),
            f"{row['annual_turnover']:.2f}\N{MULTIPLICATION SIGN}",
            *(typeset(f"{row[f'sharpe_over_{key}']:+.2f}") for _, key in RIVALS),
        ]
        for row in seeds.to_dict("records")
    ]
    return table(head, rows, kind="comparison numbers")


def _verdict(result: WalkForwardResult) -> Html:
    (_, first, tone), (_, second, _) = verdicts(result)
    lead, _, rest = first.partition("Annual Sharpe ratio")
    notes = [note(f"Annual Sharpe ratio{rest}")] if rest else []
    words = {
        "better": "Chosen on the past alone, the rule beat its basket on what came after.",
        "worse": "Chosen on the past alone, the rule did worse than its basket on what came after.",
        "": "Chosen on the past alone, the rule cannot be told from its basket on what came after.",
    }
    headline = words[tone] if rest else lead
    if not result.acting:
        headline = "No fold acted: nothing that was tried in training could be told from luck."
    return tag(
        "div",
        tag("p", headline, kind="lead"),
        *([tag("p", lead)] if headline != lead else []),
        *notes,
        note(second),
        *map(note, timing_sentences(result.run)),
        *([] if result.gate is None else [note(typeset(gate_sentence(result)))]),
        *([note(missed_sentence(result))] if result.missed else []),
        *([note(unreached_sentence(result))] if result.unreached else []),
        note(
            "The sessions tested were not used to tune; the rule, its search space and this split were chosen by a"
            f" person who may know them. {CHOSEN}"
        ),
        note(
            "No ledger was kept, so what was tried before on this data is not counted."
            if result.trial_count is None
            else result.trial_count.sentence("In training it took")
        ),
        kind=f"verdict {tone}".strip(),
    )


def _headline(result: WalkForwardResult) -> Html:
    run = result.run
    columns = [run.metrics, run.baselines[BASELINE], result.vol_target.metrics]
    rows = [
        [metric.words, *(metric.text(float(column.get(metric.key, math.nan))) for column in columns)]
        for metric in METRICS
    ]
    return table(["", "Walked forward", title(BASELINE), title(RIVAL)], rows, kind="headline numbers")


def _reading(result: WalkForwardResult) -> Html:
    recipe = result.run.recipe
    return tag(
        "div",
        note(
            "One account runs through all tests; on each session it does what that fold's parameters decide"
            + (", or holds the basket where a fold does not act" if result.acting < len(result.folds) else "")
            + ", and pays for what a change of parameters makes it trade."
        ),
        note(
            "Buy-and-hold is the same basket without the rule. VolTarget, at its defaults, scales exposure by the"
            " basket's own volatility and never looks at Bitcoin."
        ),
        note(
            f"Figures are after {recipe.fee_bps:g} bps fee and {recipe.slippage_bps:g} bps slippage. Annual figures use"
            f" {recipe.sessions_a_year} sessions a year."
        ),
        kind="reading",
    )


def _shrinkage(result: WalkForwardResult) -> str:
    metric, number, tried = objective_metric(result.settings.objective), len(result.folds), trials_made(result)
    if not result.acting:
        inside = _mean(result.table["in_objective"].to_numpy(dtype=np.float64))
        return (
            f"{metric.words}: {metric.text(inside)} on average in training, for the best of"
            f" {counted(tried, 'trial')}. No fold acted on it: in every test the account held the"
            " basket, whose figures these are."
        )
    acting = result.table[[each.acts for each in result.folds]]
    inside, outside = (_mean(acting[f"{side}_objective"].to_numpy(dtype=np.float64)) for side in ("in", "out"))
    kept = int((acting["out_excess_over_buy_and_hold"] > 0).sum())
    which = "" if len(acting) == number else f", over the {counted(len(acting), 'fold')} that acted of {number}"
    return (
        f"{metric.words}{which}: {metric.text(inside)} on average in training,"
        f" {metric.text(outside)} in the test that follows. {_distance(result, tried)}"
        f" {kept} of {counted(len(acting), 'fold')}{' that acted' if which else ''} ended above buy-and-hold."
    )


def trials_made(result: WalkForwardResult) -> int:
    """The most trials that a fold was chosen from: one where nothing was tuned, whatever was asked for."""
    return max(len(each.trials) for each in result.folds)


def _distance(result: WalkForwardResult, tried: int) -> str:
    """What sets the objective in training and in the test apart."""
    inside, outside = (round(float(result.table[f"sessions_{side}"].mean())) for side in ("trained", "tested"))
    longer = (
        f" The figure also goes with the length of a span: {counted(inside, 'session')} in training and"
        f" {count(outside)} in a test, on average."
        if aim_key(result.settings.objective) in _BY_LENGTH and inside != outside
        else ""
    )
    if tried == 1:
        return f"One set alone was tried, so that nothing was picked: the distance shows a different market.{longer}"
    return (
        f"The best of {counted(tried, 'trial')} looks better in training than it is: that is what the distance"
        f" shows, beside a different market.{longer}"
    )


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _stability(result: WalkForwardResult) -> Html:
    rows = [
        [row["parameter"], *(typeset(row[name]) for name in ("searched", "chosen", "typical")), share(row["spread"], 0)]
        for row in result.stability.to_dict("records")
    ]
    head = ["Parameter", "Searched", "Chosen, least to most", "Median, or most frequent", "Spread"]
    left = [note(unsearched_sentence(result))] if result.settings.unsearched else []
    return join(
        [
            table(head, rows, kind="numbers"),
            *left,
            note(
                "Spread is the distance from the lowest to the highest choice as a part of the range searched, both in"
                " logarithms where it was searched evenly in the logarithm; for a"
                " choice of words, the share of folds that did not take the most frequent. A parameter that wanders"
                " over its whole range was not found: the data do not say what it is."
            ),
        ]
    )


def _folds(result: WalkForwardResult) -> Html:
    metric = objective_metric(result.settings.objective)
    head = [
        *("Fold", "Trained on", "Sessions", "Tested on", "Sessions", f"{metric.short}: in"),
        *([] if result.gate is None else ["p", "Proven"]),
        *("out", "Return", "Less buy-and-hold", "Less VolTarget", "Max drawdown"),
    ]
    rows = [_fold_row(each, metric.text, result.gate is not None) for each in result.folds]
    return table(head, rows, kind="comparison numbers")


def _fold_row(each: FoldResult, text: Any, gate: bool) -> list[object]:
    inside, outside = each.in_sample, each.out_of_sample
    return [
        each.fold.number,
        f"{each.train[0]:%Y-%m-%d} to {each.train[1]:%Y-%m-%d}",
        count(len(each.fold.train)),
        f"{each.test[0]:%Y-%m-%d} to {each.test[1]:%Y-%m-%d}",
        count(len(each.fold.test)),
        text(inside["objective"]),
        *([f"{each.p:.2f}", "yes" if each.passed else "no"] if gate else []),
        text(outside["objective"]),
        percent(outside["total_return"]),
        _coloured(outside["excess_over_buy_and_hold"]),
        _coloured(outside["excess_over_vol_target"]),
        percent(outside.get("max_drawdown", math.nan)),
    ]


def _coloured(value: float) -> Html:
    return tag("span", percent(value), kind="gain" if value > 0 else "loss" if value < 0 else "")


def _parameters(result: WalkForwardResult) -> Html:
    names = list(result.settings.space)
    if not names:
        return note("No parameter was tuned.")
    rows = [
        [each.fold.number, *(_short(each.parameters[name]) for name in names), _waited(each)] for each in result.folds
    ]
    head = ["Fold", *names, "Shock to fill, h"]
    words = [
        "Shock to fill is the median of the episodes in training: a parameter `lag` says how old a shock must be at a"
        " decision, decisions come once a session, and the fill follows."
    ]
    if result.run.lag_hours is not None:
        words.append(f"Out of sample: {result.run.lag_hours.sentence()}")
    return join(
        [tag("h3", "Parameters chosen"), table(head, rows, kind="comparison numbers"), note(typeset(" ".join(words)))]
    )


def _waited(each: FoldResult) -> str:
    return BLANK if each.lag_hours is None else f"{each.lag_hours.median:.1f}"


def _short(value: Any) -> str:
    return value_text(float(f"{value:.4g}")) if isinstance(value, float) else value_text(value)


def _left_out(result: WalkForwardResult) -> Html:
    folds = [each.fold for each in result.folds]
    parts = [
        f"{counted(result.untested, 'session')} before the first test were never tested.",
        f"Each fold gave up {counted(folds[0].purged, 'session')} of training to the purge"
        f" and kept {counted(folds[0].embargoed, 'session')} of embargo before its test.",
    ]
    dropped, moved = sum(each.dropped for each in folds), sum(each.moved > 0 for each in folds)
    if result.split.events is not None:
        parts.append(
            f"To keep shock events whole {counted(moved, 'border')} moved back and"
            f" {counted(dropped, 'session')} of training were dropped."
        )
    last = folds[-1]
    if len(last.test) < result.split.test and last.test[-1] == result.sessions - 1:
        parts.append(f"Fold {last.number} is shorter: the sessions end there.")
    return note(" ".join(parts))


def _paths(paths: CpcvResult) -> Html:
    low, middle, high = (float(np.percentile(paths.sharpes, each)) for each in (0, 50, 100))
    pairs: Sequence[tuple[str, str]] = [
        ("Folds", count(len(paths.folds))),
        ("Paths", count(len(paths.sharpes))),
        ("Sharpe, annual: lowest path", plain(low)),
        ("Median path", plain(middle)),
        ("Highest path", plain(high)),
        ("Buy-and-hold, same sessions", plain(paths.summary()["annual_sharpe_buy_and_hold"])),
        ("Choices below the median outside", share(paths.below_median, 0)),
    ]
    return facts(pairs, kind="facts totals")


def _cpcv(paths: CpcvResult) -> Html:
    return join(
        [
            note(
                f"Combinatorial purged cross-validation: {paths.split.text}. Every group is tested by several folds,"
                " whose tests join into whole paths. Training may lie after the test, so a path says how much the"
                " result depends on the stretch of history, not what could have been earned. Paths share most of their"
                " sessions: their spread is no interval."
            ),
            note(
                "A choice below the median did worse outside its training sessions than half of all trials. For"
                " choices that carry nothing over half of them are on average, but folds share most of their sessions:"
                f" where all is luck {LUCK_BELOW}."
            ),
        ]
    )


def _title(result: WalkForwardResult) -> Html:
    recipe = result.run.recipe
    about = [
        f"Universe {recipe.universe}",
        f"{recipe.start} to {recipe.end}",
        counted(recipe.sessions, "session"),
        counted(len(result.folds), "fold"),
        f"market {recipe.market}",
    ]
    return tag(
        "header",
        tag("p", "Undertow walk-forward", kind="eyebrow"),
        tag("h1", f"{title(result.strategy.name())}, walked forward"),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _recipe(result: WalkForwardResult) -> Html:
    settings, recipe = result.settings, result.run.recipe
    pairs = [
        ("Split", result.split.text),
        ("Objective", f"{settings.objective.name} ({settings.objective.direction})"),
        *((f"Constraint {number}", each.name) for number, each in enumerate(settings.constraints, 1)),
        ("Trials a fold", count(trials_made(result))),
        ("Tuner", result.tuner),
        ("Seed of the tuning", str(result.seed)),
        *([] if result.gate is None else [("Proof", f"{result.gate}; on_fail folds {result.on_fail}")]),
        *((f"Fixed: {name}", value_text(value)) for name, value in settings.fixed.items()),
        *((name, text) for name, text in account_settings(recipe).items() if text != BLANK),
    ]
    command = facts([("Command", tag("code", recipe.command))], kind="facts wide") if recipe.command else ""
    return section("Recipe", facts(pairs), command)
