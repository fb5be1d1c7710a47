"""The loop of a search: propose a batch, evaluate it as one sweep, write its trials, go on until all are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from undertow.backtests.ledger.ledger import Ledger, SearchKey
from undertow.backtests.tuning.claims import Claim, Claims
from undertow.backtests.tuning.proposals import Proposal, Proposer
from undertow.backtests.tuning.rows import add_trials
from undertow.backtests.tuning.study import DESIGN, ERROR, TrialResult, finished_by_position, finished_trial
from undertow.market.errors import UndertowError

Evaluate = Callable[[Sequence[Mapping[str, object]]], list[TrialResult]]
Trials = dict[int, FrozenTrial]


class TuningError(UndertowError):
    """A search that cannot go on: the message says how many trials failed and why the last one did."""


@dataclass(frozen=True)
class Counted:
    """The ledger that counts a search's trials."""

    ledger: Ledger
    search: SearchKey

    def record(self, trials: Mapping[int, FrozenTrial]) -> None:
        """Count trials by position, those that are counted already once only."""
        by_design: dict[str, list[int]] = {}
        for position, trial in trials.items():
            by_design.setdefault(trial.user_attrs[DESIGN], []).append(position)
        for design, positions in by_design.items():
            self.ledger.record(self.search, design, positions)


def search(
    study: optuna.Study,
    proposer: Proposer,
    claims: Claims,
    evaluate: Evaluate,
    *,
    trials: int,
    max_failed: float,
    counted: Counted | None = None,
    progress: Callable[[int], None] | None = None,
) -> Trials:
    """Bring a study to `trials` finished trials and return them by position.

    What the study holds already is taken as it is. Raises `TuningError` where more than the share `max_failed` of the
    trials has failed at the end of a batch.
    """
    schedule = proposer.schedule
    done = finished_by_position(study)
    if counted is not None:
        counted.record(done)
    while True:
        batches = schedule.batches(trials)
        missing = [batch for batch in batches if not all(p in done for p in schedule.positions(batch, trials))]
        # A batch that was cut short says nothing yet: its failures may be the first of many trials that succeed.
        part = {place for batch in missing for place in schedule.positions(batch, trials)}
        _refuse_failures({place: trial for place, trial in done.items() if place not in part}, max_failed)
        if progress is not None:
            progress(sum(position < trials for position in done))
        if not missing:
            if counted is not None:
                counted.record(done)
            asked = {position: trial for position, trial in done.items() if position < trials}
            # A study that has more may have failed in those asked for alone.
            _refuse_failures(asked, max_failed)
            return asked
        claim = claims.take(missing, set(batches) - set(missing))
        if claim is not None:
            done.update(_run(study, proposer, claims, evaluate, claim, trials, done, counted))
        if claims.shared:
            done = finished_by_position(study)


def _run(
    study: optuna.Study,
    proposer: Proposer,
    claims: Claims,
    evaluate: Evaluate,
    claim: Claim,
    trials: int,
    done: Trials,
    counted: Counted | None,
) -> Trials:
    """Evaluate what is missing of a batch, count it and write it, less what another worker has written by then."""
    schedule = proposer.schedule
    places = schedule.positions(claim.batch, trials)
    visible = [place for batch in claim.seen for place in schedule.positions(batch, trials)]
    with claims.working(claim.batch):
        proposals = proposer.propose(claim.batch, len(places), {place: done[place] for place in visible})
        absent = [place for place in places if place not in done]
        outcomes = evaluate([proposals[place - places.start].parameters for place in absent])
    found = {
        place: _trial(place, claim.batch, proposals[place - places.start], proposer, outcome)
        for place, outcome in zip(absent, outcomes, strict=True)
    }
    # Counted first: whatever the study shows has been counted, wherever the process is killed.
    if counted is not None:
        counted.record(found)
    with claims.writing(claim.batch):
        there = finished_by_position(study) if claims.shared else done
        add_trials(study, [trial for place, trial in found.items() if place not in there])
    whole = {**found, **there}
    if claim.batch:
        proposer.tell({place: whole[place] for place in places})
    return {place: trial for place, trial in found.items() if place not in there}


def _trial(place: int, batch: int, proposal: Proposal, proposer: Proposer, outcome: TrialResult) -> FrozenTrial:
    return finished_trial(place, batch, proposal.design, proposal.parameters, proposer.space, outcome, proposal.system)


def _refuse_failures(done: Trials, max_failed: float) -> None:
    failed = [trial for trial in done.values() if trial.state == TrialState.FAIL]
    if failed and (len(failed) > max_failed * len(done) or len(failed) == len(done)):
        share = f"more than the share `max_failed` of {max_failed:g}" if len(failed) < len(done) else "every one"
        raise TuningError(
            f"{len(failed)} of {len(done)} trials failed, {share}; the last one: {failed[-1].user_attrs[ERROR]}"
        )
