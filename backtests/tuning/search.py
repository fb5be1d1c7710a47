"""The loop of a search: propose a batch, evaluate it, write its trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from undertow.backtests.ledger.ledger import Ledger, SearchKey
from undertow.backtests.tuning.attributes import DESIGN, ERROR, check_kept_parameters
from undertow.backtests.tuning.claims import Claim, Claims
from undertow.backtests.tuning.rows import add_trials
from undertow.backtests.tuning.samplers.proposals import Proposal
from undertow.backtests.tuning.samplers.proposer import Proposer
from undertow.backtests.tuning.study import TrialResult, finished_by_position, finished_trial
from undertow.market import UndertowError

Evaluate = Callable[[Sequence[Mapping[str, object]]], list[TrialResult]]
Trials = dict[int, FrozenTrial]


class TuningError(UndertowError):
    """A search that cannot go on because too many trials failed.

    The message says how many, and the error of the last one.
    """


@dataclass(frozen=True)
class SearchCounter:
    """The ledger that counts a search's trials."""

    ledger: Ledger
    key: SearchKey

    def record(self, trials: Mapping[int, FrozenTrial]) -> None:
        """Count trials by position; a trial that the ledger has is not counted again."""
        by_design: dict[str, list[int]] = {}
        for position, trial in trials.items():
            by_design.setdefault(trial.user_attrs[DESIGN], []).append(position)
        for design, positions in by_design.items():
            self.ledger.record(self.key, design, positions)


@dataclass(frozen=True)
class SearchLoop:
    """The parts of a search, and the loop that brings its study to a number of trials.

    Args:
        study: study that holds the finished trials.
        proposer: proposes the sets of a batch.
        claims: hands out the batches.
        evaluate: results of a batch of sets, in order.
        trials: total number of finished trials.
        max_failed: share of failed trials, decimal, above which the search stops.
        counter: ledger that counts the trials, if any.
    """

    study: optuna.Study
    proposer: Proposer
    claims: Claims
    evaluate: Evaluate
    trials: int
    max_failed: float
    counter: SearchCounter | None = None

    def run(self, progress: Callable[[int], None] | None = None) -> Trials:
        """Bring the study to its number of trials and return them by position.

        Trials that the study holds already are not made again. `progress` is called with the number of finished trials
        before every batch. Raises `TuningError` where more than the share `max_failed` has failed after a batch.
        """
        schedule, trials = self.proposer.schedule, self.trials
        done = finished_by_position(self.study)
        check_kept_parameters(self.study, done, self.proposer.space)
        self._count(done)
        while True:
            batches = schedule.batches(trials)
            missing = [batch for batch in batches if not all(p in done for p in schedule.positions(batch, trials))]
            # A batch that was cut short is not judged: its failures may be the first of many trials that succeed.
            unfinished = {position for batch in missing for position in schedule.positions(batch, trials)}
            judged = {position: trial for position, trial in done.items() if position not in unfinished}
            _refuse_failures(judged, self.max_failed)
            if progress is not None:
                progress(sum(position < trials for position in done))
            if not missing:
                self._count(done)
                requested = {position: trial for position, trial in done.items() if position < trials}
                # A study that has more trials may have failed in the requested ones alone.
                _refuse_failures(requested, self.max_failed)
                return requested
            claim = self.claims.take(missing, set(batches) - set(missing))
            if claim is not None:
                done.update(self._run_batch(claim, done))
            if self.claims.shared:
                done = finished_by_position(self.study)

    def _count(self, trials: Trials) -> None:
        if self.counter is not None:
            self.counter.record(trials)

    def _run_batch(self, claim: Claim, done: Trials) -> Trials:
        """Evaluate, count and write the missing trials of a batch.

        Returns those that no other worker wrote meanwhile.
        """
        schedule = self.proposer.schedule
        positions = schedule.positions(claim.batch, self.trials)
        visible = [position for batch in claim.seen for position in schedule.positions(batch, self.trials)]
        with self.claims.working(claim.batch):
            seen = {position: done[position] for position in visible}
            proposals = self.proposer.propose(claim.batch, len(positions), seen)
            open_positions = [position for position in positions if position not in done]
            results = self.evaluate([proposals[position - positions.start].parameters for position in open_positions])
        new = {
            position: self._trial(position, claim.batch, proposals[position - positions.start], result)
            for position, result in zip(open_positions, results, strict=True)
        }
        # Counted first: every trial of the study has been counted, wherever the process is killed.
        self._count(new)
        with self.claims.writing(claim.batch):
            written = finished_by_position(self.study) if self.claims.shared else done
            add_trials(self.study, [trial for position, trial in new.items() if position not in written])
        batch = {**new, **written}
        if claim.batch:
            self.proposer.complete({position: batch[position] for position in positions})
        return {position: trial for position, trial in new.items() if position not in written}

    def _trial(self, position: int, batch: int, proposal: Proposal, result: TrialResult) -> FrozenTrial:
        parameters, space = proposal.parameters, self.proposer.space
        return finished_trial(position, batch, proposal.design, parameters, space, result, proposal.system)


def _refuse_failures(done: Trials, max_failed: float) -> None:
    failed = [trial for trial in done.values() if trial.state == TrialState.FAIL]
    if failed and (len(failed) > max_failed * len(done) or len(failed) == len(done)):
        share = f"more than the share `max_failed` of {max_failed:g}" if len(failed) < len(done) else "every one"
        raise TuningError(
            f"{len(failed)} of {len(done)} trials failed, {share}; the last one: {failed[-1].user_attrs[ERROR]}"
        )
