"""The results of a walk-forward over its tuning seeds."""

from __future__ import annotations

import pandas as pd

from undertow.tearsheets.html.markup import Html, join, note, table
from undertow.tearsheets.html.text import percent, plain, typeset
from undertow.tearsheets.walk_forward.sentences import BASELINE_COLUMNS

_RANKS = (("Lowest", 0.0), ("Lower quarter", 0.25), ("Median", 0.5), ("Upper quarter", 0.75), ("Highest", 1.0))


def seed_distribution(seeds: pd.DataFrame) -> Html:
    """Quantiles of each figure over the seeds, each figure by itself."""
    columns = ["annual_sharpe", "cagr", "max_drawdown", *(f"sharpe_over_{key}" for _, key in BASELINE_COLUMNS)]
    rows = [[label, *_figures(seeds[columns].quantile(rank))] for label, rank in _RANKS]
    head = ["", "Sharpe, annual", "CAGR", "Max drawdown", "Sharpe less buy-and-hold", "Sharpe less VolTarget"]
    text = (
        "Each column is sorted by itself. Seeds change only which parameters the search tries: their spread is luck of"
        " the search, and the median says more about the rule than the best seed."
    )
    return join([table(head, rows, kind="comparison numbers"), note(text)])


def _figures(row: pd.Series) -> list[str]:
    return [
        plain(row["annual_sharpe"]),
        percent(row["cagr"]),
        percent(row["max_drawdown"]),
        *_above_baselines(row),
    ]


def _above_baselines(row: pd.Series) -> list[str]:
    return [typeset(f"{row[f'sharpe_over_{key}']:+.2f}") for _, key in BASELINE_COLUMNS]


def seeds_table(seeds: pd.DataFrame) -> Html:
    """One row for each seed."""
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
            *_above_baselines(row),
        ]
        for _, row in seeds.iterrows()
    ]
    return table(head, rows, kind="comparison numbers")
