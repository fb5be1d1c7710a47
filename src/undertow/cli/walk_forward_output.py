"""The terminal output of `undertow walk-forward`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from undertow.backtests.validation.result import WalkForwardResult


def show(result: WalkForwardResult, out: Path | None, as_json: bool) -> None:
    """Print a walk in the terminal, or as one JSON object."""
    from undertow.backtests.folders import plain

    if as_json:
        print(json.dumps(plain(result.summary()), indent=2, allow_nan=False))
        return
    from undertow.cli import console

    console.show_metrics(
        f"{result.run.name} on {result.run.recipe.universe}, {result.run.recipe.start} to {result.run.recipe.end}",
        {"walked forward": result.run.metrics, **result.run.baselines, "vol-target": result.vol_target.metrics},
    )
    console.show(_fold_lines(result))
    for _, sentence in result.sentences():
        typer.echo(sentence)
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
