"""The best objective against time: how good a set each sampler finds within 10, 30 and 60 seconds.

The flagship with all thirteen parameters free, on five simulated markets and, with `--market FOLDER`, on real data
(growth, 2018-01-02 to 2025-06-30), for two seeds and two objectives. Every candidate goes through the loop of
`optimize` from the same first sets; what differs is the sampler, its batch and the design.

Two clocks. `--clock virtual` (the default) counts the processor's time of the sampler and of the loop's bookkeeping as
measured, and for every set the stated `--set-ms`: on a machine that others use, or before the sweep is as fast as it
is going to be, that is what the figures depend on. Results of sets are kept in `--cache`, so a repetition costs little
more than the samplers. `--clock wall` is the time that passes, everything evaluated anew. A run ends at 60 seconds or
at `--most` sets, whichever comes first; the best of a run that ended earlier stands for the later seconds, so that what
is reported of a fast sampler is less than it would find.

The runs are kept in `--runs` and are not made again; `--show` prints the tables and draws `--picture` from them. A
better optimum in the sample is not a better rule: this measures the search alone.
"""

from __future__ import annotations

import argparse
import json
import math
import sqlite3
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.table import Table

from undertow.backtests.account import Account
from undertow.backtests.tuning.claims import LocalClaims
from undertow.backtests.tuning.evaluate import Evaluator, baseline_metrics
from undertow.backtests.tuning.plan import SearchPlan, run_settings
from undertow.backtests.tuning.samplers.names import default_batch
from undertow.backtests.tuning.samplers.parzen import ParzenSampler
from undertow.backtests.tuning.samplers.points import rank_of
from undertow.backtests.tuning.samplers.proposals import Proposal
from undertow.backtests.tuning.samplers.proposer import Proposer
from undertow.backtests.tuning.search import SearchLoop
from undertow.backtests.tuning.settings import Search
from undertow.backtests.tuning.space import first_sets, make_space
from undertow.backtests.tuning.storage import open_storage, silence_optuna
from undertow.backtests.tuning.study import TrialResult, judge
from undertow.market import Market, load_market, simulate_market
from undertow.strategies import LiquidityDrain

MOMENTS = (10.0, 30.0, 60.0)
REAL = "us-growth"
Span = tuple[str | None, str | None]
SPAN: Span = ("2018-01-02", "2025-06-30")
STRATEGY = LiquidityDrain
SPACE = make_space(STRATEGY)
BEFORE = "tpe"


class Finished(Exception):  # noqa: N818 - no error: a run has reached its time
    """A run has reached its time or its sets."""


class ManyCandidates(ParzenSampler):
    """TPE that takes the best of more draws from its model."""

    def _sampler(self, batch: int) -> BaseSampler:
        return TPESampler(seed=self._seed(batch), n_ei_candidates=128)


class Univariate(ParzenSampler):
    """TPE that models every parameter by itself."""

    def _sampler(self, batch: int) -> BaseSampler:
        return TPESampler(seed=self._seed(batch), multivariate=False)


class NoLiar(ParzenSampler):
    """TPE that does not count the sets under way as bad ones: one model for a whole batch."""

    def _sampler(self, batch: int) -> BaseSampler:
        return TPESampler(seed=self._seed(batch), constant_liar=False)


