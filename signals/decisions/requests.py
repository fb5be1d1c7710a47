"""Checks of a request to a signal, before it is computed.

An unknown name must not pass for a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from undertow.market import Feed, FloatArray, How, ParameterError, UnknownNameError, did_you_mean
from undertow.signals.base import Parameter, Spec

# Units of lengths: none makes sense at 0 or below, where the search range of a signal says so too.
LENGTH_UNITS = ("rows", "sessions", "settlements", "rows a year", "hours a year")
_HOWS: tuple[str, ...] = get_args(How)
# How hours are counted on bars of stocks: trading hours, or the 24/7 clock.
CountedHours = Literal["session", "clock"]
COUNTED_HOURS: tuple[CountedHours, ...] = get_args(CountedHours)


class SignalSource(NamedTuple):
    """Where a signal is read: its output, feeds, bars and universe.

    Args:
        output: name of the output; the first one where empty.
        asset: asset of the feeds.
        interval_hours: bars of so many hours, each known when it has closed; 0: the feed's own bars.
        universe: universe or screen whose names are read, or the symbol of one; that of the table where empty.
        hours: how hours are counted on a feed that keeps exchange hours: "session" trading hours, or "clock".
    """

    output: str = ""
    asset: str = "BTC"
    interval_hours: float = 0.0
    universe: str = ""
    hours: CountedHours = "session"


def signal_spec(signal: Any) -> Spec:
    """The definition of an indicator, or the definition itself.

    Raises `ParameterError` on anything else.
    """
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise ParameterError(f"`signal` must be an indicator such as ut.signals.Drawdown or its `spec`, got {signal!r}")
    return spec


def output_name(spec: Spec, output: str) -> str:
    """The name of an output; an empty name is that of the first output.

    Raises `UnknownNameError`.
    """
    if output and output not in spec.outputs:
        raise UnknownNameError("output", output, spec.outputs, spec.name)
    return output or spec.outputs[0]


def check_how(how: How) -> How:
    """The way to read a series; `ParameterError` unless it is one of last, min, max."""
    if how not in _HOWS:
        raise ParameterError(f"`how` must be one of {', '.join(_HOWS)}; got {how!r}{did_you_mean(str(how), _HOWS)}")
    return how


def parameter_sets(spec: Spec, parameters: Mapping[str, npt.ArrayLike], lag: npt.ArrayLike) -> FloatArray:
    """The parameters of every set and its lag (P, K + 1), defaults included.

    Raises `UnknownNameError` on a parameter that the signal does not have, and `ParameterError` on values that are not
    finite numbers, on lengths of 0 or below, on unequal numbers of values, and on fractions of whole numbers.
    """
    for name in parameters:
        if name not in spec.parameters:
            raise UnknownNameError("parameter", str(name), spec.parameters, spec.name)
    values = {name: parameters.get(name, parameter.default) for name, parameter in spec.parameters.items()}
    columns = {name: _numbers(spec, name, value) for name, value in {**values, "lag": lag}.items()}
    lengths = {name: len(column) for name, column in columns.items() if len(column) != 1}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise ParameterError(f"{spec.name}: one value for each set, or one for all of them; got {counts}")
    for name, parameter in spec.parameters.items():
        _check_unit(spec, name, columns[name], parameter)
    return np.stack(np.broadcast_arrays(*columns.values()), axis=1)


def _numbers(spec: Spec, name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        column = np.ravel(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise ParameterError(f"{spec.name}: `{name}` must be a number or one for each set, got {values!r}") from None
    infinite = column[~np.isfinite(column)]
    if len(infinite):
        raise ParameterError(f"{spec.name}: `{name}` must be finite, got {infinite[0]}")
    return column


def _check_unit(spec: Spec, name: str, column: FloatArray, parameter: Parameter) -> None:
    if parameter.unit in LENGTH_UNITS and parameter.range.low > 0 and not (column > 0.0).all():
        raise ParameterError(f"{spec.name}: `{name}` must be above 0, got {column.min():g}")
    # On the clock of a feed a length in hours becomes whole rows.
    if parameter.whole and not (parameter.unit == "rows" and spec.clock == "feed"):
        fractions = column[column != np.round(column)]
        if len(fractions):
            raise ParameterError(f"{spec.name}: `{name}` must be a whole number, got {fractions[0]:g}")


def with_defaults(spec: Spec, parameters: Mapping[str, float]) -> dict[str, float]:
    """Every parameter of a signal, with its defaults; whole ones as whole numbers."""
    values = {name: float(parameters.get(name, parameter.default)) for name, parameter in spec.parameters.items()}
    return {name: int(value) if spec.parameters[name].whole else value for name, value in values.items()}


def feed_parameters(spec: Spec, feed: Feed, parameters: Mapping[str, float]) -> dict[str, float]:
    """Every parameter of a signal, in rows of a feed.

    Parameters in hours become whole rows of the feed, and hours a year rows a year; defaults are filled in.
    """

    def in_rows(unit: str, value: float) -> float:
        if unit == "rows":
            return feed.bars(value)
        if unit != "hours a year" or not feed.row_hours:
            return value
        share = 1.0 if feed.hours is None else feed.hours.share
        return value * share / feed.row_hours

    values = with_defaults(spec, parameters)
    return {name: in_rows(spec.parameters[name].unit, value) for name, value in values.items()}
