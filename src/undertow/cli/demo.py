"""The demo: the flagship against its baselines on a simulated market, where the truth is known."""

from __future__ import annotations

from pathlib import Path

import typer

from undertow.cli.console import busy, show_metrics


def run_demo(*, seed: int, years: float, out: Path) -> None:
    """Simulate a market, run every strategy with its defaults, save the runs below `out`, print the table and where."""
    with busy("starting"):
        from undertow.backtests import backtest
        from undertow.backtests.folders import check_replaceable
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
    show_metrics(f"{market.name}, {flagship.recipe.start} to {flagship.recipe.end}", {r.name: r.metrics for r in runs})
    apart = difference(flagship.returns.to_numpy(), flagship.series["hold_return"].to_numpy())
    typer.echo(apart.sentence("buy-and-hold"))
    truth = market.truth
    if truth is not None:
        typer.echo(
            f"The truth of this market: forced selling {truth.lag_hours:g} hours after {len(truth.events)} cascades."
        )
    typer.echo(f"tearsheet:  {out / flagship.name / 'tearsheet.html'}")
    typer.echo(f"comparison: {out / 'compare.html'}")
