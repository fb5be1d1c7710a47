"""The contract of a signal as plain functions: each raises `AssertionError` that names what is broken.

A signal is its indicator class, as `indicator` makes it, or its `Spec`. `given` are the parameters to check with, by
default `small(spec)`; `sampler` supplies the inputs.
"""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from undertow.market.clock import FloatArray
from undertow.signals.base.spec import Spec
from undertow.testing.inputs import (
    FACTS,
    ROWS,
    SEED,
    Inputs,
    Sampler,
    inputs_of,
    one_regime,
    others,
    sample_inputs,
    small,
    wild,
)
from undertow.testing.plain import plain

ENDS = (60, 200, 351, 500)
# The plain run walks every loop in Python, so it gets few rows.
PLAIN_ROWS = 200
Given = dict[str, Any] | None


def spec_of(signal: Any) -> Spec:
    """The `Spec` of a signal; refuses what has none."""
    found = getattr(signal, "spec", signal)
    if not isinstance(found, Spec):
        raise AssertionError(f"{signal!r} is no signal: it has no `spec`; wrap a `Spec` with `indicator(Spec(...))`")
    return found


def computed(signal: Any, inputs: Inputs, given: Given = None) -> tuple[FloatArray, ...]:
    """Every output, after looking that the kernel ran and returned one float array of the inputs' shape for each."""
    spec = spec_of(signal)
    values = {**small(spec), **(given or {})}
    rows = {len(each) for each in inputs.values()}
    try:
        outputs = spec.compute({name: np.ascontiguousarray(inputs[name]) for name in spec.inputs}, values)
    except Exception as error:
        raise AssertionError(f"`{spec.name}` raised {type(error).__name__}: {error} (rows {rows}, {values})") from error
    if len(outputs) != len(spec.outputs):
        raise AssertionError(
            f"`{spec.name}` returned {len(outputs)} arrays for {len(spec.outputs)} outputs: {', '.join(spec.outputs)}"
        )
    shape = np.broadcast_shapes(*(each.shape for each in inputs.values()))
    for name, output in zip(spec.outputs, outputs, strict=True):
        have = getattr(output, "shape", None)
        if have != shape:
            raise AssertionError(f"`{spec.name}`.{name} has the shape {have}, expected that of the inputs, {shape}")
        if output.dtype != np.float64:
            raise AssertionError(f"`{spec.name}`.{name} is {output.dtype}, expected float64")
    return outputs


