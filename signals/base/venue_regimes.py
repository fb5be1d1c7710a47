"""Indicators that compare amounts within one venue regime, and refuse to pool several.

vectorbt passes arrays without their rows' meaning, so the check looks at the pandas objects before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import pandas as pd

from undertow.market import REGIME_KINDS, VENUE_REGIMES, ParameterError
from undertow.signals.base.spec import LazyIndicator, Spec, indicator

_COLUMN = "regime"
# The name of the index of a feed's frame.
_INDEX = "time"


class RegimeIndicator(LazyIndicator, type):
    """An indicator with a venue regime among its inputs, whose `run` checks for it."""

    def _built(cls) -> Any:
        if "built" in cls.__dict__:
            return cls.__dict__["built"]
        built = super()._built()
        for name in ("run", "run_combs"):
            # Signals without parameters have no combinations.
            if hasattr(built, name):
                setattr(built, name, classmethod(_checked(getattr(built, name).__func__, cls.spec)))
        return built


def regime_indicator(spec: Spec) -> Any:
    """Wrap a `Spec` with venue regimes among its inputs as a vectorbt indicator.

    As `indicator` does. Its `run` raises `ParameterError` where a regime is left out and the amounts come from a
    feed's `frame` with several regimes in their span, and warns where amounts of a feed have lost their regimes.
    Amounts of the caller's own, an array or a Series with another index, are one regime where none is passed.
    """
    plain = indicator(spec)
    names = {"spec": spec, "__doc__": plain.__doc__, "__module__": plain.__module__}
    return RegimeIndicator(plain.__name__, (), names)


def _checked(run: Callable[..., Any], spec: Spec) -> Callable[..., Any]:
    @wraps(run)
    def checked(cls: Any, *args: Any, **kwargs: Any) -> Any:
        _check_regimes(spec, {**dict(zip(spec.inputs, args, strict=False)), **kwargs})
        return run(cls, *args, **kwargs)

    return checked


def _check_regimes(spec: Spec, inputs: Mapping[str, Any]) -> None:
    for name, (kind, column) in spec.inputs.items():
        if column != _COLUMN or name in inputs:
            continue
        amounts = [key for key, (other, _) in spec.inputs.items() if other == kind and key in inputs]
        regimes = [_regimes_of(inputs[key]) for key in amounts]
        several = next((found for found in regimes if found is not None and len(found) > 1), None)
        if several is not None:
            first = ", ".join(f"{label or 'unnamed'} from {start[:10]}" for start, label in several[:3])
            raise ParameterError(
                f"{spec.name}: `{amounts[0]}` has {len(several)} venue regimes ({first}{', ...' * (len(several) > 3)}),"
                f' whose amounts are not comparable; pass {name}=frame["venue_regime"], the column of the feed\'s frame'
            )
        lost = any(found is None and _is_of_feed(inputs[key]) for key, found in zip(amounts, regimes, strict=True))
        if lost and kind in REGIME_KINDS:
            warnings.warn(
                f"{spec.name} takes all rows of `{amounts[0]}` as one venue regime; pass {name}= the column"
                f" `venue_regime` of a feed's frame, or {name}=0 where the venue never changed",
                stacklevel=4,
            )


def _is_of_feed(values: Any) -> bool:
    """Whether it has the index of a feed's frame, which calculations keep."""
    index = getattr(values, "index", None)
    return isinstance(index, pd.DatetimeIndex) and index.name == _INDEX and index.tz is not None


def _regimes_of(values: Any) -> list[list[str]] | None:
    """The regimes in the span of a pandas object, each as its first row and its name.

    None where they are unknown.
    """
    stored = values.attrs.get(VENUE_REGIMES) if isinstance(values, pd.Series | pd.DataFrame) else None
    if stored is None or not isinstance(values.index, pd.DatetimeIndex) or not len(values):
        return None
    first, last = values.index.min(), values.index.max()
    starts = pd.DatetimeIndex([start for start, _ in stored])
    starts = starts.tz_localize(None) if first.tz is None else starts.tz_convert(first.tz)
    within = (starts <= last) & (starts > first)
    # The regime of the first row began at or before it.
    within[max(int((starts <= first).sum()) - 1, 0)] = True
    return [regime for regime, inside in zip(stored, within, strict=True) if inside]
