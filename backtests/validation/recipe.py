"""The recipe of a joined run: its folds as text, its command, and its search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from optuna.distributions import distribution_to_json

from undertow.backtests.command import shortest
from undertow.backtests.ledger.ledger import SearchKey, key_of
from undertow.backtests.objectives import codes, is_named
from undertow.backtests.tuning.argv import search_argv
from undertow.backtests.tuning.settings import MAX_FAILED
from undertow.backtests.validation.events import Events, event_spans, shock_events
from undertow.backtests.validation.gate import FoldGate
from undertow.backtests.validation.plan import Robustness, WalkPlan
from undertow.backtests.validation.schedule import ScheduledSpan
from undertow.backtests.validation.settings import SEARCH, TUNERS
from undertow.backtests.validation.splits_cpcv import CombinatorialPurgedKFold
from undertow.market import Market, ParameterError


@dataclass(frozen=True)
class WalkRecipe:
    """A walk-forward as text.

    Args:
        head: names and values of its settings.
        command: the command line that makes it again. None for a market that is not a folder, for a user-defined tuner
            or gate, for an objective without a name, for weights that lie in no file, for events that are not the
            strategy's shocks, and for a space or paths that no option describes.
    """

    head: tuple[tuple[str, Any], ...]
    command: str | None

    def description(self, spans: Sequence[ScheduledSpan]) -> tuple[tuple[str, Any], ...]:
        """The parameters of a joined run's recipe: the walk's settings, then every fold."""
        folds = (
            (f"fold {number}, {span.first:%Y-%m-%d} to {span.last:%Y-%m-%d}", _fold_text(span))
            for number, span in enumerate(spans, 1)
        )
        return (*self.head, *folds)


def _fold_text(span: ScheduledSpan) -> str:
    if span.strategy is None:
        return "holds the basket: its trials did not pass the gate"
    parameters = ", ".join(f"{name}={_value_text(value)}" for name, value in span.strategy.parameters.items())
    return parameters or "no parameters"


def _value_text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def walk_recipe(
    plan: WalkPlan, market: Market, sessions: pd.DatetimeIndex, *, gate: FoldGate | None, robustness: Robustness
) -> WalkRecipe:
    """The recipe of one account of a walk-forward.

    Args:
        plan: the plan, resolved on the market.
        market: the market.
        sessions: sessions of the span.
        gate: gate that the account holds by; None where every fold acts.
        robustness: checks beside the walk that the command makes too.
    """
    settings = plan.settings
    head: list[tuple[str, Any]] = [
        ("walk-forward of", plan.strategy.name()),
        ("split", plan.split.text),
        ("objective", settings.objective.name),
        *([("constraints", _constraint_names(plan))] if settings.constraints else []),
        ("trials a fold", settings.trials),
        ("tuner", plan.tuner_name),
        *([("sampler", settings.sampler)] if plan.tuner_name == SEARCH else []),
        ("seed of the tuning", plan.seed),
        *([("gate", gate.name)] if gate is not None else []),
    ]
    argv = _argv(plan, market, sessions, gate, robustness)
    return WalkRecipe(tuple(head), None if argv is None else shlex.join(argv))


def search_key(plan: WalkPlan, market: Market, sessions: pd.DatetimeIndex) -> SearchKey:
    """The search of a walk in the ledger, keyed by all that decides its trials.

    Args:
        plan: the plan, resolved on the market.
        market: the market.
        sessions: sessions of the span.
    """
    strategy, settings = plan.strategy, plan.settings
    identity = {
        "strategy": f"{strategy.__module__}:{strategy.__qualname__}",
        "market": market.fingerprint,
        "account": {"universe": settings.universe, **settings.account.as_dict()},
        # The tested sessions and the gate change no trial.
        "trained": [
            [str(sessions[fold.train[0]]), str(sessions[fold.train[-1]])] for fold in plan.split.folds(sessions)
        ],
        "search": [
            settings.objective.name,
            *(constraint.name for constraint in settings.constraints),
            settings.trials,
            plan.tuner_name,
            plan.seed,
            *([settings.sampler, settings.design] if plan.tuner_name == SEARCH else []),
        ],
        "space": {name: distribution_to_json(values) for name, values in settings.space.items()},
        "fixed": dict(settings.fixed),
        **codes(strategy, [settings.objective]),
    }
    window = str(sessions[0].date()), str(sessions[-1].date())
    return SearchKey(
        strategy=strategy.name(),
        market=market.fingerprint,
        universe=settings.universe,
        window=window,
        study="walk-forward",
        key=key_of(identity),
        name=market.name,
    )


def _constraint_names(plan: WalkPlan) -> str:
    return ", ".join(constraint.name for constraint in plan.settings.constraints)


def _argv(
    plan: WalkPlan, market: Market, sessions: pd.DatetimeIndex, gate: FoldGate | None, robustness: Robustness
) -> list[str] | None:
    """The command line of a walk-forward; None where there is none."""
    settings = plan.settings
    # The command line has the level of the default gate alone.
    default_gate = gate is None or gate.name == f"SPA p <= {gate.alpha:g}"
    repeatable = plan.tuner_name in TUNERS and default_gate and is_named(settings.objective)
    repeatable = repeatable and settings.account.has_options
    searched = search_argv(plan.strategy, settings.space, settings.fixed)
    if not repeatable or market.path is None or searched is None:
        return None
    if plan.split.events is not None and not _are_shocks(plan, market, sessions):
        return None
    beside = _robustness_argv(plan, sessions, robustness)
    if beside is None:
        return None
    command = ["undertow", "walk-forward", "--market", market.path]
    gated = [] if gate is None else ["--gate", shortest(gate.alpha)]
    return [*command, *searched, *_walk_argv(plan, sessions), *gated, *beside]


def _are_shocks(plan: WalkPlan, market: Market, sessions: pd.DatetimeIndex) -> bool:
    """Whether the events of a split are those of `--events`: the strategy's shocks."""
    settings = plan.settings
    rule = plan.strategy.create(settings.fixed)
    try:
        shocks = shock_events(rule, market, sessions, universe=settings.universe, fill=settings.account.fill)
    except ParameterError:
        return False
    return _same_spans(plan.split.events, shocks, sessions)


