"""What a stitched run says about itself: its folds in words, the command that makes it again, and its key."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from optuna.distributions import distribution_to_json

from undertow.backtests.account import Account
from undertow.backtests.command import shortest
from undertow.backtests.ledger.ledger import key_of
from undertow.backtests.objective_code import codes, is_named
from undertow.backtests.tuning.argv import search_argv
from undertow.backtests.tuning.settings import MAX_FAILED
from undertow.backtests.validation.events import event_spans
from undertow.backtests.validation.gate import FoldGate
from undertow.backtests.validation.schedule import ScheduledSpan
from undertow.backtests.validation.settings import TUNERS, WalkSettings
from undertow.backtests.validation.shocks import shock_events
from undertow.backtests.validation.splits import WalkForward
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

    def described(self, pieces: Sequence[ScheduledSpan]) -> tuple[tuple[str, Any], ...]:
        """The parameters that a stitched run's recipe lists: the walk, then each fold with its own."""
        folds = (
            (
                f"fold {number}, {piece.first:%Y-%m-%d} to {piece.last:%Y-%m-%d}",
                _told(piece),
            )
            for number, piece in enumerate(pieces, 1)
        )
        return (*self.head, *folds)


def _told(piece: ScheduledSpan) -> str:
    if piece.strategy is None:
        return "holds: nothing was passed in training"
    given = ", ".join(f"{name}={_text(value)}" for name, value in piece.strategy.parameters.items())
    return given or "no parameters"


def recipe_of(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    rule: WalkForward,
    settings: WalkSettings,
    seed: int,
    tuner: str,
    gate: FoldGate | None = None,
) -> WalkRecipe:
    """The recipe of a walk-forward whose folds `tuner` tunes: a name of `TUNERS`, or the path of a function."""
    head: list[tuple[str, Any]] = [
        ("walk-forward of", strategy.name()),
        ("split", rule.text),
        ("objective", settings.objective.name),
        *([("constraints", ", ".join(each.name for each in settings.constraints))] if settings.constraints else []),
        ("trials a fold", settings.trials),
        ("tuner", tuner),
        ("seed of the tuning", seed),
        *([("gate", gate.name)] if gate is not None else []),
    ]
    # The command line has the level of the usual gate alone.
    usual = [] if gate is None else ["--gate", shortest(gate.alpha)]
    plain = gate is None or gate.name == f"SPA p <= {gate.alpha:g}"
    repeatable = tuner in TUNERS and market.path is not None and plain and is_named(settings.objective)
    repeatable = repeatable and search_argv(strategy, settings.space, settings.fixed) is not None
    spans = event_spans(rule.events, sessions).tolist()
    command = None
    if repeatable and (rule.events is None or spans == _shocks(strategy, market, sessions, settings)):
        command = shlex.join([*command_words(strategy, market, sessions, rule, settings, seed, tuner), *usual])
    whole = {
        "strategy": f"{strategy.__module__}:{strategy.__qualname__}",
        "market": market.fingerprint,
        "account": {**settings.account, "costs": asdict(settings.costs)},
        # What is tested, and what a gate makes of the trials, changes none of them.
        "trained": [[str(sessions[fold.train[0]]), str(sessions[fold.train[-1]])] for fold in rule.folds(sessions)],
        "search": [
            settings.objective.name,
            *(each.name for each in settings.constraints),
            settings.trials,
            tuner,
            seed,
        ],
        "space": {name: distribution_to_json(each) for name, each in settings.space.items()},
        "fixed": dict(settings.fixed),
        **codes(strategy, [settings.objective]),
    }
    return WalkRecipe(tuple(head), command, key_of(whole))


def _shocks(
    strategy: type[Strategy], market: Market, sessions: pd.DatetimeIndex, settings: WalkSettings
) -> list[list[int]]:
    """The events of `--events` as rows of the sessions: the strategy's own shocks; none where it names none."""
    own = strategy.create(settings.fixed)
    try:
        found = shock_events(own, market, sessions, universe=settings.universe, fill=settings.fill)
    except ParameterError:
        return []
    spans: list[list[int]] = event_spans(found, sessions).tolist()
    return spans


def command_words(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    rule: WalkForward,
    settings: WalkSettings,
    seed: int,
    tuner: str,
) -> list[str]:
    """The command line that makes the walk-forward again, word by word."""
    words = ["undertow", "walk-forward", "--market", str(market.path)]
    words += search_argv(strategy, settings.space, settings.fixed) or []
    words += [
        "--universe",
        settings.universe,
        "--start",
        f"{sessions[0]:%Y-%m-%d}",
        "--end",
        f"{sessions[-1]:%Y-%m-%d}",
    ]
    words += ["--train", str(rule.train), "--test", str(rule.test), "--purge", str(rule.purge)]
    words += [*(["--embargo", str(rule.embargo)] if rule.embargo else []), *(["--anchored"] if rule.anchored else [])]
    words += ["--events"] if rule.events is not None else []
    words += ["--objective", settings.objective.name]
    for bound in settings.constraints:
        words += ["--constraint", bound.name]
    words += ["--trials", str(settings.trials), "--tuner", tuner, "--seed", str(seed)]
    words += [] if settings.max_failed == MAX_FAILED else ["--max-failed", shortest(settings.max_failed)]
    account = Account(settings.fill, settings.costs, settings.weighting, settings.rebalance, settings.capital)
    return [*words, *account.argv()]


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
