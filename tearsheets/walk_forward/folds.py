"""The tables of a walk-forward: folds, their parameters, and their stability."""

from __future__ import annotations

import math
from typing import Any

from undertow.backtests.validation import FoldResult, WalkForwardResult
from undertow.tearsheets.html.markup import Html, join, note, table, tag
from undertow.tearsheets.html.text import BLANK, count, percent, quantity, share, typeset, value_text
from undertow.tearsheets.walk_forward.charts import objective_metric
from undertow.tearsheets.walk_forward.sentences import unsearched_sentence


def stability_table(result: WalkForwardResult) -> Html:
    """The range of each parameter's choices, as a share of the range searched."""
    rows = [
        [row["parameter"], *(typeset(row[name]) for name in ("searched", "chosen", "typical")), share(row["spread"], 0)]
        for row in result.stability.to_dict("records")
    ]
    head = ["Parameter", "Searched", "Chosen, lowest to highest", "Median, or most frequent", "Spread"]
    omissions = [note(unsearched_sentence(result))] if result.settings.unsearched else []
    return join(
        [
            table(head, rows, kind="numbers"),
            *omissions,
            note(
                "Spread is the distance from the lowest to the highest choice as a share of the range searched, in"
                " logarithms for a range on a log scale. For a categorical parameter it is the share of folds that did"
                " not choose the most frequent value. A parameter whose choices cover its whole range is not determined"
                " by the data."
            ),
        ]
    )


def folds_table(result: WalkForwardResult) -> Html:
    """The folds with their figures in training and in the test."""
    metric = objective_metric(result.settings.objective)
    head = [
        *("Fold", "Trained on", "Sessions", "Tested on", "Sessions", f"{metric.short}, training"),
        *([] if result.gate is None else ["p", "Passed"]),
        *(f"{metric.short}, test", "Return", "Less buy-and-hold", "Less VolTarget", "Max drawdown"),
    ]
    rows = [_fold_row(fold, metric.text, result.gate is not None) for fold in result.folds]
    return table(head, rows, kind="comparison numbers")


def _fold_row(result: FoldResult, text: Any, gate: bool) -> list[object]:
    inside, outside = result.in_sample, result.out_of_sample
    return [
        result.fold.number,
        f"{result.train[0]:%Y-%m-%d} to {result.train[1]:%Y-%m-%d}",
        count(len(result.fold.train)),
        f"{result.test[0]:%Y-%m-%d} to {result.test[1]:%Y-%m-%d}",
        count(len(result.fold.test)),
        text(inside["objective"]),
        *([f"{result.p:.2f}", "yes" if result.passed else "no"] if gate else []),
        text(outside["objective"]),
        percent(outside["total_return"]),
        _coloured(outside["excess_over_buy_and_hold"]),
        _coloured(outside["excess_over_vol_target"]),
        percent(outside.get("max_drawdown", math.nan)),
    ]


def _coloured(value: float) -> Html:
    return tag("span", percent(value), kind="gain" if value > 0 else "loss" if value < 0 else "")


def parameter_table(result: WalkForwardResult) -> Html:
    """The parameters chosen in each fold, with the time from shock to fill."""
    names = list(result.settings.space)
    if not names:
        return note("No parameter was tuned.")
    rows = [
        [fold.fold.number, *(_short(fold.parameters[name]) for name in names), _shock_to_fill(fold)]
        for fold in result.folds
    ]
    head = ["Fold", *names, "Shock to fill, h"]
    sentences = [
        "Shock to fill is the median over the episodes in training. The parameter `lag` is the minimum age of a shock"
        " at a decision; decisions are made once a session, and the fill follows."
    ]
    if result.run.lag_hours is not None:
        sentences.append(f"Out of sample: {result.run.lag_hours.sentence()}")
    return join(
        [
            tag("h3", "Parameters chosen"),
            table(head, rows, kind="comparison numbers"),
            note(typeset(" ".join(sentences))),
        ]
    )


def _shock_to_fill(result: FoldResult) -> str:
    return BLANK if result.lag_hours is None else f"{result.lag_hours.median:.1f}"


def _short(value: Any) -> str:
    return value_text(float(f"{value:.4g}")) if isinstance(value, float) else value_text(value)


def omissions_note(result: WalkForwardResult) -> Html:
    """The sessions that are neither trained on nor tested."""
    folds = [part.fold for part in result.folds]
    sentences = [
        f"{quantity(result.untested, 'session')} before the first test were never tested.",
        f"Each fold drops {quantity(folds[0].purged, 'session')} of training as purge and leaves"
        f" {quantity(folds[0].embargoed, 'session')} of embargo before its test.",
    ]
    dropped, moved = sum(fold.dropped for fold in folds), sum(fold.moved > 0 for fold in folds)
    if result.split.events is not None:
        sentences.append(
            f"To keep shock events in one piece, {quantity(moved, 'border')} moved back and"
            f" {quantity(dropped, 'session')} of training were dropped."
        )
    last = folds[-1]
    if len(last.test) < result.split.test and last.test[-1] == result.sessions - 1:
        sentences.append(f"Fold {last.number} is shorter: the sessions end there.")
    return note(" ".join(sentences))
