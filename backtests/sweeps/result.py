"""The result of a sweep: its sets ranked, compared, shown and repeated."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.command import strategy_argv
from undertow.backtests.engines import Engine
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.metrics import short_window
from undertow.backtests.objectives import BASELINES, Metrics
from undertow.backtests.runs.backtest import session_rows
from undertow.backtests.runs.describe import weight_counts
from undertow.backtests.runs.notes import hold_label, hold_sentence, moves_sentence, weights_sentence
from undertow.backtests.sweeps.argv import made_by, sets_argv
from undertow.backtests.sweeps.baselines import baseline_figures, basket_moves, walk_baseline
from undertow.backtests.sweeps.candidates import CandidateSets, records
from undertow.backtests.sweeps.chunk import SweepTask
from undertow.backtests.sweeps.chunking import walk_sets
from undertow.backtests.sweeps.portfolio import book_sets, set_rows
from undertow.backtests.sweeps.ranking import By, Ranking, read_ranking
from undertow.market import FloatArray, Market, ParameterError
from undertow.market.files import write_atomic
from undertow.signals.base import PAGES, load
from undertow.strategies import BuyAndHold, Strategy

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio

# More sets than these take more than seconds to compare, and fewer sessions cannot be compared.
MOST_COMPARED, FEWEST_COMPARED_SESSIONS = 100, 60
BEST_FIGURE = "annual_sharpe"
# These floors are above this one: what is needed of them is found by name, never imported.
_CONFIDENCE_SET = "undertow.evidence.confidence:confidence_set"
_PAGE = "undertow.tearsheets.sweep.heatmap:write_sweep"
# Rows and columns of the card in a notebook.
_CARD_ROWS = 5
_CARD_FIGURES = ("annual_sharpe", "cagr", "max_drawdown", "annual_turnover")


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """The result of `sweep`.

    `table` has one row a set in the order of the sets: the parameters, then the figures of `Run.metrics` and counts.
    Figures of an account that `backtest` finds worth nothing are NaN.

    Args:
        task: strategy, market, sessions and account.
        sets: parameters of every set, as the strategy reads them.
        table: parameters and figures, one row a set.
        engine: where the sets were walked.
        memory: memory limit, bytes.
        names: parameters that were passed; the others are at their defaults.
        origin: how the sets were made, as `grid`, `design` and `random_sets` note it.
        trial_count: how many trials were ever made on the market, where a ledger counts them.
        walked_returns: session returns (P, T), decimal, where they were kept.
    """

    task: SweepTask
    sets: pd.DataFrame
    table: pd.DataFrame
    engine: Engine
    memory: float
    names: tuple[str, ...]
    origin: Mapping[str, Any]
    trial_count: TrialCount | None = None
    walked_returns: FloatArray | None = None
    _candidates: dict[tuple[float, int, int], CandidateSets] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        sets = f"{len(self):,} set{'s' if len(self) != 1 else ''}"
        varied = f" of {', '.join(self.varied)}" if self.varied else ""
        return f"<Sweep {self.strategy.name()!r} on {self.universe!r}: {sets}{varied}, {self.start} to {self.end}>"

    def _repr_html_(self) -> str:
        best = self.best(top=_CARD_ROWS)
        columns = [*self.varied, *(name for name in _CARD_FIGURES if name not in self.varied)]
        return f"<p>{escape(repr(self))}</p>{best[columns].to_html(float_format='{:.4g}'.format)}"

    @property
    def strategy(self) -> type[Strategy]:
        """The class of the strategy."""
        return self.task.strategy

    @property
    def market(self) -> Market:
        """The market that was swept."""
        return self.task.market

    @property
    def universe(self) -> str:
        """The name of the universe or screen."""
        return self.task.universe

    @property
    def account(self) -> Account:
        """The account that every set started with."""
        return self.task.account

    @cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions (T,) of every set."""
        return self.market.sessions[session_rows(self.market, self.task.start, self.task.end)]

    @property
    def start(self) -> str:
        """The first session as YYYY-MM-DD."""
        return f"{self.sessions[0]:%Y-%m-%d}"

    @property
    def end(self) -> str:
        """The last session as YYYY-MM-DD."""
        return f"{self.sessions[-1]:%Y-%m-%d}"

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The parameters with more than one value; all that were passed where none has."""
        return tuple(name for name in self.names if _distinct(self.sets[name]) > 1) or self.names

    @cached_property
    def returns(self) -> FloatArray:
        """Session returns (P, T), decimal, close to close.

        Every set is walked again where they were not kept.
        """
        if self.walked_returns is not None:
            return self.walked_returns
        sets = self.strategy.sets_of(self.sets)
        return walk_sets(self.task, sets, len(self), self.engine, self.memory, keep_returns=True).returns

    @cached_property
    def baselines(self) -> dict[str, Metrics]:
        """The figures of buy-and-hold and of the volatility target, by name.

        On the same sessions, with the same account.
        """
        return {name: baseline_figures(name, self.task) for name in BASELINES}

    @cached_property
    def moves(self) -> list[dict[str, Any]]:
        """The extreme moves of names that the basket held, as `Run.moves` has them."""
        return basket_moves(self.task)

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the data behind the figures, as `Run.notes` has them."""
        reason = short_window(len(self.sessions))
        weights = weight_counts(self.task.prepared.table, self.task.prepared.rows, self.account)
        notes = (
            f"{reason}: they are blank" if reason else "",
            moves_sentence(self.moves),
            weights_sentence(weights.get("weights_without_price", {})),
        )
        return tuple(note for note in notes if note)

    def baseline_scores(self, by: By = BEST_FIGURE) -> dict[str, float]:
        """The value of a figure or objective for each baseline that has it."""
        ranking = read_ranking(by)
        return {
            name: ranking.score(metrics, self.baselines)
            for name, metrics in self.baselines.items()
            if ranking.objective is not None or ranking.column in metrics
        }

    def scores(self, by: By = BEST_FIGURE) -> pd.Series:
        """The value of a figure or objective for every set; NaN where it is not finite."""
        return self._scores(read_ranking(by))

    def best(self, by: By = BEST_FIGURE, top: int = 1) -> pd.DataFrame:
        """The best rows of the table, best first.

        Where `by` is not a figure they have the objective's column. Of equal sets the earlier comes first. The best of
        many is high by luck too. Raises `ParameterError` with the nearest name where `by` is neither a figure nor an
        objective.

        Args:
            by: figure such as "annual_sharpe", objective such as "ulcer:buy-and-hold", "module:function", or a function
                of a row of metrics.
            top: number of rows.
        """
        ranking = read_ranking(by)
        return self._table_by(ranking).loc[ranking.order(self._scores(ranking))].head(top)

    @property
    def comparable(self) -> bool:
        """Whether `confidence_set` answers in seconds.

        That is for 100 sets or fewer, and needs 60 sessions or more.
        """
        return len(self) <= MOST_COMPARED and len(self.sessions) >= FEWEST_COMPARED_SESSIONS

    def confidence_set(self, level: float = 0.90, resamples: int = 10_000, seed: int = 0) -> CandidateSets:
        """The sets that cannot be distinguished from the best, buy-and-hold beside them.

        The model confidence set of Hansen, Lunde and Nason (2011) over the session returns. Raises `ParameterError` on
        fewer than 60 sessions, and where every set lost everything.

        Args:
            level: probability that the best is among them, decimal in (0, 1).
            resamples: resamples of the bootstrap, 100 or more.
            seed: seed of the bootstrap.
        """
        key = level, resamples, seed
        if key not in self._candidates:
            self._candidates[key] = self._find_candidates(level, resamples, seed)
        return self._candidates[key]

    def portfolio(self, rows: Sequence[int] | pd.DataFrame | None = None) -> Portfolio:
        """Some sets as a vectorbt Portfolio, one group of columns a set.

        The varied parameters are the column levels above "symbol". Each account equals `backtest` of its set to 1e-9;
        the money that it holds as cash is the position in the cash symbol's column.

        Raises `ParameterError` on more than 100 rows, on none, on unknown and repeated ones, `DataError` with the set
        whose account is worth nothing.

        Args:
            rows: row numbers of the table, or rows of it such as `best(top=20)`; None for all.
        """
        return book_sets(self.task, self.sets.loc[set_rows(rows, len(self))], self.varied)

    def _find_candidates(self, level: float, resamples: int, seed: int) -> CandidateSets:
        hold = walk_baseline(BuyAndHold, self.task, keep_returns=True).returns
        confidence = load(PAGES, _CONFIDENCE_SET)(
            np.vstack([self.returns, hold]), level=level, resamples=resamples, seed=seed
        )
        included, varied = confidence.included[:-1], list(self.varied)
        sentence = confidence.sentence(self.table, varied, BuyAndHold.name())
        table = self.table[varied][included]
        return CandidateSets(confidence.level, included, bool(confidence.included[-1]), table, sentence)

    def save(self, path: str | Path, by: By = BEST_FIGURE) -> Path:
        """Write the table to a .csv or .parquet file, all or nothing; return its path.

        It has a column for `by` where that is an objective, as in `best`. Raises `ParameterError` on another suffix.
        """
        target, content, table = Path(path), BytesIO(), self._table_by(read_ranking(by))
        if target.suffix == ".csv":
            table.to_csv(content, index=False)
        elif target.suffix == ".parquet":
            table.to_parquet(content, index=False)
        else:
            raise ParameterError(f"`path` must be a file that ends in .csv or .parquet, got {str(path)!r}")
        return write_atomic(target, content.getvalue())

    def page(self, path: str | Path, by: By = BEST_FIGURE) -> Path:
        """Write the sweep's page with heat maps, one self-contained HTML file, to `path`.

        Args:
            path: file that ends in .html.
            by: figure or objective that is drawn, as in `best`.
        """
        ranking = read_ranking(by)
        scores = {name: {ranking.column: score} for name, score in self.baseline_scores(by).items()}
        written: Path = load(PAGES, _PAGE)(
            self._table_by(ranking),
            path,
            title=f"{self.strategy.name()} on {self.universe}",
            value=ranking.column,
            parameters=list(self.varied),
            about=[f"{self.start} to {self.end}", f"{len(self.sessions):,} sessions", f"market {self.market.name}"],
            baselines={name: {**metrics, **scores.get(name, {})} for name, metrics in self.baselines.items()},
            notes=self._notes(),
            recipe=self.settings(),
            command=self.command_by(by),
        )
        return written

    def settings(self) -> dict[str, str]:
        """The sets and the account in words, by heading."""
        account, costs = self.account, self.account.costs
        rates = {"fee": costs.fee_bps, "slippage": costs.slippage_bps, "haircut": costs.haircut_bps}
        seed = {"Seed of the draw": str(self.origin["seed"])} if "seed" in self.origin else {}
        constant = [f"{name} {self.sets[name].iloc[0]}" for name in self.names if name not in self.varied]
        return {
            "Sets": made_by(self.origin),
            **seed,
            "Fixed": ", ".join(constant) or "nothing; other parameters at their defaults",
            "Fill at the": account.fill,
            "Costs": ", ".join(f"{name} {rate:g} bps" for name, rate in rates.items()),
            "Weights": f"{account.weighting}, rebalanced {account.rebalance}",
            "Starting capital, USD": f"{account.capital:,.0f}",
            "Market fingerprint": self.market.fingerprint,
        }

    @property
    def command(self) -> str | None:
        """The command line that repeats the sweep.

        None for a market that is not a folder, for sets that no option states, and for weights that lie in no file.
        """
        return self.command_by()

    def command_by(self, by: By = BEST_FIGURE) -> str | None:
        """The command line that repeats the sweep with a ranking.

        None as for `command`.
        """
        ranking = read_ranking(by)
        stated = sets_argv(self.strategy, self.sets, self.names, self.origin)
        named = strategy_argv(self.strategy)
        if self.market.path is None or stated is None or named is None or not self.account.has_options:
            return None
        argv = ["undertow", "sweep", "--market", self.market.path, *named, *stated]
        argv += ["--universe", self.universe, "--start", self.start, "--end", self.end, "--by", ranking.column]
        return shlex.join([*argv, *self.account.argv()])

    def summary(self, by: By = BEST_FIGURE, top: int = 10) -> dict[str, Any]:
        """The dictionary that `--json` prints.

        Args:
            by: figure or objective of the ranking, as in `best`.
            top: number of best sets.
        """
        ranking = read_ranking(by)
        scores = {name: {ranking.column: score} for name, score in self.baseline_scores(by).items()}
        return {
            "strategy": self.strategy.name(),
            "universe": self.universe,
            "sets": len(self),
            "by": ranking.column,
            "best": records(self.best(by, top)),
            "confidence_set": self.confidence_set().as_dict() if self.comparable else None,
            "baselines": {name: {**metrics, **scores.get(name, {})} for name, metrics in self.baselines.items()},
            "labels": {BuyAndHold.name(): hold_label(self.account.rebalance)},
            "moves": self.moves,
            "notes": list(self.notes),
            "ledger": None if self.trial_count is None else asdict(self.trial_count),
        }

    def _notes(self) -> list[str]:
        return [
            *([] if self.trial_count is None else [self.trial_count.sentence()]),
            *([self.confidence_set().sentence] if self.comparable else []),
            *(
                f"{note[:1].upper()}{note[1:]}."
                for note in (*self.notes, hold_sentence(self.account.rebalance))
                if note
            ),
            "All figures are in-sample: judge a choice on sessions that it never saw.",
        ]

    def _scores(self, ranking: Ranking) -> pd.Series:
        return ranking.scores(self.table, {} if ranking.objective is None else self.baselines)

    def _table_by(self, ranking: Ranking) -> pd.DataFrame:
        if ranking.objective is None:
            return self.table
        return self.table.assign(**{ranking.column: self._scores(ranking)})


def _distinct(values: pd.Series) -> int:
    # None is a choice; a list or a rule is compared by its text.
    return len(set(map(repr, values.tolist()))) if values.dtype == object else int(values.nunique(dropna=False))
