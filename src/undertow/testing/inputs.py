"""Inputs of the contract suite: an invented series for every input of a market."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from undertow.market import FloatArray
from undertow.signals.base import Spec

ROWS = 700
SEED = 5
# Known on every row of a feed or session: never missing, and the same whatever an input calls them.
FACTS = ("regime", "member")
Inputs = dict[str, FloatArray]
Sampler = Callable[[int, int, int], Inputs]


@cache
def sample_inputs(rows: int = ROWS, columns: int = 2, seed: int = SEED) -> Inputs:
    """Inputs of the registered signals, (rows, columns), no gaps, two venue regimes."""
    rng = np.random.default_rng(seed)
    shape = (rows, columns)
    close = _walk(rng, shape, 0.02)
    half = rows // 2
    return {
        "close": close,
        "volume": rng.lognormal(3, 1, shape),
        "benchmark": _walk(rng, shape, 0.01),
        "long_usd": rng.lognormal(10, 2, shape),
        "short_usd": rng.lognormal(10, 2, shape),
        "open_interest_usd": rng.lognormal(20, 0.2, shape),
        "regime": np.repeat([0.0, 1.0], [half, rows - half])[:, None].repeat(columns, axis=1),
        "open": close * rng.lognormal(0, 0.005, shape),
        "high": close * (1.0 + rng.uniform(0.006, 0.03, shape)),
        "low": close * (1.0 - rng.uniform(0.006, 0.03, shape)),
        "funding_rate": rng.normal(1e-4, 2e-4, shape),
        # An exchange that settles every eight hours and goes over to four.
        "hours": np.repeat([8.0, 4.0], [half, rows - half])[:, None].repeat(columns, axis=1),
        "basket": _walk(rng, shape, 0.012),
        "btc": _walk(rng, shape, 0.03),
        "equity": _walk(rng, shape, 0.012),
        "nominal": _level(rng, shape) / 5.0,
        "real": _level(rng, shape) / 10.0 - 1.0,
        "dollar": 5.0 * _level(rng, shape),
        "spread": _level(rng, shape) / 5.0,
        "vix": _level(rng, shape),
        # An exchange that closes at the first row and every 24 rows after it, and opens 18 rows later.
        "since_close": np.repeat(np.arange(rows)[:, None] % 24.0, columns, axis=1),
        "since_open": np.repeat((np.arange(rows)[:, None] + 6) % 24.0, columns, axis=1),
        # The first two names stay, the others come and go.
        "member": ((rng.random(shape) < 0.9) | (np.arange(columns) < 2)).astype(np.float64),
        "two_year": _level(rng, shape) / 5.0,
        "effective": _level(rng, shape) / 5.0,
        # Set in quarters of a percent.
        "target": np.round(0.8 * _level(rng, shape)) / 4.0,
    }


def inputs_of(spec: Spec, sampler: Sampler, rows: int = ROWS, columns: int = 0, seed: int = SEED) -> Inputs:
    """The inputs of one signal, by the name of the input or its market column.

    A macro series, or any input without a sample, becomes a positive series that returns to its mean.

    Args:
        spec: definition of the signal.
        sampler: function of (rows, columns, seed) that returns arrays (rows, columns) by name.
        rows: number of rows.
        columns: number of columns; 0 for two, or six for a statistic across names.
        seed: seed of the sample.
    """
    columns = columns or (6 if spec.across_names else 2)
    sample = sampler(rows, columns, seed)
    inputs = {}
    for name, (_, column) in spec.inputs.items():
        # An input that is not in the sample gets a seed by its name: two prices must not be the same series.
        input_seed = seed + zlib.crc32(name.encode())
        values = sample.get(name)
        if values is None:
            values = sampler(rows, columns, seed if column in FACTS else input_seed).get(column)
        if values is None:
            values = _level(np.random.default_rng(input_seed), (rows, columns))
        inputs[name] = np.array(values, dtype=np.float64)
    return inputs


def one_regime(spec: Spec, inputs: Inputs) -> Inputs:
    """The inputs with one venue regime: only the signal itself interrupts a window."""
    regimes = [name for name, (_, column) in spec.inputs.items() if column == "regime"]
    return {name: np.zeros_like(values) if name in regimes else values for name, values in inputs.items()}


def jumping_inputs(spec: Spec, inputs: Inputs) -> Inputs:
    """The inputs times random factors, 0.01 to 100, a tenth of the values missing."""
    rng = np.random.default_rng(SEED)
    jumping = {}
    for name, values in inputs.items():
        scaled = values * np.exp(rng.normal(0.0, 2.0, values.shape))
        with_gaps = np.where(rng.random(values.shape) < 0.1, np.nan, scaled)
        jumping[name] = values if spec.inputs[name][1] in FACTS else with_gaps
    return jumping


def short_parameters(spec: Spec) -> dict[str, Any]:
    """Parameters close to the defaults, windows short against the suite's rows.

    Whole numbers above 40 become 40, 45, … in the order of their defaults, so that a short window stays shorter than
    a long one; anything else keeps its default.
    """
    long = sorted(
        {parameter.default for parameter in spec.parameters.values() if parameter.whole and parameter.default > 40}
    )
    return {
        name: int(40 + 5 * long.index(parameter.default) if parameter.default in long else parameter.default)
        if parameter.whole
        else parameter.default
        for name, parameter in spec.parameters.items()
    }


def changed_parameters(spec: Spec, parameters: dict[str, Any]) -> dict[str, Any]:
    """Another value for every parameter, within its range where the value itself is."""
    changed = {}
    for name, value in parameters.items():
        parameter = spec.parameters[name]
        if parameter.whole:
            changed[name] = value + max(1, value // 4) if value < parameter.range.high else value - 1
        else:
            end = parameter.range.high if value < parameter.range.high else parameter.range.low
            changed[name] = value + 0.1 * (end - value)
    return changed


def _walk(rng: np.random.Generator, shape: tuple[int, int], deviation: float) -> FloatArray:
    return np.asarray(100 * np.exp(np.cumsum(rng.normal(0, deviation, shape), axis=0)), dtype=np.float64)


def _level(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    noise = rng.normal(0, 0.05, shape)
    log = np.zeros(shape)
    for row in range(1, shape[0]):
        log[row] = 0.97 * log[row - 1] + noise[row]
    return np.asarray(20 * np.exp(log), dtype=np.float64)
