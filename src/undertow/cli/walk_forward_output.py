"""What `undertow walk-forward` leaves behind: files in a folder, and words in the terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

    from undertow.backtests.validation.cpcv import CpcvResult
    from undertow.backtests.validation.result import WalkForwardResult


def save(result: WalkForwardResult, paths: CpcvResult | None, seeds: pd.DataFrame | None, out: Path) -> None:
    """Write a walk's run, tables and page into `out`, all or nothing."""
    from undertow.backtests.folders import json_ready, replacing, write_json
    from undertow.tearsheets.walk_forward.page import write_walk_page

    with replacing(out, "walk.json") as draft:
        # The run's files lie beside the folds: the folder is a run, and can be compared like any other.
        replace(result.run, trial_count=result.trial_count).save(draft)
        result.table.to_csv(draft / "folds.csv", index=False, lineterminator="\n")
        result.trials.to_csv(draft / "trials.csv", index=False, lineterminator="\n")
        result.stability.to_csv(draft / "stability.csv", index=False, lineterminator="\n")
        write_json(draft / "walk.json", json_ready(_summary(result, paths, seeds)))
        if seeds is not None:
            seeds.to_csv(draft / "seeds.csv", index=False, lineterminator="\n")
        if paths is not None:
            paths.folds.to_csv(draft / "cpcv_folds.csv", index=False, lineterminator="\n")
            paths.metrics.to_csv(draft / "cpcv_paths.csv", lineterminator="\n")
        write_walk_page(result, draft / "walk.html", paths, seeds)


def _summary(result: WalkForwardResult, paths: CpcvResult | None, seeds: pd.DataFrame | None) -> dict[str, Any]:
    found = {**result.summary(), "verdicts": dict(_sentences(result))}
    if seeds is not None:
        found["seeds"] = seeds.to_dict("records")
    return found if paths is None else {**found, "cpcv": paths.summary()}


def _sentences(result: WalkForwardResult) -> list[tuple[str, str]]:
    """Baseline and verdict, as plain text, what the timing was worth, and what a gate made of it."""
    from undertow.tearsheets.html.text import MINUS
    from undertow.tearsheets.run.headline import timing_sentences
    from undertow.tearsheets.walk_forward.sentences import gate_sentence, verdicts

    told = [(name, text) for name, text, _ in verdicts(result)]
    told += [("timing", text) for text in timing_sentences(result.run)]
    told += [] if result.gate is None else [("gate", gate_sentence(result))]
    return [(name, text.replace(MINUS, "-")) for name, text in told]


def show(
    result: WalkForwardResult,
    paths: CpcvResult | None,
    seeds: pd.DataFrame | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """A walk in the terminal, or as one JSON object."""
    from undertow.backtests.folders import json_ready

    if as_json:
        print(json.dumps(json_ready(_summary(result, paths, seeds)), indent=2, allow_nan=False))
        return
    from undertow.cli import console

    console.show_metrics(
        f"{result.run.name} on {result.run.recipe.universe}, {result.run.recipe.start} to {result.run.recipe.end}",
        {"walked forward": result.run.metrics, **result.run.baselines, "vol-target": result.vol_target.metrics},
    )
    console.show(_fold_lines(result))
    if result.run.lag_hours is not None:
        typer.echo(result.run.lag_hours.sentence())
    for _, sentence in _sentences(result):
        typer.echo(sentence)
    if result.settings.unsearched:
        from undertow.tearsheets.walk_forward.sentences import unsearched_sentence

        typer.echo(unsearched_sentence(result))
    if result.missed:
        from undertow.tearsheets.walk_forward.sentences import missed_sentence

        typer.echo(missed_sentence(result))
    if result.unreached:
        from undertow.tearsheets.walk_forward.sentences import unreached_sentence

        typer.echo(unreached_sentence(result))
    if seeds is not None:
        from undertow.tearsheets.walk_forward.sentences import seeds_sentence

        typer.echo(seeds_sentence(seeds))
    if paths is not None:
        from undertow.tearsheets.walk_forward.sentences import paths_sentence

        typer.echo(paths_sentence(paths))
    if result.trial_count is not None:
        typer.echo(result.trial_count.sentence("In training it took"))
    if out is not None:
        typer.echo(f"walk-forward: {out / 'walk.html'}")


def _fold_lines(result: WalkForwardResult) -> Any:
    from rich.table import Table

    name = result.settings.objective.name
    table = Table(title="folds", title_justify="left")
    tested = [] if result.gate is None else ["p", "passed"]
    headings = ["fold", "trained on", "tested on", f"{name}: in", *tested, "out"]
    for heading in (*headings, "less buy-and-hold", "less vol-target"):
        table.add_column(heading, justify="left" if heading.endswith("on") else "right")
    for each in result.folds:
        outside = each.out_of_sample
        table.add_row(
            str(each.fold.number),
            f"{each.train[0]:%Y-%m-%d} to {each.train[1]:%Y-%m-%d}",
            f"{each.test[0]:%Y-%m-%d} to {each.test[1]:%Y-%m-%d}",
            f"{each.in_sample['objective']:.2f}",
            *([f"{each.p:.2f}", "yes" if each.passed else "no"] if tested else []),
            f"{outside['objective']:.2f}",
            f"{outside['excess_over_buy_and_hold']:+.1%}",
            f"{outside['excess_over_vol_target']:+.1%}",
        )
    return table
