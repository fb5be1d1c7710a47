"""What a search costs beyond Optuna's sampler: ours against Optuna alone, measured in turn in one run.

Both use TPE with the same seed over the flagship's space and a trivial objective, in memory, in a journal file and in
SQLite. `beyond the sampler` is the share of our time that is not spent in `ask`, to which Optuna alone would come as
well; `CPU against Optuna` holds the processor's time of the whole of ours against the whole of Optuna's own loop, which
sees no other trial running while it proposes. Run it with `python benchmarks/optimize.py [trials]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler
from rich.console import Console
from rich.table import Table

from undertow.backtests.objectives import read_objectives
from undertow.backtests.tuning.claims import LocalClaims
from undertow.backtests.tuning.samplers.names import default_batch
from undertow.backtests.tuning.samplers.proposals import SearchProblem
from undertow.backtests.tuning.samplers.proposer import Proposer
from undertow.backtests.tuning.search import SearchLoop
from undertow.backtests.tuning.storage import open_storage, silence_optuna
from undertow.backtests.tuning.study import TrialResult, make_study
from undertow.strategies import LiquidityDrain

SPACE = LiquidityDrain.search_space()
SEED, RUNS = 7, 3
# Optuna draws so many trials at random before TPE; ours draws as many from the design.
STARTUP = 10


def value(parameters: Mapping[str, Any]) -> float:
    lag, fall, cash = (float(parameters[name]) for name in ("lag", "drawdown", "cash"))
    return -((lag - 36) ** 2) / 1e3 - (fall + 0.2) ** 2 - abs(cash - 0.4)


class Timed(Proposer):
    """A proposer that knows how long the sampler took."""

    seconds = 0.0

    def propose(self, *given: Any) -> Any:
        begun = time.perf_counter()
        found = super().propose(*given)
        self.seconds += time.perf_counter() - begun
        return found


@dataclass(frozen=True)
class Taken:
    """Seconds on the clock, of the processor, and outside the sampler."""

    wall: float
    cpu: float
    beyond: float = 0.0


def ours(storage: str | None, trials: int) -> Taken:
    begun, cpu = time.perf_counter(), time.process_time()
    with silence_optuna(), open_storage(storage) as kept:
        study = make_study(kept, "ours", {"seed": SEED}, read_objectives("sharpe"))
        problem = SearchProblem(SPACE, ["maximize"], (), design=STARTUP, batch=default_batch("tpe"), seed=SEED)
        proposer = Timed(problem, "tpe")
        SearchLoop(study, proposer, LocalClaims(), evaluate, trials=trials, max_failed=0.5).run()
    wall = time.perf_counter() - begun
    return Taken(wall, time.process_time() - cpu, wall - proposer.seconds)


def evaluate(sets: Sequence[Mapping[str, Any]]) -> list[TrialResult]:
    return [TrialResult({"annual_sharpe": value(each)}, (value(each),)) for each in sets]


def alone(storage: str | None, trials: int) -> Taken:
    def objective(trial: optuna.Trial) -> float:
        return value({name: suggested(trial, name) for name in SPACE})

    begun, cpu = time.perf_counter(), time.process_time()
    with silence_optuna(), open_storage(storage) as kept:
        study = optuna.create_study(
            storage=kept, study_name="alone", direction="maximize", sampler=TPESampler(seed=SEED)
        )
        study.optimize(objective, n_trials=trials)
    return Taken(time.perf_counter() - begun, time.process_time() - cpu)


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
    table = Table(title=f"{trials} trials of TPE, {len(SPACE)} parameters, trivial objective, median of {RUNS}")
    for heading in ("storage", "ours, trials/s", "Optuna, trials/s", "CPU against Optuna", "beyond the sampler"):
        table.add_column(heading, justify="left" if heading == "storage" else "right")
    for name, scheme in (("memory", ""), ("journal", "journal:{}/{}.log"), ("SQLite", "sqlite:///{}/{}.db")):
        own, theirs = measured(scheme, trials)
        speeds = (f"{trials / median(each.wall for each in who):,.1f}" for who in (own, theirs))
        ratio = median(each.cpu for each in own) / median(each.cpu for each in theirs) - 1
        beyond = median(each.beyond / each.wall for each in own)
        table.add_row(name, *speeds, f"{ratio:+.1%}", f"{beyond:.1%}")
    Console(width=100).print(table)


def measured(scheme: str, trials: int) -> tuple[list[Taken], list[Taken]]:
    taken: tuple[list[Taken], list[Taken]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS):
            for place, (who, work) in enumerate((("ours", ours), ("alone", alone))):
                taken[place].append(work(scheme.format(folder, f"{who}{run}") if scheme else None, trials))
    return taken


if __name__ == "__main__":
    main()
