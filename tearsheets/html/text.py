"""Numbers, dates and names as text, in one format on every page."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

MINUS = "\N{MINUS SIGN}"
BLANK = "\N{EN DASH}"


def percent(value: float, decimals: int = 1) -> str:
    """A change in percent with its sign; a dash where it is not finite."""
    return _number(value, f"+,.{decimals}%")


def share(value: float, decimals: int = 1) -> str:
    """A share in percent, without a plus sign."""
    return _number(value, f",.{decimals}%")


def plain(value: float, decimals: int = 2) -> str:
    """A ratio, hours or money: thousands separated, without a plus sign."""
    return _number(value, f",.{decimals}f")


def signed(value: float, decimals: int = 2) -> str:
    """A difference of ratios, with its sign."""
    return _number(value, f"+,.{decimals}f")


def count(value: float) -> str:
    """A whole number, thousands separated."""
    return plain(value, 0)


def times(value: float) -> str:
    """A multiple of the capital: `1.25×`."""
    text = plain(value)
    return text if text == BLANK else f"{text}×"


def quantity(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: `1 session`, `2 sessions`."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def day(moment: Any) -> str:
    """A date as `2024-08-05`; a dash where it is missing."""
    return BLANK if pd.isna(moment) else f"{moment:%Y-%m-%d}"


def minute(moment: Any) -> str:
    """A date and a time of day; a dash where it is missing."""
    return BLANK if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M}"


def title(name: str) -> str:
    """`liquidity-drain` as `Liquidity drain`; `buy-and-hold` keeps its dashes."""
    spaced = name if name.startswith("buy-and-hold") else re.sub(r"[-_](?=\w)", " ", name)
    return spaced[:1].upper() + spaced[1:]


def typeset(sentence: str) -> str:
    """Replace the hyphens before numbers by minus signs."""
    return re.sub(r"(?<![\w-])-(?=[\d.])", MINUS, sentence)


def shortlist(items: Sequence[str], limit: int) -> str:
    """The first `limit` items and the number of further ones."""
    remaining = len(items) - limit
    return ", ".join(items[:limit]) + (f" + {remaining} more" if remaining > 0 else "")


def value_text(value: Any, digits: int = 10) -> str:
    """A parameter or a setting as it is typed, with a minus sign."""
    if value is None:
        return BLANK
    if isinstance(value, float):
        return typeset(f"{value:.{digits}g}")
    return typeset(str(value)) if isinstance(value, int) else str(value)


def _number(value: float, form: str) -> str:
    if not math.isfinite(value):
        return BLANK
    text = f"{value:{form}}"
    # -0.0% would hint at a loss that rounds to zero.
    if not re.search(r"[1-9]", text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


# Parameters that set the level at which a named strategy acts; the first that a strategy has is its threshold.
THRESHOLDS = ("threshold", "drawdown", "reduce_at", "spike", "target", "first")
