"""What a stitched run says about itself: its folds in words, and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pandas as pd
from optuna.distributions import CategoricalDistribution

from undertow.backtests.splits import WalkForward
from undertow.backtests.stitch import Piece
from undertow.backtests.walk_tuner import Terms
from undertow.market.market import Market
from undertow.signals.registry import STRATEGIES, registered
from undertow.strategies.strategy import Strategy


def described(
    strategy: type[Strategy], pieces: Sequence[Piece], split: str, terms: Terms, seed: int
) -> tuple[tuple[str, Any], ...]:
    """The parameters that a stitched run's recipe lists: the walk, then each fold with its own."""
    folds = [
        (
            f"fold {number}, {piece.first:%Y-%m-%d} to {piece.last:%Y-%m-%d}",
            ", ".join(f"{name}={_text(value)}" for name, value in piece.strategy.parameters.items()) or "no parameters",
        )
        for number, piece in enumerate(pieces, 1)
    ]
    head: list[tuple[str, Any]] = [
        ("walk-forward of", strategy.name()),
        ("split", split),
        ("objective", terms.objective),
        ("trials a fold", terms.trials),
        ("seed of the tuning", seed),
    ]
    return (*head, *folds)


def command_line(
    strategy: type[Strategy],
    market: Market,
    sessions: pd.DatetimeIndex,
    rule: WalkForward,
    terms: Terms,
    seed: int,
) -> str:
    """The command line that makes the walk-forward again."""
    words = ["undertow", "walk-forward", "--market", str(market.path), "--strategy", _named(strategy)]
    for name, value in terms.fixed.items():
        words += ["--set", f"{name}={value}"]
    whole = strategy.search_space()
    for name, space in terms.space.items():
        if space != whole[name]:
            words += ["--narrow", f"{name}={_range(space)}"]
    words += ["--universe", terms.universe, "--start", f"{sessions[0]:%Y-%m-%d}", "--end", f"{sessions[-1]:%Y-%m-%d}"]
    words += ["--train", str(rule.train), "--test", str(rule.test), "--purge", str(rule.purge)]
    words += ["--embargo", str(rule.embargo), *(["--anchored"] if rule.anchored else [])]
    words += ["--events"] if rule.events is not None else []
    words += ["--trials", str(terms.trials), "--objective", terms.objective, "--seed", str(seed)]
    words += ["--fill", terms.fill, "--fee-bps", f"{terms.costs.fee_bps:g}"]
    words += ["--slippage-bps", f"{terms.costs.slippage_bps:g}", "--haircut-bps", f"{terms.costs.haircut_bps:g}"]
    words += ["--weighting", terms.weighting, "--rebalance", terms.rebalance, "--capital", repr(float(terms.capital))]
    return shlex.join(words)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _range(space: Any) -> str:
    return (
        ",".join(map(str, space.choices)) if isinstance(space, CategoricalDistribution) else f"{space.low}:{space.high}"
    )


def _named(kind: type[Strategy]) -> str:
    path = f"{kind.__module__}:{kind.__qualname__}"
    point = registered(STRATEGIES).get(kind.name())
    return kind.name() if point is not None and point.value == path else path