def check_definition(signal: Any) -> None:
    """A definition that a reader can trust: name, summary, units, source, ranges, one look-back for each output."""
    spec = spec_of(signal)
    problems = [
        (not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", spec.name), "its name must be kebab-case"),
        (not spec.summary.strip().endswith("."), "its summary must be a sentence that ends with a full stop"),
        (not spec.units.strip(), "it must say its `units`"),
        (not spec.source.strip(), "it must name its `source`: author, year, equation, or `our own definition`"),
        (not spec.inputs, "it must take at least one input"),
        (not spec.outputs, "it must name its outputs"),
        (not all(str(name).isidentifier() for name in spec.outputs), "its outputs must be Python names"),
        (len(set(spec.outputs)) != len(spec.outputs), "its outputs must have different names"),
        (bool(set(spec.defaults) - set(spec.inputs)), "`defaults` names something that is no input"),
        (bool(set(spec.scale_free) - set(spec.inputs)), "`scale_free` names something that is no input"),
        (bool(set(spec.bounds) - set(spec.outputs)), "`bounds` names something that is no output"),
        (bool(set(spec.decimal) - set(spec.outputs)), "`decimal` names something that is no output"),
        (not all(each.low < each.high for each in spec.bounds.values()), "`bounds` must have `low` below `high`"),
    ]
    for broken, rule in problems:
        if broken:
            raise AssertionError(f"`{spec.name}`: {rule}")
    for name, each in spec.parameters.items():
        if not each.range.low <= each.default <= each.range.high:
            raise AssertionError(
                f"`{spec.name}`: the default of `{name}`, {each.default}, is outside its range,"
                f" {each.range.low} to {each.range.high}"
            )
    _lookback(spec, {name: each.default for name, each in spec.parameters.items()})


def _lookback(spec: Spec, given: dict[str, Any]) -> tuple[int, ...]:
    needed = spec.lookback(**given)
    if len(needed) != len(spec.outputs) or not all(isinstance(each, int | np.integer) and each >= 1 for each in needed):
        raise AssertionError(
            f"`{spec.name}`: `lookback` must give a whole number of rows, 1 or more, for each of {len(spec.outputs)}"
            f" outputs; it gave {needed!r}"
        )
    return needed


def check_prefix_invariance(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """Row t depends on rows up to t: equal values when later rows are removed, and when they are different."""
    spec = spec_of(signal)
    inputs, different = inputs_of(spec, sampler), inputs_of(spec, sampler, seed=SEED + 1)
    whole = computed(spec, inputs, given)
    for end in ENDS:
        cut = computed(spec, {name: values[:end] for name, values in inputs.items()}, given)
        _same_past(spec, whole, cut, end, f"when the rows from {end} on were removed")
        mixed = {name: np.concatenate((values[:end], different[name][end:])) for name, values in inputs.items()}
        _same_past(spec, whole, computed(spec, mixed, given), end, f"when the rows from {end} on were different")


def _same_past(spec: Spec, whole: tuple[FloatArray, ...], other: tuple[FloatArray, ...], end: int, change: str) -> None:
    for name, full, part in zip(spec.outputs, whole, other, strict=True):
        found = _apart(full[:end], part[:end])
        if found is not None:
            row, column = found
            raise AssertionError(
                f"`{spec.name}`.{name} at row {row} changed {change}, from {full[row, column]:.9g} to"
                f" {part[row, column]:.9g}: it looks ahead"
            )


def check_warm_up(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """No value before the declared look-back, one as soon as it is full, and hardly a gap after it."""
    spec = spec_of(signal)
    values = {**small(spec), **(given or {})}
    for chosen in (values, others(spec, values)):
        outputs = computed(spec, one_regime(spec, inputs_of(spec, sampler)), chosen)
        for name, output, needed in zip(spec.outputs, outputs, _lookback(spec, chosen), strict=True):
            _warms_up(f"`{spec.name}`.{name}", output, needed)


def _warms_up(what: str, output: FloatArray, needed: int) -> None:
    if needed > len(output) // 2:
        raise AssertionError(f"{what} needs {needed} of the suite's {len(output)} rows; give it smaller `parameters`")
    found = np.flatnonzero(np.isfinite(output).any(axis=1))
    first = int(found[0]) if len(found) else len(output)
    if first != needed - 1:
        says = "too early" if first < needed - 1 else "late"
        raise AssertionError(
            f"{what} has its first value at row {first}, {says}: with a look-back of {needed} rows it must be at row"
            f" {needed - 1}"
        )
    share = float(np.isfinite(output[needed - 1 :]).mean())
    if share <= 0.99:
        raise AssertionError(f"{what} has a value in only {share:.1%} of the rows after its look-back of {needed}")


def check_missing_values(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """Holes, a late start, a long gap and an input that is missing altogether give neither inf nor a wrong shape."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    rng = np.random.default_rng(1)
    masks: list[tuple[str, Any]] = [("5 % of the values", lambda shape: rng.random(shape) < 0.05)]
    masks += [("the first 100 rows", lambda shape: _rows(shape, 0, 100))]
    masks += [("rows 300 to 399", lambda shape: _rows(shape, 300, 400))]
    for words, mask in masks:
        holed = {name: _blank(spec, name, values, mask(values.shape)) for name, values in inputs.items()}
        _survives(spec, holed, given, f"with {words} missing")
    for missing in inputs:
        one = {n: _blank(spec, n, v, np.full(v.shape, n == missing)) for n, v in inputs.items()}
        _survives(spec, one, given, f"with `{missing}` missing altogether")


def _survives(spec: Spec, holed: Inputs, given: Given, words: str) -> None:
    before = {name: values.copy() for name, values in holed.items()}
    outputs = computed(spec, holed, given)
    for name, output in zip(spec.outputs, outputs, strict=True):
        endless = np.argwhere(np.isinf(output))
        if len(endless):
            raise AssertionError(f"`{spec.name}`.{name} is infinite at row {endless[0][0]} {words}; NaN is expected")
    for name, values in before.items():
        found = _apart(values, holed[name])
        if found is not None:
            raise AssertionError(f"`{spec.name}` changed its input `{name}` at row {found[0]}; work on a copy")


def check_bounds(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """No output leaves its `bounds`: at quiet inputs, at wild ones, at other parameters."""
    spec = spec_of(signal)
    values = {**small(spec), **(given or {})}
    quiet = inputs_of(spec, sampler)
    for inputs, words in ((quiet, ""), (wild(spec, quiet), " where the inputs jump")):
        for chosen in (values, others(spec, values)):
            for name, output in zip(spec.outputs, computed(spec, inputs, chosen), strict=True):
                outside = np.argwhere(spec.bounds_of(name).outside(output))
                if len(outside):
                    row, column = outside[0]
                    raise AssertionError(
                        f"`{spec.name}`.{name} at row {row} is {output[row, column]:.9g}{words}, outside its bounds"
                        f" {spec.bounds_of(name)}"
                    )


def _rows(shape: tuple[int, ...], start: int, stop: int) -> npt.NDArray[np.bool_]:
    rows = np.arange(shape[0])[:, None]
    return np.broadcast_to((rows >= start) & (rows < stop), shape)


def _blank(spec: Spec, name: str, values: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    return values.copy() if spec.inputs[name][1] in FACTS else np.where(mask, np.nan, values)


def check_scale(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """Multiplying an input that is declared `scale_free` leaves the first output as it was."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    whole = computed(spec, inputs, given)[0]
    for name in spec.scale_free:
        for factor in (1000.0, 0.037):
            scaled = computed(spec, {**inputs, name: inputs[name] * factor}, given)[0]
            found = _apart(whole, scaled, rtol=1e-6, atol=1e-9)
            if found is not None:
                raise AssertionError(
                    f"`{spec.name}` declares `{name}` scale_free, but {spec.outputs[0]} at row {found[0]} goes from"
                    f" {whole[found]:.9g} to {scaled[found]:.9g} when it is multiplied by {factor:g}"
                )


def check_columns(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """Many columns at once equal one at a time; a statistic `across_names` is equal in every column instead."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler, columns=6)
    together = computed(spec, inputs, given)
    for column in range(6):
        alone = together
        if not spec.across_names:
            alone = computed(spec, {name: values[:, [column]] for name, values in inputs.items()}, given)
        for name, many, one in zip(spec.outputs, together, alone, strict=True):
            found = _apart(many[:, [column]], one[:, [0]], **_rounding(spec))
            if found is not None:
                where = f"`{spec.name}`.{name} at row {found[0]} of column {column}"
                raise AssertionError(
                    f"{where} differs from column 0, but it declares `across_names`"
                    if spec.across_names
                    else f"{where} depends on the other columns; a statistic across names declares `across_names=True`"
                )


def check_parameters(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """Several values of a parameter at once, through vectorbt, equal one at a time."""
    spec = spec_of(signal)
    inputs = inputs_of(spec, sampler)
    values = {**small(spec), **(given or {})}
    width = max(each.shape[1] for each in inputs.values())
    for name, other in others(spec, values).items():
        ran = _run(signal, inputs, {**values, name: [values[name], other]})
        for place, value in enumerate((values[name], other)):
            alone = computed(spec, inputs, {**values, name: value})
            for output, expected in zip(spec.outputs, alone, strict=True):
                many = getattr(ran, output).to_numpy()
                found = _apart(many[:, width * place : width * (place + 1)], expected, **_rounding(spec))
                if found is not None:
                    raise AssertionError(
                        f"`{spec.name}`.{output} with `{name}`={value} at row {found[0]} is not the same alone and when"
                        f" run together with `{name}`={[values[name], other][1 - place]}"
                    )


def check_alone(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """An output that can be had by itself is the same by itself, bit for bit."""
    spec = spec_of(signal)
    for name in spec.output_kernels:
        if name not in spec.outputs:
            raise AssertionError(
                f"`{spec.name}`: `output_kernels` names `{name}`, which is no output: {', '.join(spec.outputs)}"
            )
    inputs = {name: np.ascontiguousarray(each) for name, each in inputs_of(spec, sampler).items()}
    values = {**small(spec), **(given or {})}
    whole = dict(zip(spec.outputs, computed(spec, inputs, values), strict=True))
    for name in spec.output_kernels:
        alone = spec.compute_one(name, inputs, values)
        apart = ~((alone == whole[name]) | (np.isnan(alone) & np.isnan(whole[name])))
        if apart.any():
            raise AssertionError(
                f"`{spec.name}`.{name} at row {int(np.argwhere(apart)[0, 0])} is not the same by itself"
            )


def check_vectorbt(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """It runs as a vectorbt indicator: parameter levels in the columns, comparisons and crossings of every output."""
    spec = spec_of(signal)
    if not hasattr(signal, "run"):
        raise AssertionError(f"`{spec.name}` has no `run`: register what `indicator(Spec(...))` returns, not the Spec")
    values = {**small(spec), **(given or {})}
    ran = _run(signal, inputs_of(spec, sampler), values)
    for name in spec.outputs:
        output = getattr(ran, name)
        levels = [f"{spec.name.replace('-', '_')}_{parameter}" for parameter in spec.parameters]
        missing = [level for level in levels if level not in output.columns.names]
        if missing:
            raise AssertionError(f"`{spec.name}`.{name} lacks the column level `{missing[0]}`")
        for verb in ("above", "below", "crossed_above", "crossed_below"):
            if getattr(ran, f"{name}_{verb}")(0.0).shape != output.shape:
                raise AssertionError(f"`{spec.name}`.{name}_{verb} has another shape than the output")


def _run(signal: Any, inputs: Inputs, parameters: dict[str, Any]) -> Any:
    spec = spec_of(signal)
    index = pd.date_range("2024-01-01", periods=ROWS, freq="h", tz="UTC")
    frames = [pd.DataFrame(inputs[name], index=index) for name in spec.inputs]
    try:
        return signal.run(*frames, **parameters)
    except Exception as error:
        raise AssertionError(f"`{spec.name}`.run raised {type(error).__name__}: {error} ({parameters})") from error


def check_plain(signal: Any, given: Given = None, sampler: Sampler = sample_inputs) -> None:
    """The compiled kernel equals the same code as plain Python; a kernel that is not compiled passes."""
    spec = spec_of(signal)
    if not hasattr(spec.kernel, "py_func"):
        return
    values = {**small(spec), **(given or {})}
    inputs = inputs_of(spec, sampler, rows=PLAIN_ROWS)
    compiled = computed(spec, inputs, values)
    try:
        found = plain(spec, [*(inputs[name] for name in spec.inputs), *(values[name] for name in spec.parameters)])
    except Exception as error:
        raise AssertionError(f"`{spec.name}` works compiled, but {error}") from error
    for name, ours, theirs in zip(spec.outputs, compiled, found, strict=True):
        apart = _apart(ours, theirs, rtol=1e-9, atol=1e-12)
        if apart is not None:
            raise AssertionError(
                f"`{spec.name}`.{name} at row {apart[0]} is {ours[apart]:.9g} compiled and {theirs[apart]:.9g} as plain"
                " Python"
            )


def check_pickle(signal: Any) -> None:
    """The definition survives pickling, so that other processes can have it."""
    spec = spec_of(signal)
    try:
        back = pickle.loads(pickle.dumps(spec))  # noqa: S301 - made on the same line
    except Exception as error:
        raise AssertionError(f"`{spec.name}` does not pickle: {error}") from error
    if back.name != spec.name:
        raise AssertionError(f"`{spec.name}` came back from a pickle as `{back.name}`")


CHECKS = (
    check_definition,
    check_prefix_invariance,
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


def _apart(one: FloatArray, other: FloatArray, rtol: float = 0.0, atol: float = 0.0) -> tuple[int, int] | None:
    """The first place where two arrays differ, NaN being equal to NaN."""
    if one.shape != other.shape:
        return (0, 0)
    differ = np.argwhere(~np.isclose(one, other, rtol=rtol, atol=atol, equal_nan=True))
    return (int(differ[0][0]), int(differ[0][1])) if len(differ) else None
