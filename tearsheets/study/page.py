"""A study as one HTML page: best trials, important parameters, the part of chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from undertow.backtests import HEADLINE_METRICS, MAXIMIZE
from undertow.backtests.tuning import Tuning
from undertow.tearsheets.html.charts import Chart
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    join,
    note,
    section,
    table,
    tag,
    write_atomic,
)
from undertow.tearsheets.html.page import assemble, check_html_path
from undertow.tearsheets.html.text import BLANK, count, quantity, share, shortlist, title, typeset, value_text
from undertow.tearsheets.study.charts import (
    MOST_DRAWN,
    front_chart,
    history_chart,
    importance_chart,
    importances,
    important_pair,
    map_chart,
    map_names,
    slice_charts,
)
from undertow.tearsheets.study.luck import luck_sentence, luck_verdict

# The most rows of the table, and parameters with a slice.
_ROWS, _SLICES = 12, 8


def write_study_page(tuning: Tuning, path: str | Path) -> Path:
    """Write a search as one self-contained HTML page and return its path.

    The page says first whether the best trial beats what luck gives. It holds the history of the objective, the
    importance of each parameter, maps of lag against threshold and of the two most important parameters, slices, the
    front of several objectives, the best trials beside the defaults and
    buy-and-hold, the number of trials ever made on the market, and the best result expected by chance. Equal searches
    give equal bytes. Raises `ParameterError` where `path` does not end in .html.
    """
    check_html_path(path, "out")
    charts: list[Chart] = []
    body = join([_title(tuning), _verdict(tuning), *_chart_sections(tuning, charts), _best(tuning), _search(tuning)])
    page = assemble(f"{title(tuning.strategy.name())}, study", body, [chart.as_dict() for chart in charts])
    return write_atomic(path, page.encode("utf-8"))


def _title(tuning: Tuning) -> Html:
    identity = tuning.identity
    about = [
        f"Universe {identity['universe']}",
        f"{identity['start']} to {identity['end']}",
        f"market {tuning.market.name}",
        f"study {tuning.study.study_name}",
        quantity(len(tuning.trials), "trial"),
    ]
    return tag(
        "header",
        tag("p", "Undertow study", kind="eyebrow"),
        tag("h1", title(tuning.strategy.name())),
        tag("p", *(tag("span", item) for item in about), kind="about"),
    )


def _verdict(tuning: Tuning) -> Html:
    parts = [tag("p", luck_verdict(tuning), kind="lead"), tag("p", _lead(tuning)), *map(note, _cautions(tuning))]
    return tag("section", *parts, kind="verdict")


def _lead(tuning: Tuning) -> str:
    best, name = tuning.best, tuning.names[0]
    if not tuning.feasible:
        misses = [f"{constraint.name} by {best[f'missed {constraint.name}']:.3g}" for constraint in tuning.constraints]
        nearest = f"The nearest, trial {best['trial']}, misses {shortlist(misses, 4)}."
        return f"No trial satisfies the constraints. {nearest}"
    first = tuning.trials.iloc[0]
    references = ""
    if _is_default(tuning, first):
        miss = "" if first["feasible"] else ", which miss a constraint"
        references = f"; {first[f'objective {name}']:.3g} at the defaults{miss}"
    objective = tuning.objectives[0]
    if not objective.baseline:
        value = objective.value(tuning.baselines["buy-and-hold"], tuning.baselines) if _is_named(name) else math.nan
        references += f"; {value:.3g} for buy-and-hold" if math.isfinite(value) else ""
    lead = f"Trial {best['trial']} has the best {name}: {best[f'objective {name}']:.3g}{references}."
    front = f" {quantity(len(tuning.front), 'trial')} on the front of {len(tuning.names)} objectives."
    return typeset(lead + (front if len(tuning.names) > 1 else ""))


def _is_named(name: str) -> bool:
    return ":" not in name


def _is_default(tuning: Tuning, row: pd.Series) -> bool:
    defaults = tuning.strategy.create(tuning.space.fixed).parameters
    return all(row[name] == defaults[name] for name in tuning.space.free)


def _cautions(tuning: Tuning) -> list[str]:
    parts = [
        "These figures are in-sample: the parameters were chosen on the same sessions. The best of many trials looks"
        " good even if no setting has merit, and the more so the more trials there are."
    ]
    luck = luck_sentence(tuning)
    parts += [luck] if luck else []
    ledger = "No ledger was kept, so trials made before this search are not counted."
    parts.append(tuning.trial_count.sentence() if tuning.trial_count is not None else ledger)
    return parts


def _chart_sections(tuning: Tuning, charts: list[Chart]) -> list[Html]:
    """The sections with charts, which are added to `charts`."""
    weights = importances(tuning)
    ranked = list(weights) or list(tuning.space.free)
    names = map_names(tuning, ranked)

    def chart_section(heading: str, members: list[Chart], *notes: str) -> Html:
        charts.extend(members)
        return section(heading, *(chart.element() for chart in members), *map(note, notes))

    first = tuning.names[0]
    parts = []
    if len(tuning.names) > 1:
        parts.append(
            chart_section("Front", [front_chart(tuning)], f"The charts below show the first objective, {first}.")
        )
    parts.append(chart_section("History", [history_chart(tuning)], _failed(tuning)))
    if weights:
        parts.append(
            chart_section(
                "Parameter importance",
                [importance_chart(tuning)],
                "fANOVA (Hutter, Hoos and Leyton-Brown 2014): taken one at a time, the parameters explain"
                f" {share(sum(weights.values()), 0)} of the objective's spread over the range searched; the bars show"
                " the share of each, and the remainder is due to their interaction. Much of the spread lies between bad"
                " and worse sets, so a parameter with a small share may still matter for the best sets.",
            )
        )
    if names is not None:
        text = f"Median {first} of the trials in each cell. A robust rule has a plateau, not a single dark cell."
        parts.append(
            chart_section(f"{title(names[0])} and {names[1].replace('_', ' ')}", [map_chart(tuning, *names)], text)
        )
    pair = important_pair(tuning, ranked, names) if weights else None
    if pair is not None:
        text = f"The two most important parameters: median {first} of the trials in each cell."
        parts.append(
            chart_section(
                f"{title(pair[0])} and {pair[1].replace('_', ' ')}", [map_chart(tuning, *pair, element="pair")], text
            )
        )
    sliced = [name for name in ranked[:_SLICES] if name in tuning.space.free]
    parts.append(chart_section("One parameter at a time", slice_charts(tuning, sliced), _drawn_note(tuning)))
    return parts


def _drawn_note(tuning: Tuning) -> str:
    complete = int((tuning.trials["state"] == "complete").sum())
    some = (
        f" Of {count(complete)} trials {count(MOST_DRAWN)} at most are drawn: the best quarter of them, and the others"
        " evenly over the search."
        if complete > MOST_DRAWN
        else ""
    )
    return f"Darker trials came later.{some}"


def _failed(tuning: Tuning) -> str:
    failed = tuning.trials[tuning.trials["state"] == "fail"]
    grey = " Grey trials miss a constraint." if (~tuning.trials["feasible"]).sum() > len(failed) else ""
    if not len(failed):
        return f"No trial failed.{grey}"
    errors = failed["error"].value_counts()
    worst = shortlist([f"{error} ({count(number)})" for error, number in errors.items()], 3)
    return (
        f"{quantity(len(failed), 'trial')} failed and {'is' if len(failed) == 1 else 'are'} not drawn: {worst}.{grey}"
    )


def _best(tuning: Tuning) -> Html:
    rows = tuning.front.head(_ROWS) if len(tuning.names) > 1 else _ranked(tuning)
    labelled = [(f"Trial {row['trial']}, {row['design']}", row) for _, row in rows.iterrows()]
    first = tuning.trials.iloc[0]
    if _is_default(tuning, first):
        labelled.append((f"Defaults{'' if first['feasible'] else ', which miss a constraint'}", first))
    heading = "On the front" if len(tuning.names) > 1 else "Best trials"
    hidden = len(tuning.front) - len(rows) if len(tuning.names) > 1 else 0
    remark = f" {quantity(hidden, 'more trial')} on the front, in trials.csv." if hidden > 0 else ""
    return section(
        heading,
        _figures(tuning, labelled),
        note(f"All figures are in-sample.{remark}"),
        tag("h3", "Parameters of these trials"),
        _parameters(tuning, labelled),
        *_lag(tuning),
    )


def _lag(tuning: Tuning) -> list[Html]:
    if tuning.lag_hours is None:
        return []
    explanation = " The parameter `lag` is the minimum age of a shock at a decision; decisions are made once a session."
    sentence = f"Trial {tuning.best['trial']}. {tuning.lag_hours.sentence()}"
    return [note(typeset(sentence + (explanation if "lag" in tuning.best_parameters else "")))]


def _figures(tuning: Tuning, labelled: Sequence[tuple[str, pd.Series]]) -> Html:
    metrics = [metric for metric in HEADLINE_METRICS if metric.key in tuning.trials.columns]
    rows: list[list[object]] = [
        [
            name,
            *(typeset(f"{row[f'objective {objective}']:.4g}") for objective in tuning.names),
            *(metric.text(float(row[metric.key])) for metric in metrics),
        ]
        for name, row in labelled
    ]
    for name, values in tuning.baselines.items():
        figures = [metric.text(float(values[metric.key])) for metric in metrics]
        rows.append([title(name), *[BLANK] * len(tuning.names), *figures])
    head = ["", *(f"Objective {label}" for label in tuning.names), *(metric.short for metric in metrics)]
    return table(head, rows, kind="comparison numbers")


def _parameters(tuning: Tuning, labelled: Sequence[tuple[str, pd.Series]]) -> Html:
    names = list(tuning.space.free)
    rows = [[name, *(_parameter(row[parameter]) for parameter in names)] for name, row in labelled]
    return table(["", *(parameter.replace("_", " ") for parameter in names)], rows, kind="comparison numbers")


def _ranked(tuning: Tuning) -> pd.DataFrame:
    trials = tuning.trials[tuning.trials["feasible"]] if tuning.feasible else tuning.front
    maximized = tuning.objectives[0].direction == MAXIMIZE
    return trials.sort_values(f"objective {tuning.names[0]}", ascending=not maximized, kind="stable").head(_ROWS)


def _parameter(value: Any) -> str:
    return typeset(f"{value:.4g}") if isinstance(value, float) else value_text(value)


def _search(tuning: Tuning) -> Html:
    identity, designs = tuning.identity, tuning.trials["design"].value_counts(sort=False)
    pairs = [
        ("Objective", ", ".join(f"{objective.name} ({objective.direction})" for objective in tuning.objectives)),
        ("Constraints", ", ".join(constraint.name for constraint in tuning.constraints) or "none"),
        ("Trials", ", ".join(f"{name} {number}" for name, number in designs.items())),
        ("Seed", identity["seed"]),
        ("Batch", identity["batch"]),
        ("Costs", _costs(identity["costs"])),
        ("Weights", f"{identity['weighting']}, rebalanced {identity['rebalance']}"),
        ("Fill price", identity["fill"]),
        ("Market", identity["market"]),
        ("Fixed", ", ".join(f"{name} {value_text(value)}" for name, value in tuning.space.fixed.items()) or "nothing"),
    ]
    rows = [[name, _range(distribution)] for name, distribution in tuning.space.free.items()]
    command = [] if tuning.command is None else [facts([("Command", tag("code", tuning.command))], kind="facts wide")]
    return section("Search", facts(pairs), tag("h3", "Ranges searched"), table(["Parameter", "Range"], rows), *command)


def _costs(costs: Mapping[str, Any]) -> str:
    known = [(name.removesuffix("_bps"), value) for name, value in costs.items() if name.endswith("_bps")]
    return ", ".join(f"{name} {value:g} bps" for name, value in known)


def _range(distribution: Any) -> str:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return ", ".join(map(str, choices))
    scale = ", on a log scale" if distribution.log else ""
    return typeset(f"{distribution.low:g} to {distribution.high:g}{scale}")
