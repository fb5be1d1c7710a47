"""No value of a signal may depend on later rows, nor on earlier calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.market import FloatArray
from undertow.signals.base import Spec
from undertow.testing.computed import SignalParameters, computed, first_difference, spec_of
from undertow.testing.inputs import SEED, Inputs, Sampler, inputs_of, jumping_inputs, sample_inputs, short_parameters
from undertow.testing.processes import run_fresh

# Rows of the inputs: more than any window of the suite, so that the middle of a long series is tested too.
LONG_ROWS = 3000
# Where the past ends: fixed rows, a whole block of rows one after the other, as long as a day of hours, and others at
# random. A signal that looks ahead on few rows shows only there.
ENDS = (60, 200, 351, 500, *range(1400, 1424))
_RANDOM_ENDS = 36
_ENDS_ACROSS = (60, 351, 500, 1411, 2222)
# The block of a signal across names, on fewer rows: it is slower.
_FEW_ROWS, _BLOCK_ACROSS = 400, tuple(range(300, 324))
_ENDS_LONG = (500, 1411, 2222, 2900)
_FIRST_GAP, _GAPS, _GAPS_ACROSS = 200, 12, 4
_FRESH_ROWS = 1000


def check_prefix_invariance(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that values do not change when later rows are removed or different.

    On inputs without gaps at many ends, on jumping inputs that end in a gap, and with windows as long as the defaults.
    """
    spec = spec_of(signal)
    inputs, different = (inputs_of(spec, sampler, rows=LONG_ROWS, seed=seed) for seed in (SEED, SEED + 1))
    _check_ends(spec, (inputs, different), _ends(spec), parameters)
    with_gaps = jumping_inputs(spec, inputs)
    gaps = _ends_in_gaps(spec, with_gaps)
    _check_ends(spec, (with_gaps, jumping_inputs(spec, different)), gaps, parameters, ", where the inputs have gaps")
    defaults = {name: parameter.default for name, parameter in spec.parameters.items()}
    _check_ends(spec, (inputs, different), _ENDS_LONG, {**defaults, **(parameters or {})})
    if spec.across_names:
        few, others = (inputs_of(spec, sampler, rows=_FEW_ROWS, seed=seed) for seed in (SEED, SEED + 1))
        _check_ends(spec, (few, others), _BLOCK_ACROSS, parameters)


def _check_ends(
    spec: Spec,
    pair: tuple[Inputs, Inputs],
    ends: tuple[int, ...],
    parameters: SignalParameters,
    condition: str = "",
) -> None:
    """Compare values at each end: later rows removed, or those of the second inputs."""
    inputs, different = pair
    complete = computed(spec, inputs, parameters)
    for end in ends:
        cut = computed(spec, {name: values[:end] for name, values in inputs.items()}, parameters)
        _check_past(spec, complete, cut, end, f"when the rows from {end} on were removed{condition}")
        mixed = computed(spec, _mixed(inputs, different, end), parameters)
        _check_past(spec, complete, mixed, end, f"when the rows from {end} on were different{condition}")


def _ends_in_gaps(spec: Spec, inputs: Inputs) -> tuple[int, ...]:
    """Ends whose last row lacks a value, so that one filled from later rows shows."""
    gaps = np.any([np.isnan(values).any(axis=1) for values in inputs.values()], axis=0)
    rows = np.flatnonzero(gaps[_FIRST_GAP:]) + _FIRST_GAP
    return tuple((rows[: _GAPS_ACROSS if spec.across_names else _GAPS] + 1).tolist())


def _ends(spec: Spec) -> tuple[int, ...]:
    if spec.across_names:
        return _ENDS_ACROSS
    drawn = np.random.default_rng(SEED).choice(np.arange(60, LONG_ROWS), _RANDOM_ENDS, replace=False)
    return (*ENDS, *np.sort(drawn).tolist())


def _mixed(inputs: Inputs, different: Inputs, end: int) -> Inputs:
    return {name: np.concatenate((values[:end], different[name][end:])) for name, values in inputs.items()}


def _check_past(
    spec: Spec, complete: tuple[FloatArray, ...], changed: tuple[FloatArray, ...], end: int, change: str
) -> None:
    for name, full, part in zip(spec.outputs, complete, changed, strict=True):
        position = first_difference(full[:end], part[:end])
        if position is not None:
            row, column = position
            raise AssertionError(
                f"`{spec.name}`.{name} at row {row} changed {change}, from {full[row, column]:.9g} to"
                f" {part[row, column]:.9g}: it looks ahead"
            )


def check_earlier_calls(signal: Any, parameters: SignalParameters = None, sampler: Sampler = sample_inputs) -> None:
    """Check that values do not depend on what was computed before.

    After one series, another with the same past and another future, and one with another past, give what a fresh
    process gives that has seen only them; and the first one gives the same again.
    """
    spec = spec_of(signal)
    values = {**short_parameters(spec), **(parameters or {})}
    inputs, different = (inputs_of(spec, sampler, rows=_FRESH_ROWS, seed=seed) for seed in (SEED, SEED + 1))
    first = computed(spec, inputs, values)
    for label, changed in (
        ("another future", _mixed(inputs, different, _FRESH_ROWS // 2)),
        ("another past", different),
    ):
        here = computed(spec, changed, values)
        arguments = [*(changed[name] for name in spec.inputs), *(values[name] for name in spec.parameters)]
        fresh = run_fresh(f"signals, {label}", spec.kernel, _compute, (arguments,))
        _check_same(spec, fresh, here, f"with {label}, computed after other inputs, from what a fresh process gives")
    _check_same(spec, first, computed(spec, inputs, values), "when it was computed again after other inputs")


def _compute(kernel: Any, arguments: list[Any]) -> tuple[Any, ...]:
    outputs = kernel(*arguments)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _check_same(spec: Spec, expected: tuple[FloatArray, ...], outputs: tuple[FloatArray, ...], change: str) -> None:
    for name, values, twin in zip(spec.outputs, outputs, expected, strict=True):
        position = first_difference(values, twin)
        if position is not None:
            raise AssertionError(
                f"`{spec.name}`.{name} at row {position[0]} differs {change}: it keeps state between calls"
            )
