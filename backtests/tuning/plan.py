"""The plan of a search: what decides its trials, and the parts that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import optuna
import pandas as pd
from optuna.storages import BaseStorage

from undertow.backtests.account import Account
from undertow.backtests.ledger.ledger import Ledger, SearchKey, key_of
from undertow.backtests.objectives import Direction, Metrics, codes
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.tuning.evaluate import Evaluator
from undertow.backtests.tuning.samplers.proposals import SearchProblem
from undertow.backtests.tuning.samplers.proposer import Proposer
from undertow.backtests.tuning.search import SearchCounter, Trials
from undertow.backtests.tuning.settings import Search
from undertow.backtests.tuning.space import Parameters, Space
from undertow.backtests.tuning.study import find_study, make_study, trial_table
from undertow.market import Market
from undertow.signals.decisions import shared_table
from undertow.strategies import Strategy


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """Everything that decides the trials of a search.

    Args:
        strategy: class of the strategy.
        market: market of the search.
        search: objective, constraints, number of trials and storage.
        settings: universe, start, end and the fields of the account, as `sweep` takes them.
        space: searched and fixed parameters.
        sets: sets that are tried first.
        design: points of the Sobol design behind them.
        sampler: name of the sampler that proposes the sets behind the design.
        batch: number of sets that the sampler proposes at a time.
        seed: seed of the design and of every batch.
    """

    strategy: type[Strategy]
    market: Market
    search: Search
    settings: Mapping[str, Any]
    space: Space
    sets: tuple[Parameters, ...]
    design: int
    sampler: str
    batch: int
    seed: int

    @property
    def study_name(self) -> str:
        """The name of the study, by default the strategy's."""
        return self.search.study or self.strategy.name()

    @property
    def directions(self) -> list[Direction]:
        """The direction of every objective."""
        return [objective.direction for objective in self.search.objectives]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the trials, as plain values.

        A study stores it, and the key of a ledger is made of it.
        """
        return {
            "strategy": f"{self.strategy.__module__}:{self.strategy.__qualname__}",
            "market": self.market.fingerprint,
            # Weights are named by `weighting`.
            **{name: value for name, value in self.settings.items() if name != "weights"},
            "costs": asdict(self.settings["costs"]),
            "objective": names_of(self.search.objectives),
            "constraints": names_of(self.search.bounds),
            "space": self.space.plain(),
            "first": list(self.sets),
            "sampler": self.sampler,
            "design": self.design,
            "batch": self.batch,
            "seed": self.seed,
            **codes(self.strategy, self.search.objectives),
        }

    def counter(self, ledger: Ledger) -> SearchCounter:
        """The counter of the search's trials in a ledger."""
        key = SearchKey(
            strategy=self.strategy.name(),
            market=self.market.fingerprint,
            universe=self.identity["universe"],
            window=(self.identity["start"], self.identity["end"]),
            study=self.study_name,
            key=key_of(self.identity),
            name=self.market.name,
        )
        return SearchCounter(ledger, key)

    def check_study(self, storage: BaseStorage) -> None:
        """Raise `ParameterError` where the study of that name is of another search."""
        find_study(storage, self.study_name, self.identity, self.directions)

    def make_study(self, storage: BaseStorage) -> optuna.Study:
        """The study of the search, made where there is none."""
        return make_study(storage, self.study_name, self.identity, self.search.objectives)

    @property
    def problem(self) -> SearchProblem:
        """What a sampler knows of the search before its first trial."""
        return SearchProblem(
            self.space.free, self.directions, self.sets, design=self.design, batch=self.batch, seed=self.seed
        )

    def proposer(self) -> Proposer:
        """The proposer of every batch."""
        return Proposer(self.problem, self.sampler)

    def evaluator(self, baselines: Mapping[str, Metrics], jobs: int) -> Evaluator:
        """The evaluator of every batch, on `jobs` threads."""
        return Evaluator(
            strategy=self.strategy,
            market=self.market,
            settings=self.settings,
            objectives=self.search.objectives,
            constraints=self.search.bounds,
            baselines=baselines,
            fixed=self.space.fixed,
            jobs=jobs,
        )

    def table(self, trials: Trials) -> pd.DataFrame:
        """Finished trials as a table: see `Tuning.trials`."""
        objectives, bounds = names_of(self.search.objectives), names_of(self.search.bounds)
        return trial_table(trials, list(self.space.free), objectives, bounds, self.space.fixed)


def run_settings(
    market: Market, universe: str, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None, account: Account
) -> dict[str, Any]:
    """The settings of every run of a search as plain keywords, dates resolved.

    Args:
        market: market of the search.
        universe: name of a universe or a screen.
        start: first session, None for the market's first.
        end: last session, None for the market's last.
        account: account of every trial.
    """
    sessions = market.sessions[session_rows(market, start, end)]
    return {
        "universe": shared_table(market, universe, account.fill).universe.name,
        "start": str(sessions[0].date()),
        "end": str(sessions[-1].date()),
        **account.keywords(),
    }


def names_of(items: Sequence[Any]) -> list[str]:
    """The names of objectives or constraints."""
    return [item.name for item in items]
