"""`undertow demo`: the flagship strategy on a simulated market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undertow.cli.options import SeedOption, YearsOption
from undertow.cli.progress import busy


def demo_command(
    seed: SeedOption = 7,
    years: YearsOption = 6.0,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Write the runs and the comparison into this folder.")
    ] = Path("results/demo"),
) -> None:
    """Run the flagship against its baselines on a simulated market.

    The truth of that market is known.
    """
    with busy("starting"):
        from undertow.backtests import backtest, check_replaceable
        from undertow.cli.console import show_metrics
        from undertow.evidence import difference
        from undertow.market import simulate_market
        from undertow.strategies import BuyAndHold, DrawdownDeRisk, LiquidityDrain, VolTarget
        from undertow.tearsheets import write_comparison

    rules = (LiquidityDrain(), BuyAndHold(), VolTarget(), DrawdownDeRisk())
    for rule in rules:
        check_replaceable(out / rule.name())
    with busy("simulating the market"):
        market = simulate_market(seed=seed, years=years)
    runs = []
    for rule in rules:
        with busy(f"running {rule.name()}"):
            runs.append(backtest(rule, market))
            runs[-1].save(out / rule.name())
    with busy("comparing"):
        write_comparison(runs, out / "compare.html")
    flagship = runs[0]
    title = f"{market.name}, {flagship.recipe.start} to {flagship.recipe.end}"
    show_metrics(title, {run.name: run.metrics for run in runs})
    excess = difference(flagship.returns.to_numpy(), flagship.series["hold_return"].to_numpy())
    typer.echo(excess.sentence("buy-and-hold"))
    truth = market.truth
    if truth is not None:
        typer.echo(
            f"The truth of this market: forced selling {truth.lag_hours:g} hours after {len(truth.events)} cascades."
        )
    typer.echo(f"tearsheet:  {out / flagship.name / 'tearsheet.html'}")
    typer.echo(f"comparison: {out / 'compare.html'}")
