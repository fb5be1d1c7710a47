"""Numbers, dates and names as text, the same in every table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from undertow.backtests.metrics import METRICS as CATALOGUE

MINUS = "\N{MINUS SIGN}"
BLANK = "\N{EN DASH}"


def percent(value: float, places: int = 1) -> str:
    """A change in percent, with its sign; a dash where there is no number."""
    return _number(value, f"+,.{places}%")


def share(value: float, places: int = 1) -> str:
    """A part of a whole in percent, without a plus."""
    return _number(value, f",.{places}%")


def plain(value: float, places: int = 2) -> str:
    """A ratio, hours or money: thousands separated, without a plus."""
    return _number(value, f",.{places}f")


def signed(value: float, places: int = 2) -> str:
    """A difference of ratios, with its sign."""
    return _number(value, f"+,.{places}f")


def count(value: float) -> str:
    """A whole number, thousands separated."""
    return plain(value, 0)


def times(value: float) -> str:
    """A multiple of the capital."""
    text = plain(value)
    return text if text == BLANK else f"{text}×"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def day(moment: Any) -> str:
    """A date; a dash where there is none."""
    return BLANK if pd.isna(moment) else f"{moment:%Y-%m-%d}"


def minute(moment: Any) -> str:
    """A date and a time of day; a dash where there is none."""
    return BLANK if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M}"


def title(name: str) -> str:
    """`liquidity-drain` as `Liquidity drain`; buy-and-hold is one word."""
    spaced = name if name == "buy-and-hold" else re.sub(r"[-_](?=\w)", " ", name)
    return spaced[:1].upper() + spaced[1:]


def typeset(sentence: str) -> str:
    """A sentence with real minus signs."""
    return re.sub(r"(?<![\w-])-(?=[\d.])", MINUS, sentence)


def listed(items: Sequence[str], most: int) -> str:
    """The first few items and how many more there are."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" + {rest} more" if rest > 0 else "")


def value_text(value: Any, digits: int = 10) -> str:
    """A parameter or a setting as it would be typed, with a real minus sign."""
    if value is None:
        return BLANK
    if isinstance(value, float):
        return typeset(f"{value:.{digits}g}")
    return typeset(str(value)) if isinstance(value, int) else str(value)


def _number(value: float, form: str) -> str:
    if not math.isfinite(value):
        return BLANK
    text = f"{value:{form}}"
    # Nothing but zeros has no sign: -0.0% would hint at a loss that rounds away.
    if not re.search(r"[1-9]", text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


# What a strategy of ours calls the level at which it acts, the first that it has.
THRESHOLDS = ("threshold", "drawdown", "reduce_at", "spike", "target", "first")


@dataclass(frozen=True)
class MetricFormat:
    """One figure of the headline and comparison tables."""

    key: str
    words: str
    short: str
    text: Callable[[float], str]


METRICS = tuple(
    MetricFormat(metric.key, metric.label, metric.short, metric.text) for metric in CATALOGUE if metric.headline
)