class BestPart(ParzenSampler):
    """TPE that sees a hundred trials: the best fifty, and fifty spread over the others."""

    most = 100

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        sign = self._problem.sign
        order = [rank.position for rank in sorted(rank_of(position, trial, sign) for position, trial in seen.items())]
        best, others = order[: self.most // 2], order[self.most // 2 :]
        if len(order) > self.most:
            others = [others[index] for index in np.linspace(0, len(others) - 1, self.most // 2).astype(int)]
        self._reset()
        return super().propose(batch, count, {position: seen[position] for position in sorted([*best, *others])})


@dataclass(frozen=True)
class Candidate:
    """A sampler with its batch and design, None for the defaults; `kind` in place of the sampler of that name."""

    sampler: str
    batch: int | None = None
    design: int | None = None
    kind: type[ParzenSampler] | None = None


CANDIDATES = {
    "tpe": Candidate("tpe"),
    "tpe, batch 64": Candidate("tpe", batch=64),
    "tpe, design 1024": Candidate("tpe", design=1024),
    "tpe, 128 draws": Candidate("tpe", kind=ManyCandidates),
    "tpe, no liar": Candidate("tpe", kind=NoLiar),
    "tpe, each alone": Candidate("tpe", kind=Univariate),
    "tpe, sees 100": Candidate("tpe", kind=BestPart),
    "sobol": Candidate("sobol"),
    "cmaes": Candidate("cmaes"),
    "cmaes, batch 16": Candidate("cmaes", batch=16),
    "refine": Candidate("refine"),
    "refine, batch 16": Candidate("refine", batch=16),
    "refine, batch 64": Candidate("refine", batch=64),
    "refine, batch 128": Candidate("refine", batch=128),
    "refine, design 16": Candidate("refine", design=16),
    "refine, design 256": Candidate("refine", design=256),
    "refine, design 1024": Candidate("refine", design=1024),
}
MAIN = ("tpe", "sobol", "cmaes", "refine")


@dataclass
class Curve:
    """The best objective after every batch: seconds of the sampler, of the loop and of the evaluation, sets, best."""

    proposing: float = 0.0
    loop: float = 0.0
    evaluating: float = 0.0
    sets: int = 0
    best: float = -math.inf
    points: list[tuple[float, float, float, int, float]] = field(default_factory=list)

    def add(self) -> None:
        self.points.append((self.proposing, self.loop, self.evaluating, self.sets, self.best))


class Cache:
    """Metrics of sets by market, in a file of SQLite."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=600)
        self._file.execute(
            "create table if not exists sets (place text, key text, metrics blob, primary key (place, key))"
        )
        self._file.execute("create table if not exists names (place text primary key, names text)")

    def known(self, place: str, keys: Sequence[str]) -> dict[str, dict[str, float]]:
        row = self._file.execute("select names from names where place = ?", (place,)).fetchone()
        if row is None:
            return {}
        names, found = json.loads(row[0]), {}
        for key in keys:
            kept = self._file.execute("select metrics from sets where place = ? and key = ?", (place, key)).fetchone()
            if kept is not None:
                found[key] = dict(zip(names, array("d", kept[0]), strict=True))
        return found

    def keep(self, place: str, rows: Mapping[str, Mapping[str, float]]) -> None:
        for key, row in rows.items():
            self._file.execute("insert or ignore into names values (?, ?)", (place, json.dumps(list(row))))
            values = array("d", [float(value) for value in row.values()]).tobytes()
            self._file.execute("insert or ignore into sets values (?, ?, ?)", (place, key, values))
        self._file.commit()


class Evaluation:
    """Evaluates a batch, from the cache where there is one, and writes down the best so far."""

    def __init__(self, plan: SearchPlan, curve: Curve, limits: Limits, cache: Cache | None) -> None:
        self.plan, self.curve, self.limits, self.cache = plan, curve, limits, cache
        self.baselines = baseline_metrics(plan.market, plan.search.objectives, plan.settings)
        self.direct: Evaluator = plan.evaluator(self.baselines, limits.jobs)
        self.place = f"{plan.market.fingerprint} {plan.settings['start']} {plan.settings['end']}"
        self.began = time.perf_counter() if cache is None else time.process_time()
        self.spent = 0.0

    def now(self) -> float:
        return time.perf_counter() if self.cache is None else time.process_time()

    def __call__(self, sets: Sequence[Mapping[str, Any]]) -> list[TrialResult]:
        begun, curve = self.now(), self.curve
        results = self.direct(sets) if self.cache is None else self.cached(sets)
        sign = self.plan.search.objectives[0].sign
        values = [sign * result.values[0] for result in results if result.values is not None]
        curve.sets += len(sets)
        curve.best = max([curve.best, *values])
        taken = self.now() - begun
        self.spent += taken
        curve.evaluating += taken if self.cache is None else len(sets) * self.limits.set_ms / 1e3
        curve.loop = self.now() - self.began - self.spent - curve.proposing
        curve.add()
        if curve.proposing + curve.loop + curve.evaluating > MOMENTS[-1] or curve.sets >= self.limits.most:
            raise Finished
        return results

    def cached(self, sets: Sequence[Mapping[str, Any]]) -> list[TrialResult]:
        assert self.cache is not None
        keys = [json.dumps(list(parameters.values())) for parameters in sets]
        rows = self.cache.known(self.place, keys)
        fresh = {key: parameters for key, parameters in zip(keys, sets, strict=True) if key not in rows}
        if fresh:
            metrics = [result.metrics for result in self.direct(list(fresh.values()))]
            made = {key: dict(row) for key, row in zip(fresh, metrics, strict=True) if row}
            self.cache.keep(self.place, made)
            rows.update(made)
        search = self.plan.search
        missing = TrialResult(error="no figures")
        return [
            judge(rows[key], search.objectives, search.bounds, self.baselines) if key in rows else missing
            for key in keys
        ]


@dataclass(frozen=True)
class Limits:
    """Milliseconds that a set counts, the number of sets at which a run ends, and threads."""

    set_ms: float
    most: int
    jobs: int


class TimedProposer(Proposer):
    """A proposer that writes down the time it takes."""

    def watch(self, curve: Curve, now: Callable[[], float]) -> None:
        self.curve, self.now = curve, now

    def propose(self, batch: int, count: int, seen: Mapping[int, FrozenTrial]) -> list[Proposal]:
        begun = self.now()
        proposals = super().propose(batch, count, seen)
        self.curve.proposing += self.now() - begun
        return proposals

    def complete(self, done: Mapping[int, FrozenTrial]) -> None:
        begun = self.now()
        super().complete(done)
        self.curve.proposing += self.now() - begun


def search(
    place: tuple[Market, Span], objective: str, candidate: Candidate, seed: int, limits: Limits, cache: Cache | None
) -> Curve:
    """One run of a candidate on a market and a span: its curve."""
    market, span = place
    plan = SearchPlan(
        STRATEGY,
        market,
        Search(objective=objective, sampler=candidate.sampler),
        run_settings(market, "growth", *span, Account()),
        SPACE,
        sets=first_sets(STRATEGY, SPACE, ()),
        design=SPACE.points if candidate.design is None else candidate.design,
        sampler=candidate.sampler,
        batch=default_batch(candidate.sampler) if candidate.batch is None else candidate.batch,
        seed=seed,
    )
    curve = Curve()
    with silence_optuna(), open_storage(None) as storage:
        study = plan.make_study(storage)
        evaluation = Evaluation(plan, curve, limits, cache)
        proposer = TimedProposer(plan.problem, candidate.sampler)
        if candidate.kind is not None:
            proposer._sampler = candidate.kind(plan.problem)
        proposer.watch(curve, evaluation.now)
        with suppress(Finished):
            SearchLoop(study, proposer, LocalClaims(), evaluation, limits.most, max_failed=1.0).run()
    return curve


def at(points: Sequence[Sequence[float]], seconds: float, set_ms: float | None) -> float:
    """The best of a curve after so many seconds; `set_ms` in place of the time of its evaluation."""
    best = -math.inf
    for point in points:
        if seconds_of(point, set_ms) <= seconds:
            best = point[-1]
    return best


def seconds_of(point: Sequence[float], set_ms: float | None) -> float:
    """The seconds of a point of a curve; `set_ms` in place of the time of its evaluation."""
    proposing, loop, evaluating, sets, _ = point
    return proposing + loop + (evaluating if set_ms is None else sets * set_ms / 1e3)


def after(points: Sequence[Sequence[float]], sets: int) -> float:
    """The best of a curve after so many sets."""
    return max((value for *_, count, value in points if count <= sets), default=-math.inf)


Runs = dict[tuple[str, str, str, int], list[list[float]]]


def read_runs(path: Path, clock: str) -> Runs:
    runs: Runs = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        run = json.loads(line)
        if run["clock"] == clock:
            runs[run["candidate"], run["market"], run["objective"], run["seed"]] = run["points"]
    return runs


def show(runs: Runs, set_ms: float | None) -> None:
    console = Console(width=150)
    for objective in sorted({key[2] for key in runs}, reverse=True):
        rows = {key: points for key, points in runs.items() if key[2] == objective}
        if rows:
            console.print(quality_table(rows, objective, set_ms))
    table = Table(title="what a run costs, ms a set: mean over runs")
    for heading in ("candidate", "runs", "sampler", "loop", "sets at the end", "seconds at the end"):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    for name in CANDIDATES:
        ends = [points[-1] for key, points in runs.items() if key[0] == name]
        if ends:
            sets = mean(end[3] for end in ends)
            seconds = mean(seconds_of(end, set_ms) for end in ends)
            costs = (f"{1e3 * mean(end[part] / end[3] for end in ends):.2f}" for part in (0, 1))
            table.add_row(name, str(len(ends)), *costs, f"{sets:,.0f}", f"{seconds:.1f}")
    console.print(table)


def quality_table(runs: Runs, objective: str, set_ms: float | None) -> Table:
    """A row a candidate: real data, mean of the simulated markets, and against TPE on the same market and seed."""
    table = Table(
        title=f"best {objective}: {REAL} | simulated, mean | less {BEFORE} at 60 s: mean (worst, best), better in"
    )
    for heading in ("candidate", *(f"{REAL}, {moment:g} s" for moment in MOMENTS)):
        table.add_column(heading, justify="left" if heading == "candidate" else "right")
    for heading in (*(f"{moment:g} s" for moment in MOMENTS), "400 sets", "2,000 sets", "difference", "better"):
        table.add_column(heading, justify="right")
    for name in CANDIDATES:
        mine = {key[1:]: points for key, points in runs.items() if key[0] == name}
        if not mine:
            continue
        real = [points for key, points in mine.items() if key[0] == REAL]
        simulated = [points for key, points in mine.items() if key[0] != REAL]
        cells = [_mean(at(points, moment, set_ms) for points in real) for moment in MOMENTS]
        cells += [_mean(at(points, moment, set_ms) for points in simulated) for moment in MOMENTS]
        cells += [_mean(after(points, sets) for points in mine.values()) for sets in (400, 2000)]
        base = {key: runs[BEFORE, *key] for key in mine if (BEFORE, *key) in runs}
        gaps = [at(mine[key], MOMENTS[-1], set_ms) - at(base[key], MOMENTS[-1], set_ms) for key in base]
        apart = f"{mean(gaps):+.3f} ({min(gaps):+.2f}, {max(gaps):+.2f})" if gaps else "-"
        table.add_row(name, *cells, apart, f"{sum(gap > 0 for gap in gaps)} of {len(gaps)}")
    return table


def _mean(values: Any) -> str:
    listed = list(values)
    return f"{mean(listed):.3f}" if listed else "-"


def draw(runs: Runs, set_ms: float | None, path: Path, objective: str = "sharpe") -> None:
    """The best against seconds: a panel for real data, one for the simulated markets; a dot where the runs end.

    Of the runs that every sampler has made. The band on real data is from the worst to the best seed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shared = set.intersection(*({key[1:] for key in runs if key[0] == name} for name in MAIN))
    moments = np.geomspace(0.3, MOMENTS[-1], 120)
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.4), layout="constrained")
    panels = ((REAL, True), ("simulated markets, mean", False))
    for axis, (title, is_real) in zip(axes, panels, strict=True):
        for name in MAIN:
            mine = [
                points
                for key, points in runs.items()
                if key[0] == name and key[1:] in shared and key[2] == objective and (key[1] == REAL) == is_real
            ]
            if not mine:
                continue
            curves = np.array([[at(points, moment, set_ms) for moment in moments] for points in mine])
            curves[np.isinf(curves)] = np.nan
            middle = curves.mean(axis=0)
            last = mean(min(MOMENTS[-1], seconds_of(points[-1], set_ms)) for points in mine)
            under_way = moments <= last
            (line,) = axis.plot(moments[under_way], middle[under_way], label=name, linewidth=1.8)
            axis.plot(moments[under_way][-1:], middle[under_way][-1:], "o", color=line.get_color())
            axis.plot(moments, middle, ":", linewidth=1.0, color=line.get_color())
            if is_real:
                axis.fill_between(moments, curves.min(axis=0), curves.max(axis=0), color=line.get_color(), alpha=0.15)
        axis.set(title=title, xscale="log", xlabel="seconds", ylabel=f"best {objective}, in the sample")
        axis.set_xticks([1, 3, 10, 30, 60], ["1", "3", "10", "30", "60"])
        axis.grid(alpha=0.25)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--market", type=Path, help="folder of the real data")
    parser.add_argument("--simulated", type=int, default=5, help="number of simulated markets")
    parser.add_argument("--years", type=float, default=6)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--objective", action="append", help="by default sharpe and calmar")
    parser.add_argument("--candidate", action="append", choices=CANDIDATES, help=f"by default {', '.join(MAIN)}")
    parser.add_argument("--clock", choices=("virtual", "wall"), default="virtual")
    parser.add_argument("--set-ms", type=float, default=0.5, help="milliseconds that a set counts on the virtual clock")
    parser.add_argument("--most", type=int, default=20_000, help="sets at which a run ends")
    parser.add_argument("--jobs", type=int, default=1, help="threads of the evaluation")
    parser.add_argument("--cache", type=Path, default=Path("build/tuner.sqlite"))
    parser.add_argument("--runs", type=Path, default=Path("build/tuner.jsonl"))
    parser.add_argument("--picture", type=Path, help="PNG file to draw")
    parser.add_argument("--show", action="store_true", help="make no run")
    options = parser.parse_args()
    if not options.show:
        make_runs(options)
    set_ms = options.set_ms if options.clock == "virtual" else None
    runs = read_runs(options.runs, options.clock)
    show(runs, set_ms)
    if options.picture is not None:
        draw(runs, set_ms, options.picture)


def make_runs(options: argparse.Namespace) -> None:
    cache = Cache(options.cache) if options.clock == "virtual" else None
    limits = Limits(options.set_ms, options.most, options.jobs)
    options.runs.parent.mkdir(parents=True, exist_ok=True)
    folders = [] if options.market is None else [REAL]
    for place in (*folders, *range(1, options.simulated + 1)):
        if isinstance(place, str):
            name, market, span = place, load_market(options.market), SPAN
        else:
            name, market, span = f"simulated {place}", simulate_market(seed=place, years=options.years), (None, None)
        for objective, seed, chosen in product(
            options.objective or ("sharpe", "calmar"), range(1, options.seeds + 1), options.candidate or MAIN
        ):
            if (chosen, name, objective, seed) in read_runs(options.runs, options.clock):
                continue
            curve = search((market, span), objective, CANDIDATES[chosen], seed, limits, cache)
            run = {"candidate": chosen, "market": name, "objective": objective, "seed": seed, "clock": options.clock}
            with open(options.runs, "a", encoding="utf-8") as file:
                file.write(json.dumps({**run, "points": curve.points}) + "\n")
            last = curve.points[-1]
            print(f"{name}, {objective}, seed {seed}, {chosen}: {last[4]:.3f} after {last[3]:,} sets", flush=True)


if __name__ == "__main__":
    main()
