"""Facts about the prices of a run's names: extreme moves, and names that lack them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from undertow.backtests.kernel.path import AccountPath
from undertow.backtests.runs.notes import MOST_MOVES, move_record
from undertow.market import BoolArray, FloatArray, is_extreme, price_changes
from undertow.signals.decisions import DecisionTable


def held_moves(paths: Mapping[str, AccountPath]) -> list[dict[str, Any]]:
    """The extreme moves of names while an account held them, in order of time.

    One row a move, as `move_record` makes it: the change is that since the last known close, or since the fill of a
    name that was bought on the session. Only the `MOST_MOVES` largest are listed.

    Args:
        paths: accounts on the same sessions, by name.
    """
    moves: dict[tuple[int, str], dict[str, Any]] = {}
    for name, path in paths.items():
        changes = _changes_held(path)
        for row, column in zip(*np.nonzero(is_extreme(changes)), strict=True):
            symbol = path.grid.symbols[column]
            move = move_record(symbol, path.grid.sessions[row], float(changes[row, column]))
            moves.setdefault((int(row), symbol), move)["held_by"].append(name)
    largest = sorted(moves, key=lambda key: (-abs(moves[key]["change"]), key))[:MOST_MOVES]
    return [moves[key] for key in sorted(largest)]


def _changes_held(path: AccountPath) -> FloatArray:
    """Changes of price (T, C) that an account had a share in; NaN on all others."""
    held = path.weights != 0.0
    before = np.vstack([np.zeros((1, held.shape[1]), dtype=np.bool_), held[:-1]])
    bought = held & ~before
    since_fill = path.grid.close / path.grid.fill - 1.0
    return np.where(before, price_changes(path.grid.close), np.where(bought, since_fill, np.nan))


def universe_counts(table: DecisionTable, rows: slice, fill: FloatArray) -> dict[str, Any]:
    """The names of the universe in the sessions of a run, and those that it lacks.

    Args:
        table: decisions of every session of the market.
        rows: sessions of the run.
        fill: price of each name at the fill (T, N), NaN where nothing can be filled.
    """
    sessions = table.decisions.sessions[rows]
    strangers = table.universe.members(sessions, table.unpriced).any(axis=0)
    member, closed = table.member[rows], np.isfinite(table.close[rows])
    listed: BoolArray = np.any(member, axis=0)
    priced: BoolArray = np.any(member & closed, axis=0)
    filled: BoolArray = np.any(member & np.isfinite(fill), axis=0)
    never = [symbol for symbol, flag in zip(table.symbols, priced & ~filled, strict=True) if flag]
    return {
        "universe_symbols": int(listed.sum() + strangers.sum()),
        "symbols_without_prices": int((listed & ~priced).sum() + strangers.sum()),
        "symbols_never_filled": len(never),
        "never_filled": never,
    }
