"""The sets of a sweep that cannot be distinguished from the best."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from undertow.market import BoolArray


@dataclass(frozen=True, eq=False)
class CandidateSets:
    """The sets that cannot be distinguished from the best by growth of capital.

    Any of them may be the best. The model confidence set holds the best with probability `level` or more.

    Args:
        level: probability, decimal.
        included: which sets (P,) are in it.
        buy_and_hold: whether buy-and-hold is in it too.
        table: varied parameters of the included sets, one row a set.
        sentence: the answer in one sentence.
    """

    level: float
    included: BoolArray
    buy_and_hold: bool
    table: pd.DataFrame = field(repr=False)
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {
            "level": self.level,
            "sets": len(self.table),
            "buy_and_hold": self.buy_and_hold,
            "sentence": self.sentence,
            "parameters": records(self.table),
        }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain values, NaN as None."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows
