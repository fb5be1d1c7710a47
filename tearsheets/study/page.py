"""A study as one HTML page: what the search found, what matters, and how much of it may be luck."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd
from optuna.distributions import CategoricalDistribution
from plotly.offline import get_plotlyjs

from undertow.backtests.objectives import MAXIMIZE
from undertow.backtests.tuning.result import Tuning
from undertow.market.errors import ParameterError
from undertow.tearsheets.html.charts import Chart
from undertow.tearsheets.html.markup import (
    Html,
    facts,
    fill,
    join,
    note,
    resource,
    script_json,
    section,
    table,
    tag,
    write_whole,
)
from undertow.tearsheets.html.text import BLANK, METRICS, count, counted, listed, share, title, typeset, value_text
from undertow.tearsheets.study.charts import (
    contour_chart,
    front_chart,
    history_chart,
    importance_chart,
    importances,
    map_chart,
    map_names,
    slice_charts,
)

SHOWN, SLICED, CROSSED = 12, 8, 3
_EULER = 0.5772156649015329


def write_study_page(tuning: Tuning, path: str | Path) -> Path:
    """Write a search as one self-contained HTML page and return the path.

    It holds the objective's history, the importance of each parameter, a map of lag against threshold, slices and
    contours (Optuna's figures), the front of several objectives, the best trials beside the defaults and buy-and-hold,
    how many trials were ever made on the market, and what luck alone would be expected to find. Equal searches give
    equal bytes. Raises `ParameterError` where `path` is no .html file.
    """
    if Path(path).suffix != ".html" or Path(path).is_dir():
        raise ParameterError(f"`out` must be a file that ends in .html, got {str(path)!r}")
    charts: list[Chart] = []
    body = join([_title(tuning), _verdict(tuning), *_pictures(tuning, charts), _best(tuning), _search(tuning)])
    page = fill(
        "page.html",
        title=f"{title(tuning.strategy.name())}, study | Undertow",
        style=Html(resource("page.css")),
        body=body,
        plotly=Html(get_plotlyjs()),
        charts=script_json({"sessions": [], "charts": [chart.drawn() for chart in charts]}),
        scripts=Html(resource("scripts.html")),
    )
    return write_whole(path, page.encode("utf-8"))


def expected_best(values: pd.Series, trials: int) -> float:
    """How far above the mean the best of `trials` independent draws with the spread of `values` is expected to lie.

    In the units of `values`; NaN below two trials. Source: Bailey and López de Prado (2014), equation 1.
    """
    if trials < 2 or len(values) < 2:
        return math.nan
    normal = NormalDist()
    high, higher = normal.inv_cdf(1 - 1 / trials), normal.inv_cdf(1 - 1 / (trials * math.e))
    return float(values.std(ddof=1)) * ((1 - _EULER) * high + _EULER * higher)


def _title(tuning: Tuning) -> Html:
    said = tuning.identity
    about = [
        f"Universe {said['universe']}",
        f"{said['start']} to {said['end']}",
        f"market {tuning.market.name}",
        f"study {tuning.study.study_name}",
        counted(len(tuning.trials), "trial"),
    ]
    return tag(
        "header",
        tag("p", "Undertow study", kind="eyebrow"),
        tag("h1", title(tuning.strategy.name())),
        tag("p", *(tag("span", each) for each in about), kind="about"),
    )


def _verdict(tuning: Tuning) -> Html:
    return tag("section", tag("p", _lead(tuning), kind="lead"), *map(note, _cautions(tuning)), kind="verdict")


def _lead(tuning: Tuning) -> str:
    best, name = tuning.best, tuning.names[0]
    if not tuning.feasible:
        missed = [f"{each.name} by {best[f'missed {each.name}']:.3g}" for each in tuning.constraints]
        return f"No trial keeps to the constraints. The nearest, trial {best['trial']}, misses {listed(missed, 4)}."
    first = tuning.trials.iloc[0]
    beside = ""
    if _is_default(tuning, first):
        misses = "" if first["feasible"] else ", which miss a constraint"
        beside = f"; {first[f'objective {name}']:.3g} at the defaults{misses}"
    hold = tuning.objectives[0]
    if not hold.baseline:
        value = hold.value(tuning.baselines["buy-and-hold"], tuning.baselines) if _is_named(name) else math.nan
        beside += f"; {value:.3g} for buy-and-hold" if math.isfinite(value) else ""
    found = f"Trial {best['trial']} has the best {name}: {best[f'objective {name}']:.3g}{beside}."
    many = f" {counted(len(tuning.front), 'trial')} on the front of {len(tuning.names)} objectives."
    return typeset(found + (many if len(tuning.names) > 1 else ""))


def _is_named(name: str) -> bool:
    return ":" not in name


def _is_default(tuning: Tuning, row: pd.Series) -> bool:
    usual = tuning.strategy.create(tuning.space.fixed).parameters
    return all(row[name] == usual[name] for name in tuning.space.free)


def _cautions(tuning: Tuning) -> list[str]:
    parts = [
        "These figures are in-sample: the parameters were chosen with the sessions that they are shown on. The best of"
        " many trials looks good even where no setting has any merit, the more so the more are tried."
    ]
    luck = luck_sentence(tuning)
    parts += [luck] if luck else []
    ledger = "No ledger was kept, so trials made before this search are not counted."
    parts.append(tuning.trial_count.sentence() if tuning.trial_count is not None else ledger)
    return parts


def luck_sentence(tuning: Tuning) -> str:
    """What the best of as many draws of luck would be expected to reach; empty where there are too few to say.

    Like is compared with like: where the best keeps to the constraints, only trials that do are counted and spread, and
    a trial that failed drew nothing.
    """
    name, maximized = tuning.names[0], tuning.objectives[0].direction == MAXIMIZE
    complete = tuning.trials[tuning.trials["state"] == "complete"]
    kept = complete[complete["feasible"]] if tuning.feasible else complete
    missing, failed, standing = len(complete) - len(kept), len(tuning.trials) - len(complete), tuning.trial_count
    ever = standing.ever + standing.elsewhere if standing else len(tuning.trials)
    drawn = ever - missing - failed
    values = kept[f"objective {name}"]
    luck = expected_best(values, drawn)
    if not (math.isfinite(luck) and luck > 0):
        return ""
    way, reach = ("above", values.mean() + luck) if maximized else ("below", values.mean() - luck)
    these = f"the {count(len(kept))} trials that keep to the constraints" if missing else "these trials"
    left_out = f" Left out for a constraint: {counted(missing, 'trial')} of this search." if missing else ""
    left_out += f" Left out because they failed: {counted(failed, 'trial')} of this search." if failed else ""
    return typeset(
        f"Were the settings nothing but draws of luck with the spread of {these}, the best of"
        f" {count(drawn)} independent ones would be expected {luck:.3g} {way} their mean of"
        f" {values.mean():.3g}, at {reach:.3g} (Bailey and López de Prado 2014).{left_out} Trials of one search"
        " resemble one another, so there are fewer independent ones than trials; what is left must be shown on sessions"
        " the search never saw."
    )


def _pictures(tuning: Tuning, charts: list[Chart]) -> list[Html]:
    weights = importances(tuning)
    ranked = list(weights) or list(tuning.space.free)
    names = map_names(tuning, ranked)

    def placed(heading: str, drawn: list[Chart], *notes: str) -> Html:
        charts.extend(drawn)
        return section(heading, *(chart.place() for chart in drawn), *map(note, notes))

    first = tuning.names[0]
    parts = []
    if len(tuning.names) > 1:
        parts.append(placed("Front", [front_chart(tuning)], f"The pictures below are of the first objective, {first}."))
    parts.append(placed("History", [history_chart(tuning)], _failed(tuning)))
    if weights:
        parts.append(
            placed(
                "What matters",
                [importance_chart(tuning)],
                "fANOVA (Hutter, Hoos and Leyton-Brown 2014): each by itself, the parameters explain"
                f" {share(sum(weights.values()), 0)} of the objective's spread over the whole range searched, and the"
                " bars are their parts of that; the rest is how they act together. Much of the spread lies between bad"
                " sets and worse ones: a small part does not say that any value will do for the best.",
            )
        )
    if names is not None:
        words = (
            f"Median {first} of the trials in each cell. A rule worth trusting has a plateau, not a single dark cell."
        )
        parts.append(placed(f"{title(names[0])} and {names[1].replace('_', ' ')}", [map_chart(tuning, *names)], words))
    sliced = [name for name in ranked[:SLICED] if name in tuning.space.free]
    parts.append(placed("One parameter at a time", slice_charts(tuning, sliced), "Darker trials came later."))
    crossed = [name for name in ranked if not isinstance(tuning.space.free[name], CategoricalDistribution)][:CROSSED]
    if len(crossed) > 1 and weights:
        words = "Interpolated between the trials, so that a corner without trials says nothing."
        parts.append(placed("Pairs of parameters", [contour_chart(tuning, crossed)], words))
    return parts


def _failed(tuning: Tuning) -> str:
    failed = tuning.trials[tuning.trials["state"] == "fail"]
    grey = " Grey trials miss a constraint." if (~tuning.trials["feasible"]).sum() > len(failed) else ""
    if not len(failed):
        return f"No trial failed.{grey}"
    errors = failed["error"].value_counts()
    worst = listed([f"{error} ({count(number)})" for error, number in errors.items()], 3)
    return f"{counted(len(failed), 'trial')} failed and {'is' if len(failed) == 1 else 'are'} not drawn: {worst}.{grey}"


def _best(tuning: Tuning) -> Html:
    shown = tuning.front.head(SHOWN) if len(tuning.names) > 1 else _ranked(tuning)
    named = [(f"Trial {row['trial']}, {row['design']}", row) for _, row in shown.iterrows()]
    first = tuning.trials.iloc[0]
    if _is_default(tuning, first):
        named.append((f"Defaults{'' if first['feasible'] else ', which miss a constraint'}", first))
    heading = "On the front" if len(tuning.names) > 1 else "Best trials"
    rest = len(tuning.front) - len(shown) if len(tuning.names) > 1 else 0
    more = f" {counted(rest, 'more trial')} on the front, in trials.csv." if rest > 0 else ""
    return section(
        heading,
        _figures(tuning, named),
        note(f"All in-sample.{more}"),
        tag("h3", "Their parameters"),
        _parameters(tuning, named),
        *_lag(tuning),
    )


def _lag(tuning: Tuning) -> list[Html]:
    if tuning.lag_hours is None:
        return []
    asked = " A parameter `lag` is how old a shock must be at a decision; decisions come once a session."
    said = f"Trial {tuning.best['trial']}. {tuning.lag_hours.sentence()}"
    return [note(typeset(said + (asked if "lag" in tuning.best_parameters else "")))]


def _figures(tuning: Tuning, named: Sequence[tuple[str, pd.Series]]) -> Html:
    metrics = [each for each in METRICS if each.key in tuning.trials.columns]
    rows: list[list[object]] = [
        [
            name,
            *(typeset(f"{row[f'objective {each}']:.4g}") for each in tuning.names),
            *(each.text(float(row[each.key])) for each in metrics),
        ]
        for name, row in named
    ]
    for name, found in tuning.baselines.items():
        figures = [each.text(float(found[each.key])) for each in metrics]
        rows.append([title(name), *[BLANK] * len(tuning.names), *figures])
    head = ["", *(f"Objective {each}" for each in tuning.names), *(each.short for each in metrics)]
    return table(head, rows, kind="comparison numbers")


def _parameters(tuning: Tuning, named: Sequence[tuple[str, pd.Series]]) -> Html:
    names = list(tuning.space.free)
    rows = [[name, *(_parameter(row[each]) for each in names)] for name, row in named]
    return table(["", *(each.replace("_", " ") for each in names)], rows, kind="comparison numbers")


def _ranked(tuning: Tuning) -> pd.DataFrame:
    kept = tuning.trials[tuning.trials["feasible"]] if tuning.feasible else tuning.front
    maximized = tuning.objectives[0].direction == MAXIMIZE
    return kept.sort_values(f"objective {tuning.names[0]}", ascending=not maximized, kind="stable").head(SHOWN)


def _parameter(value: Any) -> str:
    return typeset(f"{value:.4g}") if isinstance(value, float) else value_text(value)


def _search(tuning: Tuning) -> Html:
    said, designs = tuning.identity, tuning.trials["design"].value_counts(sort=False)
    pairs = [
        ("Objective", ", ".join(f"{each.name} ({each.direction})" for each in tuning.objectives)),
        ("Constraints", ", ".join(each.name for each in tuning.constraints) or "none"),
        ("Trials", ", ".join(f"{name} {number}" for name, number in designs.items())),
        ("Seed", said["seed"]),
        ("Batch", said["batch"]),
        ("Costs", _costs(said["costs"])),
        ("Weights", f"{said['weighting']}, rebalanced {said['rebalance']}"),
        ("Filled at", f"the {said['fill']}"),
        ("Market", said["market"]),
        ("Fixed", ", ".join(f"{name} {value_text(value)}" for name, value in tuning.space.fixed.items()) or "nothing"),
    ]
    rows = [[name, _range(each)] for name, each in tuning.space.free.items()]
    again = [] if tuning.command is None else [facts([("Command", tag("code", tuning.command))], kind="facts wide")]
    return section("Search", facts(pairs), note("Searched:"), table(["Parameter", "Range"], rows), *again)


def _costs(costs: Mapping[str, Any]) -> str:
    known = [(name.removesuffix("_bps"), value) for name, value in costs.items() if name.endswith("_bps")]
    return ", ".join(f"{name} {value:g} bps" for name, value in known)


def _range(distribution: Any) -> str:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return ", ".join(map(str, choices))
    even = ", evenly in the logarithm" if distribution.log else ""
    return typeset(f"{distribution.low:g} to {distribution.high:g}{even}")
