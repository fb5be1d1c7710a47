"""What a stitched run says about itself: its folds in words, the command that makes it again, and its key."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from optuna.distributions import distribution_to_json

from undertow.backtests.command import shortest
from undertow.backtests.ledger.ledger import key_of
from undertow.backtests.objective_code import codes, is_named
from undertow.backtests.tuning.command import account_words, is_typed, search_words
from undertow.backtests.tuning.optimize import MAX_FAILED
from undertow.backtests.validation.proof import Proof
from undertow.backtests.validation.splits import WalkForward
from undertow.backtests.validation.splits_events import event_spans
from undertow.backtests.validation.splits_shocks import shock_events
from undertow.backtests.validation.stitch import Piece
from undertow.backtests.validation.tuner import TUNERS, Terms
from undertow.market.errors import ParameterError
from undertow.market.market import Market
from undertow.strategies.strategy import Strategy


@dataclass(frozen=True)
class WalkRecipe:
    """A walk-forward in words: `head` names its settings, `command` is the command line that makes it again.

    `command` is None where there is none: a market that is not a folder, a tuner or objective that has no name,
    events that are not the strategy's own shocks, or a space that `--narrow` has no words for.
    `key` names the search by all that decides its trials.
    """

    head: tuple[tuple[str, Any], ...]
    command: str | None
    key: str

    def described(self, pieces: Sequence[Piece]) -> tuple[tuple[str, Any], ...]:
        """The parameters that a stitched run's recipe lists: the walk, then each fold with its own."""
        folds = (
            (
                f"fold {number}, {piece.first:%Y-%m-%d} to {piece.last:%Y-%m-%d}",
                _told(piece),
            )
            for number, piece in enumerate(pieces, 1)
        )
        return (*self.head, *folds)


def _told(piece: Piece) -> str:
    if piece.strategy is None:
        return "holds: nothing was proven in training"
    given = ", ".join(f"{name}={_text(value)}" for name, value in piece.strategy.parameters.items())
    return given or "no parameters"


def recipe_of(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    rule: WalkForward,
    terms: Terms,
    seed: int,
    tuner: str,
    proof: Proof | None = None,
) -> WalkRecipe:
    """The recipe of a walk-forward whose folds `tuner` tunes: a name of `TUNERS`, or the path of a function."""
    head: list[tuple[str, Any]] = [
        ("walk-forward of", strategy.name()),
        ("split", rule.text),
        ("objective", terms.objective),
        *([("constraints", ", ".join(each.name for each in terms.constraints))] if terms.constraints else []),
        ("trials a fold", terms.trials),
        ("tuner", tuner),
        ("seed of the tuning", seed),
        *([("proof", proof.name)] if proof is not None else []),
    ]
    # The command line has the level of the usual proof alone.
    usual = [] if proof is None else ["--proof", shortest(proof.level)]
    plain = proof is None or proof.name == f"SPA p <= {proof.level:g}"
    repeatable = tuner in TUNERS and market.path is not None and plain and is_named(terms.aim)
    repeatable = repeatable and is_typed(strategy, terms.space, terms.fixed)
    spans = event_spans(rule.events, sessions).tolist()
    command = None
    if repeatable and (rule.events is None or spans == _shocks(strategy, market, sessions, terms)):
        command = shlex.join([*command_words(strategy, market, sessions, rule, terms, seed, tuner), *usual])
    whole = {
        "strategy": f"{strategy.__module__}:{strategy.__qualname__}",
        "market": market.fingerprint,
        "account": {**terms.account, "costs": asdict(terms.costs)},
        # What is tested, and what a proof makes of the trials, changes none of them.
        "trained": [[str(sessions[fold.train[0]]), str(sessions[fold.train[-1]])] for fold in rule.folds(sessions)],
        "search": [terms.objective, *(each.name for each in terms.constraints), terms.trials, tuner, seed],
        "space": {name: distribution_to_json(each) for name, each in terms.space.items()},
        "fixed": dict(terms.fixed),
        **codes(strategy, [terms.aim]),
    }
    return WalkRecipe(tuple(head), command, key_of(whole))


def _shocks(strategy: type[Strategy], market: Market, sessions: pd.DatetimeIndex, terms: Terms) -> list[list[int]]:
    """The events of `--events` as rows of the sessions: the strategy's own shocks; none where it names none."""
    own = strategy.create(terms.fixed)
    try:
        found = shock_events(own, market, sessions, universe=terms.universe, fill=terms.fill)
    except ParameterError:
        return []
    spans: list[list[int]] = event_spans(found, sessions).tolist()
    return spans


def command_words(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    rule: WalkForward,
    terms: Terms,
    seed: int,
    tuner: str,
) -> list[str]:
    """The command line that makes the walk-forward again, word by word."""
    words = ["undertow", "walk-forward", "--market", str(market.path)]
    words += search_words(strategy, terms.space, terms.fixed)
    words += ["--universe", terms.universe, "--start", f"{sessions[0]:%Y-%m-%d}", "--end", f"{sessions[-1]:%Y-%m-%d}"]
    words += ["--train", str(rule.train), "--test", str(rule.test), "--purge", str(rule.purge)]
    words += [*(["--embargo", str(rule.embargo)] if rule.embargo else []), *(["--anchored"] if rule.anchored else [])]
    words += ["--events"] if rule.events is not None else []
    words += ["--objective", terms.objective]
    for bound in terms.constraints:
        words += ["--constraint", bound.name]
    words += ["--trials", str(terms.trials), "--tuner", tuner, "--seed", str(seed)]
    words += [] if terms.max_failed == MAX_FAILED else ["--max-failed", shortest(terms.max_failed)]
    return [*words, *account_words(terms.fill, terms.costs, terms.weighting, terms.rebalance, terms.capital)]


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
