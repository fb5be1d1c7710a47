"""Every named strategy over one or more universes: the table of docs/strategies.md.

python benchmarks/strategies.py --market DIR --universe growth --universe sp500
"""

from __future__ import annotations

import argparse

from undertow.backtests import Run, backtest
from undertow.evidence import difference
from undertow.market import Market, load_market
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.strategies.rules.file import read_rule

BASELINES = ("buy-and-hold", "vol-target", "trend-filter", "stop-loss", "random-timing")
HEAD = (
    "strategy",
    "total",
    "CAGR",
    "vol",
    "Sharpe",
    "max DD",
    "CVaR 95",
    "turnover",
    "exposure",
    "episodes",
    "less buy-and-hold, a year",
    "less vol-target, a year",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--market", required=True)
    parser.add_argument("--universe", action="append")
    parser.add_argument("--start", default="2018-01-02")
    parser.add_argument("--end", default="2025-06-30")
    given = parser.parse_args()
    market = load_market(given.market)
    for universe in given.universe or ["growth", "sp500"]:
        print(f"\n### {universe}, {given.start} to {given.end}\n")
        print(table(market, universe, given.start, given.end))


def table(market: Market, universe: str, start: str, end: str) -> str:
    ours = [name for name in registered(STRATEGIES) if load(STRATEGIES, name).__module__.startswith("undertow.")]
    names = [*BASELINES, *(name for name in ours if name not in BASELINES)]
    runs = {}
    for name in names:
        preset = read_rule(name)
        settings = preset.with_settings({"universe": universe, "start": start, "end": end})
        runs[name] = backtest(preset.strategy, market, **settings)
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [row(name, run, runs["buy-and-hold"], runs["vol-target"]) for name, run in runs.items()]
    return "\n".join(lines)


def row(name: str, run: Run, hold: Run, target: Run) -> str:
    figures = run.metrics
    cells = [
        name,
        f"{figures['total_return']:+.0%}",
        f"{figures['cagr']:.1%}",
        f"{figures['annual_volatility']:.1%}",
        f"{figures['annual_sharpe']:.2f}",
        f"{figures['max_drawdown']:.1%}",
        f"{figures['cvar_95']:.2%}",
        f"{figures['annual_turnover']:.1f}",
        f"{figures['average_exposure']:.0%}",
        f"{figures['episodes']}",
        "" if name == "buy-and-hold" else interval(run, hold),
        "" if name in ("buy-and-hold", "vol-target") else interval(run, target),
    ]
    return f"| {' | '.join(cells)} |"


def interval(run: Run, other: Run) -> str:
    found = difference(run.returns.to_numpy(), other.returns.to_numpy()).annual_return
    star = " *" if found.excludes_zero else ""
    return f"{found.estimate:+.1%} [{found.low:+.1%}, {found.high:+.1%}]{star}"


if __name__ == "__main__":
    main()
