"""Tuning: a space-filling design as one sweep, then Optuna in batches; the same trials for the same seed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.storages import BaseStorage

from undertow.backtests.checks import check_search, check_trials
from undertow.backtests.costs import Costs
from undertow.backtests.identity import is_own
from undertow.backtests.ledger.ledger import Ledger, SearchKey, key_of, open_ledger
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.objective_code import codes, is_named, refuse_nameless
from undertow.backtests.objectives import Constraint, Metrics, Objective, read_constraints, read_objectives
from undertow.backtests.runs.backtest import backtest, session_rows
from undertow.backtests.runs.lag_hours import LagHours, lag_hours
from undertow.backtests.runs.run import Run
from undertow.backtests.tuning.claims import LEASE, Claims, LocalClaims, SharedClaims
from undertow.backtests.tuning.command import account_words, is_typed, search_words
from undertow.backtests.tuning.evaluate import Evaluator, baseline_metrics
from undertow.backtests.tuning.proposals import BatchSchedule, Proposer
from undertow.backtests.tuning.search import Counted, search
from undertow.backtests.tuning.space import Parameters, Space, first_sets, make_space
from undertow.backtests.tuning.storage import (
    check_storage,
    check_study,
    may_exist,
    open_storage,
    quiet_optuna,
    server_of,
)
from undertow.backtests.tuning.study import find_study, make_study, trial_table
from undertow.market.calendar import Fill
from undertow.market.checks import check_positive, check_share, check_whole, is_number
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.signals.base.registry import PAGES, load
from undertow.signals.decisions.table import shared_table
from undertow.strategies.decided import shocks_of
from undertow.strategies.strategy import Strategy

BATCH = 16
TRIALS = 400
MAX_FAILED = 0.5
# All of them are made before the first is tried.
MOST_SOBOL = 1_000_000


@dataclass(frozen=True, eq=False)
class Tuning:
    """The outcome of a search that allowed the share `max_failed` of its trials to fail.

    `trials` has one row a trial in the order of the search: trial, batch, design (given, sobol, tpe, nsga2), state
    (complete, fail), `objective NAME`, feasible, `missed CONSTRAINT` (0 where kept, NaN where it failed), the
    parameters, the metrics and the error of a failed one. `study` is the Optuna study, `identity` all that decides its
    trials. `trial_count` says how many trials were ever made on the market, where a ledger counts them.
    """

    strategy: type[Strategy]
    market: Market
    study: optuna.Study
    trials: pd.DataFrame
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    space: Space
    identity: Mapping[str, Any]
    baselines: Mapping[str, Metrics]
    trial_count: TrialCount | None = None
    max_failed: float = MAX_FAILED

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives' names."""
        return tuple(each.name for each in self.objectives)

    @cached_property
    def feasible(self) -> bool:
        """Whether any trial keeps to the constraints."""
        return bool(self.trials["feasible"].any())

    @cached_property
    def front(self) -> pd.DataFrame:
        """The trials that no other beats in every objective, best first objective first; one row for one objective.

        Among those that keep to the constraints; where none does, the one that misses them by least.
        """
        if not self.feasible:
            missed = self.trials.filter(like="missed ").sum(axis=1).where(self.trials["state"] == "complete")
            return self.trials.iloc[[int(missed.argmin())]]
        kept = self.trials[self.trials["feasible"]]
        scores = self._scores(kept)
        if len(self.objectives) == 1:
            return kept.iloc[[int(scores[:, 0].argmax())]]
        front = kept[~_beaten(scores)]
        order = np.argsort(-self._scores(front)[:, 0], kind="stable")
        return front.iloc[order]

    @property
    def best(self) -> pd.Series:
        """The best trial; of several objectives, the first's best on the front. Of equals, the earliest."""
        return self.front.iloc[0]

    @cached_property
    def best_strategy(self) -> Strategy:
        """The strategy with the best trial's parameters."""
        row = self.best
        return self.strategy.create({**self.space.fixed, **{name: _plain(row[name]) for name in self.space.free}})

    @property
    def best_parameters(self) -> Parameters:
        """The best trial's parameters, the fixed ones included."""
        return self.best_strategy.parameters

    @cached_property
    def lag_hours(self) -> LagHours | None:
        """Hours from the shock to the fill at the best trial's parameters; None where no episode has a shock."""
        said = self.identity
        table = shared_table(self.market, said["universe"], said["fill"])
        return lag_hours(self.best_strategy, table, session_rows(self.market, said["start"], said["end"]))

    @property
    def command(self) -> str | None:
        """The command line that makes the same trials again; None where there is none.

        For a market that is no folder, an objective without a name, sets of one's own that came first, and a space that
        `--narrow` has no words for. Where the study is kept changes no trial, so it is not told.
        """
        said = self.identity
        plain = all(map(is_named, self.objectives)) and said["first"] == list(first_sets(self.strategy, self.space))
        if self.market.path is None or not plain or not is_typed(self.strategy, self.space.free, self.space.fixed):
            return None
        words = ["undertow", "optimize", "--market", str(self.market.path)]
        words += search_words(self.strategy, self.space.free, self.space.fixed)
        words += [word for name in self.names for word in ("--objective", name)]
        words += [word for each in self.constraints for word in ("--constraint", each.name)]
        words += ["--universe", said["universe"], "--start", said["start"], "--end", said["end"]]
        words += [] if self.max_failed == MAX_FAILED else ["--max-failed", repr(float(self.max_failed))]
        words += ["--trials", str(len(self.trials)), "--batch", str(said["batch"]), "--sobol", str(said["sobol"])]
        costs = Costs(**said["costs"])
        account = account_words(said["fill"], costs, said["weighting"], said["rebalance"], said["capital"])
        return shlex.join([*words, "--seed", str(said["seed"]), *account])

    def backtest(self) -> Run:
        """The best strategy's run, over the window and with the costs of the search."""
        run = backtest(self.best_strategy, self.market, **_settings(self.identity))
        return replace(run, trial_count=self.trial_count)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints and best.json holds."""
        row = self.best
        # Beside blanks of failed trials counts are decimals in the table.
        metrics = {name: type(value) for name, value in next(iter(self.baselines.values())).items() if name in row}
        return {
            "strategy": self.strategy.name(),
            "study": self.study.study_name,
            "trials": len(self.trials),
            "failed": int((self.trials["state"] == "fail").sum()),
            "feasible": self.feasible,
            "trial": int(row["trial"]),
            "objectives": {name: float(row[f"objective {name}"]) for name in self.names},
            "parameters": self.best_parameters,
            "metrics": {name: kind(row[name]) for name, kind in metrics.items()},
            "lag_hours": None if self.lag_hours is None else asdict(self.lag_hours),
            "baselines": {name: dict(each) for name, each in self.baselines.items()},
            "front": [int(each) for each in self.front["trial"]],
            "search": dict(self.identity),
            "command": self.command,
            "ledger": None if self.trial_count is None else asdict(self.trial_count),
        }

    def page(self, path: str | Path) -> Path:
        """Write the study's page, one self-contained HTML file, to `path`."""
        written: Path = load(PAGES, "study")(self, Path(path))
        return written

    def _scores(self, rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        signs = [each.sign for each in self.objectives]
        return rows[[f"objective {name}" for name in self.names]].to_numpy(dtype=np.float64) * signs


def optimize(
    strategy: type[Strategy],
    market: Market,
    *,
    objective: str | Objective | Callable[[Metrics], float] | Sequence[Any] = "sharpe",
    trials: int = TRIALS,
    seed: int,
    jobs: int = 1,
    storage: str | Path | BaseStorage | None = None,
    study: str | None = None,
    universe: str = "growth",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    fill: Fill = "open",
    costs: Costs | None = None,
    weighting: str = "equal",
    rebalance: str = "monthly",
    capital: float = 1_000_000.0,
    fixed: Mapping[str, Any] | None = None,
    narrowed: Mapping[str, Any] | None = None,
    constraints: str | Constraint | Sequence[str | Constraint] | None = None,
    first: Sequence[Mapping[str, Any]] = (),
    batch: int = BATCH,
    sobol: int | None = None,
    max_failed: float = MAX_FAILED,
    ledger: Ledger | str | Path | None = None,
    lease: float = LEASE,
    progress: Callable[[int], None] | None = None,
) -> Tuning:
    """SearchKey a strategy's parameters for the best objective, or for the front of several.

    The defaults, the corner where the strategy acts least and the sets in `first` come before a scrambled Sobol design
    of `sobol` points (by default 16 to 128, by the number of parameters); all of these are one sweep. Then TPE, or
    NSGA-II where there are several objectives, proposes `batch` sets at a time, each batch one sweep. `trials` is the
    total in the study: a study that is continued is brought to it. `fixed` gives parameters a value, `narrowed` a
    range (low, high) or some of the choices. `constraints`, such as "annual_turnover<=6", are Optuna's own.

    The trials are a function of the data, the arguments and `seed` alone, whatever `jobs` (threads), the storage and
    interruptions. Several workers may share a study in a database server: no trial is lost or made twice, a batch of
    one that shows no sign of life for `lease` seconds is taken over, but which trials a batch sees depends on who was
    quicker. An objective that is no number or raises is a failed trial; above the share `max_failed` of them the
    search stops.

    Raises `ParameterError` or `DataError` before any work on a bad argument, a storage that cannot be reached, or a
    study of another search; `TuningError` where too many trials fail.
    """
    check_search(strategy, market, universe, costs)
    _check_numbers(trials, seed, jobs, batch, sobol, max_failed, lease)
    check_positive("capital", capital)
    # NumPy's numbers are written by no study, and told from Python's by a ledger.
    trials, seed, batch = int(trials), int(seed), int(batch)
    check_storage(storage)
    check_study(study)
    objectives, bounds = read_objectives(objective), read_constraints(constraints)
    space = make_space(strategy, fixed, narrowed)
    strategy.create(space.fixed).check_market(market)
    sets = first_sets(strategy, space, first)
    points = space.sobol if sobol is None else int(sobol)
    settings = {
        "universe": shared_table(market, universe, fill).universe.name,
        **_window(market, start, end),
        "fill": fill,
        "costs": costs or Costs(),
        "weighting": weighting,
        "rebalance": rebalance,
        "capital": float(capital),
    }
    identity = {
        "strategy": _path(strategy),
        "market": market.fingerprint,
        **settings,
        "costs": asdict(costs or Costs()),
        "objective": [each.name for each in objectives],
        "constraints": [each.name for each in bounds],
        "space": space.plain(),
        "first": list(sets),
        "sobol": points,
        "batch": batch,
        "seed": seed,
        **codes(strategy, objectives),
    }
    name = study or strategy.name()
    if storage is not None:
        refuse_nameless(objectives)
    counted = _counted(ledger, strategy, market, settings, name, identity)
    if is_own(strategy):
        # What a report asks of it in the end: better told now than after the search.
        shocks_of(strategy.create(space.fixed), shared_table(market, universe, fill))
    directions = [each.direction for each in objectives]
    if may_exist(storage):
        with quiet_optuna(), open_storage(storage) as kept:
            find_study(kept, name, identity, directions)
    # The first work is the check of the settings: no study is made for those that do not hold.
    baselines = baseline_metrics(market, objectives, settings)
    with quiet_optuna(), open_storage(storage) as kept:
        own = make_study(kept, name, identity, objectives)
        schedule = BatchSchedule(len(sets) + points, batch)
        done = search(
            own,
            Proposer(space.free, directions, sets, points, schedule, seed),
            _claims(own, kept, lease),
            Evaluator(
                strategy,
                market,
                settings,
                objectives=objectives,
                constraints=bounds,
                baselines=baselines,
                fixed=space.fixed,
                jobs=jobs,
            ),
            trials=trials,
            max_failed=max_failed,
            counted=counted,
            progress=progress,
        )
        named = [each.name for each in objectives], [each.name for each in bounds]
        table = trial_table(done, list(space.free), *named, space.fixed)
    standing = None if counted is None else counted.ledger.trial_count(counted.search)
    return Tuning(strategy, market, own, table, objectives, bounds, space, identity, baselines, standing, max_failed)


def _check_numbers(
    trials: int, seed: int, jobs: int, batch: int, sobol: int | None, max_failed: float, lease: float
) -> None:
    check_trials(trials)
    for name, value, least in (("seed", seed, 0), ("jobs", jobs, 1), ("batch", batch, 1)):
        check_whole(name, value, least)
    # The space says how many points where nobody does.
    if sobol is not None:
        check_whole("sobol", sobol, 0)
        if sobol > MOST_SOBOL:
            raise ParameterError(f"`sobol` must be {MOST_SOBOL:,} points or fewer, got {sobol:,}")
    check_share("max_failed", max_failed)
    if not is_number(lease) or not 1.0 <= lease <= 86_400.0:
        raise ParameterError(f"`lease` must be in [1, 86400] seconds, got {lease!r}")


def _window(market: Market, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> dict[str, str]:
    sessions = market.sessions[session_rows(market, start, end)]
    return {"start": str(sessions[0].date()), "end": str(sessions[-1].date())}


def _path(strategy: type[Strategy]) -> str:
    return f"{strategy.__module__}:{strategy.__qualname__}"


def _settings(identity: Mapping[str, Any]) -> dict[str, Any]:
    names = ("universe", "start", "end", "fill", "weighting", "rebalance", "capital")
    return {**{name: identity[name] for name in names}, "costs": Costs(**identity["costs"])}


def _counted(
    ledger: Ledger | str | Path | None,
    strategy: type[Strategy],
    market: Market,
    settings: Mapping[str, Any],
    study: str,
    identity: Mapping[str, Any],
) -> Counted | None:
    kept = open_ledger(ledger, market)
    if kept is None:
        return None
    window, key = (settings["start"], settings["end"]), key_of(identity)
    own = SearchKey(strategy.name(), market.fingerprint, settings["universe"], window, study, key, market.name)
    return Counted(kept, own)


def _claims(study: optuna.Study, storage: BaseStorage, lease: float) -> Claims:
    server = server_of(storage)
    return LocalClaims() if server is None else SharedClaims(study, server, lease)


def _beaten(scores: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows another row beats: nowhere worse, somewhere better (all maximised)."""
    beaten, front, count = np.zeros(len(scores), dtype=np.bool_), np.empty_like(scores), 0
    # In this order a row that is beaten comes after one of the front that beats it.
    for place in np.lexsort(-scores.T[::-1]):
        row, best = scores[place], front[:count]
        beaten[place] = ((best >= row).all(axis=1) & (best > row).any(axis=1)).any()
        if not beaten[place]:
            front[count] = row
            count += 1
    return beaten


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
