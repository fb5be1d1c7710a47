"""The outputs of a signal, checked to be arrays of the inputs' shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.market import FloatArray
from undertow.signals.base import Spec
from undertow.testing.inputs import Inputs, short_parameters

SignalParameters = dict[str, Any] | None


def spec_of(signal: Any) -> Spec:
    """The `Spec` of a signal; raises `AssertionError` where it has none."""
    spec = getattr(signal, "spec", signal)
    if not isinstance(spec, Spec):
        raise AssertionError(f"{signal!r} is not a signal: it has no `spec`; wrap a `Spec` with `indicator(Spec(...))`")
    return spec


def computed(signal: Any, inputs: Inputs, parameters: SignalParameters = None) -> tuple[FloatArray, ...]:
    """Every output, checked to be a float array of the inputs' shape."""
    spec = spec_of(signal)
    values = {**short_parameters(spec), **(parameters or {})}
    rows = {len(array) for array in inputs.values()}
    try:
        outputs = spec.compute({name: np.ascontiguousarray(inputs[name]) for name in spec.inputs}, values)
    except Exception as error:
        raise AssertionError(f"`{spec.name}` raised {type(error).__name__}: {error} (rows {rows}, {values})") from error
    if len(outputs) != len(spec.outputs):
        raise AssertionError(
            f"`{spec.name}` returned {len(outputs)} arrays for {len(spec.outputs)} outputs: {', '.join(spec.outputs)}"
        )
    shape = np.broadcast_shapes(*(array.shape for array in inputs.values()))
    for name, output in zip(spec.outputs, outputs, strict=True):
        output_shape = getattr(output, "shape", None)
        if output_shape != shape:
            raise AssertionError(
                f"`{spec.name}`.{name} has the shape {output_shape}, expected that of the inputs, {shape}"
            )
        if output.dtype != np.float64:
            raise AssertionError(f"`{spec.name}`.{name} is {output.dtype}, expected float64")
    return outputs


def first_difference(
    array: FloatArray, expected: FloatArray, rtol: float = 0.0, atol: float = 0.0
) -> tuple[int, int] | None:
    """The first (row, column) where two arrays differ; NaN equals NaN.

    Args:
        array: one array (rows, columns).
        expected: the other one.
        rtol: difference that is allowed, as a share.
        atol: difference that is allowed beside it.
    """
    if array.shape != expected.shape:
        return (0, 0)
    positions = np.argwhere(~np.isclose(array, expected, rtol=rtol, atol=atol, equal_nan=True))
    return (int(positions[0][0]), int(positions[0][1])) if len(positions) else None