def _same_spans(events: Events | str | None, shocks: Events | str | None, sessions: pd.DatetimeIndex) -> bool:
    return bool(event_spans(events, sessions).tolist() == event_spans(shocks, sessions).tolist())


def _walk_argv(plan: WalkPlan, sessions: pd.DatetimeIndex) -> list[str]:
    split, settings = plan.split, plan.settings
    argv = ["--universe", settings.universe]
    argv += ["--start", f"{sessions[0]:%Y-%m-%d}", "--end", f"{sessions[-1]:%Y-%m-%d}"]
    argv += ["--train", str(split.train), "--test", str(split.test), "--purge", str(split.purge)]
    argv += [*(["--embargo", str(split.embargo)] if split.embargo else []), *(["--anchored"] if split.anchored else [])]
    argv += ["--events"] if split.events is not None else []
    argv += ["--objective", settings.objective.name]
    for constraint in settings.constraints:
        argv += ["--constraint", constraint.name]
    argv += ["--trials", str(settings.trials), "--tuner", plan.tuner_name, "--seed", str(plan.seed)]
    argv += ["--sampler", settings.sampler] if plan.tuner_name == SEARCH else []
    argv += [] if settings.design is None else ["--design", str(settings.design)]
    argv += [] if settings.max_failed == MAX_FAILED else ["--max-failed", shortest(settings.max_failed)]
    return [*argv, *settings.account.argv()]


def _robustness_argv(plan: WalkPlan, sessions: pd.DatetimeIndex, robustness: Robustness) -> list[str] | None:
    """The options of the checks beside a walk; None where none describes the paths."""
    argv = ["--seeds", str(robustness.seeds)] if robustness.seeds > 1 else []
    paths, split = robustness.paths, plan.split
    if paths is None:
        return argv
    argv += ["--cpcv", f"{paths.n_groups}:{paths.n_test_groups}"]
    default = CombinatorialPurgedKFold(paths.n_groups, paths.n_test_groups).embargo
    # Without `--embargo` a walk has none and paths have their default; with it both have the same.
    embargo_as_typed = paths.embargo == split.embargo or (split.embargo == 0 and paths.embargo == default)
    same_events = (paths.events is None) == (split.events is None) and _same_spans(paths.events, split.events, sessions)
    if paths.purge != split.purge or not embargo_as_typed or not same_events:
        return None
    return [*argv, *(["--embargo", "0"] if paths.embargo == 0 else [])]
