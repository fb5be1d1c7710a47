"""What is asked of a signal, checked before it is computed: a name that is not there must not pass for a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from undertow.market.clock import FloatArray, How
from undertow.market.errors import ParameterError, UnknownNameError, did_you_mean
from undertow.signals.base.spec import Parameter, Spec

# Units of which there is nothing at 0 or below, where the search range of a signal says so too.
LENGTHS = ("rows", "sessions", "settlements", "rows a year", "hours a year")
_HOWS: tuple[str, ...] = get_args(How)


def spec_of(signal: Any) -> Spec:
    """The definition of an indicator, or a definition as it is; raises `ParameterError` on anything else."""
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise ParameterError(f"`signal` must be an indicator such as ut.signals.Drawdown or its `spec`, got {signal!r}")
    return spec


def output_of(spec: Spec, output: str) -> str:
    """The output asked for, the first without one; raises `UnknownNameError`."""
    if output and output not in spec.outputs:
        raise UnknownNameError("output", output, spec.outputs, spec.name)
    return output or spec.outputs[0]


def check_how(how: str) -> None:
    """Raise `ParameterError` unless `how` is one of last, min, max."""
    if how not in _HOWS:
        raise ParameterError(f"`how` must be one of {', '.join(_HOWS)}; got {how!r}{did_you_mean(str(how), _HOWS)}")


def sets_of(spec: Spec, parameters: Mapping[str, npt.ArrayLike], lag: npt.ArrayLike) -> FloatArray:
    """The parameters of every set and its lag (P, K + 1), defaults where nothing is given.

    Raises `UnknownNameError` on a parameter that the signal does not have, `ParameterError` on values that are no
    finite numbers or too low to mean anything, on lengths that do not fit, and on a part where whole numbers are meant.
    """
    for name in parameters:
        if name not in spec.parameters:
            raise UnknownNameError("parameter", str(name), spec.parameters, spec.name)
    named = {name: parameters.get(name, each.default) for name, each in spec.parameters.items()}
    columns = {name: _numbers(spec, name, given) for name, given in {**named, "lag": lag}.items()}
    lengths = {name: len(column) for name, column in columns.items() if len(column) != 1}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise ParameterError(f"{spec.name}: one value for each set, or one for all of them; got {told}")
    for name, each in spec.parameters.items():
        _check_unit(spec, name, columns[name], each)
    return np.stack(np.broadcast_arrays(*columns.values()), axis=1)


def _numbers(spec: Spec, name: str, given: npt.ArrayLike) -> FloatArray:
    try:
        column = np.ravel(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError):
        raise ParameterError(f"{spec.name}: `{name}` must be a number or one for each set, got {given!r}") from None
    bad = column[~np.isfinite(column)]
    if len(bad):
        raise ParameterError(f"{spec.name}: `{name}` must be finite, got {bad[0]}")
    return column


def _check_unit(spec: Spec, name: str, column: FloatArray, each: Parameter) -> None:
    if each.unit in LENGTHS and each.range.low > 0 and not (column > 0.0).all():
        raise ParameterError(f"{spec.name}: `{name}` must be above 0, got {column.min():g}")
    # On the clock of a feed a length in hours becomes whole rows.
    if each.whole and not (each.unit == "rows" and spec.clock == "feed"):
        parts = column[column != np.round(column)]
        if len(parts):
            raise ParameterError(f"{spec.name}: `{name}` must be a whole number, got {parts[0]:g}")
