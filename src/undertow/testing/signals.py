"""The contract of a signal as functions that raise `AssertionError`.

The error names what is broken. A signal is its indicator class, as `indicator` makes it, or its `Spec`. `parameters`
are those to check with, by default `short_parameters(spec)`; `sampler` supplies the inputs.
"""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market import FloatArray
from undertow.signals.base import Spec
from undertow.testing.computed import SignalParameters, computed, first_difference, spec_of
from undertow.testing.inputs import (
    FACTS,
    ROWS,
    Inputs,
    Sampler,
    changed_parameters,
    inputs_of,
    jumping_inputs,
    one_regime,
    sample_inputs,
    short_parameters,
)
from undertow.testing.processes import run_plain
from undertow.testing.signal_look_ahead import check_earlier_calls, check_prefix_invariance

# The plain run walks every loop in Python, so it gets few rows.
PLAIN_ROWS = 200


def check_definition(signal: Any) -> None:
    """Check name, summary, units, source, ranges, and a look-back for every output."""
    spec = spec_of(signal)
    problems = [
        (not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", spec.name), "its name must be kebab-case"),
        (not spec.summary.strip().endswith("."), "its summary must be a sentence that ends with a full stop"),
        (not spec.units.strip(), "it must state its `units`"),
        (not spec.source.strip(), "it must name its `source`: author, year, equation, or `our own definition`"),
        (not spec.inputs, "it must take at least one input"),
        (not spec.outputs, "it must name its outputs"),
        (not all(str(name).isidentifier() for name in spec.outputs), "its outputs must be Python names"),
        (len(set(spec.outputs)) != len(spec.outputs), "its outputs must have different names"),
        (bool(set(spec.defaults) - set(spec.inputs)), "`defaults` names something that is not an input"),
        (bool(set(spec.scale_free) - set(spec.inputs)), "`scale_free` names something that is not an input"),
        (bool(set(spec.bounds) - set(spec.outputs)), "`bounds` names something that is not an output"),
        (bool(set(spec.decimal) - set(spec.outputs)), "`decimal` names something that is not an output"),
        (not all(bounds.low < bounds.high for bounds in spec.bounds.values()), "`bounds` must have `low` below `high`"),
    ]
    for broken, rule in problems:
        if broken:
            raise AssertionError(f"`{spec.name}`: {rule}")
    for name, parameter in spec.parameters.items():
        if not parameter.range.low <= parameter.default <= parameter.range.high:
            raise AssertionError(
                f"`{spec.name}`: the default of `{name}`, {parameter.default}, is outside its range,"
                f" {parameter.range.low} to {parameter.range.high}"
            )
    _lookback(spec, {name: parameter.default for name, parameter in spec.parameters.items()})


def _lookback(spec: Spec, parameters: dict[str, Any]) -> tuple[int, ...]:
    needed = spec.lookback(**parameters)
    if len(needed) != len(spec.outputs) or not all(isinstance(rows, int | np.integer) and rows >= 1 for rows in needed):
        raise AssertionError(
            f"`{spec.name}`: `lookback` must give a whole number of rows, 1 or more, for each of {len(spec.outputs)}"
            f" outputs; it returned {needed!r}"
        )
    return needed


def check_warm_up(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that values begin when the declared look-back is full, almost gapless."""
    spec = spec_of(signal)
    values = {**short_parameters(spec), **(parameters or {})}
    for tried in (values, changed_parameters(spec, values)):
        outputs = computed(spec, one_regime(spec, inputs_of(spec, sampler)), tried)
        for name, output, needed in zip(spec.outputs, outputs, _lookback(spec, tried), strict=True):
            _check_first_value(f"`{spec.name}`.{name}", output, needed)


def _check_first_value(label: str, output: FloatArray, needed: int) -> None:
    if needed > len(output) // 2:
        raise AssertionError(f"{label} needs {needed} of the suite's {len(output)} rows; give it smaller `parameters`")
    rows = np.flatnonzero(np.isfinite(output).any(axis=1))
    first = int(rows[0]) if len(rows) else len(output)
    if first != needed - 1:
        side = "too early" if first < needed - 1 else "late"
        raise AssertionError(
            f"{label} has its first value at row {first}, {side}: with a look-back of {needed} rows it must be at row"
            f" {needed - 1}"
        )
    share = float(np.isfinite(output[needed - 1 :]).mean())
    if share <= 0.99:
        raise AssertionError(f"{label} has a value in only {share:.1%} of the rows after its look-back of {needed}")


def check_missing_values(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that missing values or inputs give neither infinity nor another shape."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    rng = np.random.default_rng(1)
    masks: list[tuple[str, Any]] = [("5 % of the values", lambda shape: rng.random(shape) < 0.05)]
    masks += [("the first 100 rows", lambda shape: _rows(shape, 0, 100))]
    masks += [("rows 300 to 399", lambda shape: _rows(shape, 300, 400))]
    for label, mask in masks:
        with_gaps = {name: _with_gaps(spec, name, values, mask(values.shape)) for name, values in inputs.items()}
        _check_finite(spec, with_gaps, parameters, f"with {label} missing")
    for missing in inputs:
        without = {n: _with_gaps(spec, n, v, np.full(v.shape, n == missing)) for n, v in inputs.items()}
        _check_finite(spec, without, parameters, f"with `{missing}` missing altogether")


def _check_finite(spec: Spec, inputs: Inputs, parameters: SignalParameters, condition: str) -> None:
    before = {name: values.copy() for name, values in inputs.items()}
    outputs = computed(spec, inputs, parameters)
    for name, output in zip(spec.outputs, outputs, strict=True):
        infinite = np.argwhere(np.isinf(output))
        if len(infinite):
            raise AssertionError(
                f"`{spec.name}`.{name} is infinite at row {infinite[0][0]} {condition}; NaN is expected"
            )
    for name, values in before.items():
        position = first_difference(values, inputs[name])
        if position is not None:
            raise AssertionError(f"`{spec.name}` changed its input `{name}` at row {position[0]}; work on a copy")


def check_bounds(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check `bounds` with calm inputs, jumping inputs and changed parameters."""
    spec = spec_of(signal)
    values = {**short_parameters(spec), **(parameters or {})}
    calm = inputs_of(spec, sampler)
    for inputs, condition in ((calm, ""), (jumping_inputs(spec, calm), " where the inputs jump")):
        for tried in (values, changed_parameters(spec, values)):
            for name, output in zip(spec.outputs, computed(spec, inputs, tried), strict=True):
                outside = np.argwhere(spec.bounds_of(name).outside(output))
                if len(outside):
                    row, column = outside[0]
                    raise AssertionError(
                        f"`{spec.name}`.{name} at row {row} is {output[row, column]:.9g}{condition}, outside its bounds"
                        f" {spec.bounds_of(name)}"
                    )


def _rows(shape: tuple[int, ...], start: int, stop: int) -> npt.NDArray[np.bool_]:
    rows = np.arange(shape[0])[:, None]
    return np.broadcast_to((rows >= start) & (rows < stop), shape)


def _with_gaps(spec: Spec, name: str, values: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    return values.copy() if spec.inputs[name][1] in FACTS else np.where(mask, np.nan, values)


def check_scale(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that a multiplied `scale_free` input does not change the first output."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    unscaled = computed(spec, inputs, parameters)[0]
    for name in spec.scale_free:
        for factor in (1000.0, 0.037):
            scaled = computed(spec, {**inputs, name: inputs[name] * factor}, parameters)[0]
            position = first_difference(unscaled, scaled, rtol=1e-6, atol=1e-9)
            if position is not None:
                raise AssertionError(
                    f"`{spec.name}` declares `{name}` scale_free, but {spec.outputs[0]} at row {position[0]} goes from"
                    f" {unscaled[position]:.9g} to {scaled[position]:.9g} when it is multiplied by {factor:g}"
                )


def check_columns(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that columns at once equal columns one at a time, or all are equal."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler, columns=6)
    together = computed(spec, inputs, parameters)
    for column in range(6):
        alone = together
        if not spec.across_names:
            alone = computed(spec, {name: values[:, [column]] for name, values in inputs.items()}, parameters)
        for name, joint, single in zip(spec.outputs, together, alone, strict=True):
            position = first_difference(joint[:, [column]], single[:, [0]], **_rounding(spec))
            if position is not None:
                location = f"`{spec.name}`.{name} at row {position[0]} of column {column}"
                raise AssertionError(
                    f"{location} differs from column 0, but it declares `across_names`"
                    if spec.across_names
                    else f"{location} depends on the other columns; a statistic across names declares"
                    " `across_names=True`"
                )


def check_parameters(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that parameter values at once, through vectorbt, equal one at a time."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    values = {**short_parameters(spec), **(parameters or {})}
    width = max(array.shape[1] for array in inputs.values())
    for name, changed in changed_parameters(spec, values).items():
        pair = [values[name], changed]
        indicator = _run(signal, inputs, {**values, name: pair})
        for index, value in enumerate(pair):
            alone = computed(spec, inputs, {**values, name: value})
            for output, expected in zip(spec.outputs, alone, strict=True):
                joint = getattr(indicator, output).to_numpy()
                columns = slice(width * index, width * (index + 1))
                position = first_difference(joint[:, columns], expected, **_rounding(spec))
                if position is not None:
                    raise AssertionError(
                        f"`{spec.name}`.{output} with `{name}`={value} at row {position[0]} is not the same alone and"
                        f" when run together with `{name}`={pair[1 - index]}"
                    )


def check_alone(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that an output that is computed by itself, or at some rows, is the same.

    Bit for bit, at every row.
    """
    spec = spec_of(signal)
    for kind in ("output_kernels", "at"):
        for name in getattr(spec, kind):
            if name not in spec.outputs:
                raise AssertionError(
                    f"`{spec.name}`: `{kind}` names `{name}`, which is not an output: {', '.join(spec.outputs)}"
                )
    inputs = {name: np.ascontiguousarray(array) for name, array in inputs_of(spec, sampler).items()}
    values = {**short_parameters(spec), **(parameters or {})}
    together = dict(zip(spec.outputs, computed(spec, inputs, values), strict=True))
    for name in spec.output_kernels:
        alone = spec.compute_one(name, inputs, values)
        differs = ~((alone == together[name]) | (np.isnan(alone) & np.isnan(together[name])))
        if differs.any():
            raise AssertionError(
                f"`{spec.name}`.{name} at row {int(np.argwhere(differs)[0, 0])} is not the same by itself"
            )
    for name in spec.at:
        _check_at(spec, name, inputs, values)


def _check_at(spec: Spec, name: str, inputs: Inputs, values: dict[str, Any]) -> None:
    """Several sets at once, at all rows and at every third, against the series."""
    sets = [values, *({**values, other: new} for other, new in changed_parameters(spec, values).items()), values]
    parameters = [np.array([each[parameter] for each in sets]) for parameter in spec.parameters]
    whole = [computed(spec, inputs, each)[spec.outputs.index(name)] for each in sets]
    rows = len(whole[0])
    for column in range(whole[0].shape[1]):
        of_column = [np.ascontiguousarray(inputs[each][:, column]) for each in spec.inputs]
        for step in (1, 3):
            wanted = np.arange(step - 1, rows, step)
            found = spec.at[name](*of_column, *parameters, wanted)
            expected = np.stack([each[wanted, column] for each in whole])
            differs = ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
            if differs.any():
                row = int(wanted[np.argwhere(differs)[0, 1]])
                raise AssertionError(f"`{spec.name}`.{name} at row {row} is not the same by its `at` kernel")


def check_vectorbt(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that it is a vectorbt indicator: column levels, comparisons, crossings."""
    spec = spec_of(signal)
    if not hasattr(signal, "run"):
        raise AssertionError(f"`{spec.name}` has no `run`: register what `indicator(Spec(...))` returns, not the Spec")
    values = {**short_parameters(spec), **(parameters or {})}
    indicator = _run(signal, inputs_of(spec, sampler), values)
    for name in spec.outputs:
        output = getattr(indicator, name)
        levels = [f"{spec.name.replace('-', '_')}_{parameter}" for parameter in spec.parameters]
        missing = [level for level in levels if level not in output.columns.names]
        if missing:
            raise AssertionError(f"`{spec.name}`.{name} lacks the column level `{missing[0]}`")
        for comparison in ("above", "below", "crossed_above", "crossed_below"):
            if getattr(indicator, f"{name}_{comparison}")(0.0).shape != output.shape:
                raise AssertionError(f"`{spec.name}`.{name}_{comparison} has another shape than the output")


def _run(signal: Any, inputs: Inputs, parameters: dict[str, Any]) -> Any:
    spec = spec_of(signal)
    index = pd.date_range("2024-01-01", periods=ROWS, freq="h", tz="UTC")
    frames = [pd.DataFrame(inputs[name], index=index) for name in spec.inputs]
    try:
        return signal.run(*frames, **parameters)
    except Exception as error:
        raise AssertionError(f"`{spec.name}`.run raised {type(error).__name__}: {error} ({parameters})") from error


def check_plain(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that a compiled kernel equals the same code as plain Python."""
    spec = spec_of(signal)
    if not hasattr(spec.kernel, "py_func"):
        return
    values = {**short_parameters(spec), **(parameters or {})}
    inputs = inputs_of(spec, sampler, rows=PLAIN_ROWS)
    compiled = computed(spec, inputs, values)
    try:
        interpreted = run_plain(
            spec, [*(inputs[name] for name in spec.inputs), *(values[name] for name in spec.parameters)]
        )
    except Exception as error:
        raise AssertionError(f"`{spec.name}` works compiled, but {error}") from error
    for name, fast, slow in zip(spec.outputs, compiled, interpreted, strict=True):
        position = first_difference(fast, slow, rtol=1e-9, atol=1e-12)
        if position is not None:
            raise AssertionError(
                f"`{spec.name}`.{name} at row {position[0]} is {fast[position]:.9g} compiled and {slow[position]:.9g}"
                " as plain Python"
            )


def check_pickle(signal: Any) -> None:
    """Check that the definition can be pickled and sent to other processes."""
    spec = spec_of(signal)
    try:
        loaded = pickle.loads(pickle.dumps(spec))  # noqa: S301 - made on the same line
    except Exception as error:
        raise AssertionError(f"`{spec.name}` does not pickle: {error}") from error
    if loaded.name != spec.name:
        raise AssertionError(f"`{spec.name}` came back from a pickle as `{loaded.name}`")


CHECKS = (
    check_definition,
    check_prefix_invariance,
    check_earlier_calls,
    check_warm_up,
    check_missing_values,
    check_bounds,
    check_scale,
    check_columns,
    check_parameters,
    check_alone,
    check_vectorbt,
    check_plain,
    check_pickle,
)


def _rounding(spec: Spec) -> dict[str, float]:
    # numpy adds in another order when there are more columns; a compiled loop does not.
    return {} if hasattr(spec.kernel, "py_func") else {"rtol": 1e-9, "atol": 1e-12}
