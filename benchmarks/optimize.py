"""What a search costs beyond Optuna's sampler: trials a second of ours against Optuna alone, measured in turn.

Both use TPE with the same seed over the flagship's space and a trivial objective, in memory, in a journal file and in
SQLite. Run it with `python benchmarks/optimize.py [trials]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler
from rich.console import Console
from rich.table import Table

from undertow.backtests.objectives import read_objectives
from undertow.backtests.optimize import BATCH
from undertow.backtests.optimize_proposals import Proposer, Schedule
from undertow.backtests.optimize_search import search
from undertow.backtests.study import Outcome, make_study
from undertow.backtests.study_claims import Alone
from undertow.backtests.study_storage import open_storage, quiet_optuna
from undertow.strategies import LiquidityDrain

SPACE = LiquidityDrain.search_space()
SEED, RUNS = 7, 3
# Optuna draws so many trials at random before TPE; ours draws as many from the design.
STARTUP = 10


def value(parameters: Mapping[str, Any]) -> float:
    return -((parameters["lag"] - 36) ** 2) / 1e3 - (parameters["drawdown"] + 0.2) ** 2 - abs(parameters["cash"] - 0.4)


def ours(storage: str | None, trials: int) -> float:
    begun = time.perf_counter()
    with quiet_optuna(), open_storage(storage) as kept:
        study = make_study(kept, "ours", {"seed": SEED}, read_objectives("sharpe"))
        proposer = Proposer(SPACE, ["maximize"], (), STARTUP, Schedule(STARTUP, BATCH), SEED)
        search(study, proposer, Alone(), evaluate, trials=trials, max_failed=0.5)
    return time.perf_counter() - begun


def evaluate(sets: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    return [Outcome({"annual_sharpe": value(each)}, (value(each),)) for each in sets]


def alone(storage: str | None, trials: int) -> float:
    def objective(trial: optuna.Trial) -> float:
        return value({name: suggested(trial, name) for name in SPACE})

    begun = time.perf_counter()
    with quiet_optuna(), open_storage(storage) as kept:
        study = optuna.create_study(
            storage=kept, study_name="alone", direction="maximize", sampler=TPESampler(seed=SEED)
        )
        study.optimize(objective, n_trials=trials)
    return time.perf_counter() - begun


def suggested(trial: optuna.Trial, name: str) -> Any:
    each = SPACE[name]
    if isinstance(each, CategoricalDistribution):
        return trial.suggest_categorical(name, each.choices)
    if isinstance(each, optuna.distributions.IntDistribution):
        return trial.suggest_int(name, each.low, each.high, log=each.log)
    assert isinstance(each, optuna.distributions.FloatDistribution)
    return trial.suggest_float(name, each.low, each.high, log=each.log)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    table = Table(title=f"{trials} trials of TPE, {len(SPACE)} parameters, trivial objective, best of {RUNS}")
    for heading in ("storage", "ours, trials/s", "Optuna alone, trials/s", "beyond Optuna"):
        table.add_column(heading, justify="left" if heading == "storage" else "right")
    for name, scheme in (("memory", ""), ("journal", "journal:{}/{}.log"), ("SQLite", "sqlite:///{}/{}.db")):
        taken: dict[str, list[float]] = {"ours": [], "alone": []}
        with tempfile.TemporaryDirectory() as folder:
            for run in range(RUNS if name == "memory" else 2):
                for who, work in (("ours", ours), ("alone", alone)):
                    place = scheme.format(Path(folder), f"{who}{run}") if scheme else None
                    taken[who].append(work(place, trials))
        own, theirs = min(taken["ours"]), min(taken["alone"])
        table.add_row(name, f"{trials / own:,.1f}", f"{trials / theirs:,.1f}", f"{own / theirs - 1:+.1%}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
