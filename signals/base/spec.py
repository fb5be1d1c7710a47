"""The definition of a signal, and the vectorbt indicator that wraps it."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from undertow.market import ParameterError
from undertow.signals.base.bounds import UNBOUNDED, Bounds

Range = IntDistribution | FloatDistribution


@dataclass(frozen=True)
class Parameter:
    """One parameter of a signal.

    Args:
        default: its value where none is set.
        range: the values that a search may try.
        unit: its unit; "rows" and "hours a year" become rows of a feed.
    """

    default: float
    range: Range
    unit: str = "rows"

    @property
    def whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return isinstance(self.range, IntDistribution)


@dataclass(frozen=True)
class Spec:
    """The definition of a signal.

    A spec pickles as a reference: the module of its `lookback` or `kernel`, and its name there.

    Args:
        name: name in kebab-case, as it is registered.
        summary: one sentence that ends with a full stop.
        kernel: function of the inputs, each (T, N) float64, then the parameters, that returns one (T, N) array for each
            of `outputs`. It is causal: row t depends on rows up to t.
        inputs: for each argument, the feed kind and column that supply it; the column "regime" is the venue-regime
            number.
        parameters: parameters by name, in the kernel's order.
        outputs: names of the outputs.
        units: units of the outputs.
        lookback: function of the parameters that gives, for each output, how many rows its first value needs.
        source: publication of the definition, or "our own definition".
        defaults: inputs that may be left out, with their neutral value.
        clock: "feed": on the regular grid of the feed that supplies the first input (other inputs enter by what was
            known of them), windows in rows of that feed; "session": on the exchange's sessions, each input by what was
            known at the close, windows in sessions.
        scale_free: inputs that may be multiplied by any positive number without changing the first output.
        across_names: whether it is a statistic across the columns, equal in each of them, instead of one of each column
            by itself.
        in_rows: outputs that count rows of the feed, which the decision table turns into hours.
        output_kernels: for an output, a kernel with the arguments of `kernel` that computes it alone and faster, bit
            for bit the same.
        at: for an output, a kernel of many parameter sets at once, at chosen rows alone: from the inputs of one column
            (T,), each parameter (W,) and the rows (R,), ascending, to values (W, R), bit for bit those of `kernel`.
        bounds: for an output, the range of its values, whatever the parameters within their ranges; without one a rule
            accepts any level.
        decimal: outputs that are shares or returns, which pages show in percent.
        since_close: whether values count from the exchange's last close: a decision then reads only what became known
            since it, and "min" and "max" are the extremes since it. For the clock "feed": at a close of the exchange
            nothing has become known since.

    Raises `ParameterError` where `since_close` is set on the clock "session".
    """

    name: str
    summary: str
    kernel: Callable[..., Any]
    inputs: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, Parameter]
    outputs: tuple[str, ...]
    units: str
    lookback: Callable[..., tuple[int, ...]]
    source: str
    defaults: Mapping[str, float] = field(default_factory=dict)
    clock: Literal["feed", "session"] = "feed"
    scale_free: tuple[str, ...] = ()
    across_names: bool = False
    in_rows: tuple[str, ...] = ()
    output_kernels: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    at: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    decimal: tuple[str, ...] = ()
    since_close: bool = False

    def __post_init__(self) -> None:
        if self.since_close and self.clock == "session":
            raise ParameterError(
                f'signal `{self.name}`: `since_close` counts rows of a feed; the clock "session" has values of '
                'closes. Use the clock "feed", or leave `since_close` out'
            )

    def __reduce__(self) -> tuple[Callable[[str, str], Spec], tuple[str, str]]:
        for module in (getattr(part, "__module__", "") for part in (self.lookback, self.kernel)):
            if any(spec is self for spec in _module_specs(module)):
                return restore_spec, (module, self.name)
        raise pickle.PicklingError(f"`{self.name}` pickles by its module, where it must be a module-level indicator")

    def bounds_of(self, output: str) -> Bounds:
        """The range of an output's values, of the first output without a name."""
        return self.bounds.get(output or self.outputs[0], UNBOUNDED)

    def compute(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Every output, from (T, N) inputs and one value for each parameter."""
        result = self.kernel(*self._arguments(inputs, parameters))
        return result if isinstance(result, tuple) else (result,)

    def compute_one(self, output: str, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """One output, by its own kernel where it has one."""
        if output in self.output_kernels:
            return self.output_kernels[output](*self._arguments(inputs, parameters))
        return self.compute(inputs, parameters)[self.outputs.index(output)]

    def _arguments(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Any]:
        return [*(inputs[name] for name in self.inputs), *(parameters[name] for name in self.parameters)]


def restore_spec(module: str, name: str) -> Spec:
    """The spec `name` that is written in `module`: what a pickled spec becomes."""
    importlib.import_module(module)
    for spec in _module_specs(module):
        if spec.name == name:
            return spec
    raise pickle.UnpicklingError(f"`{module}` has no signal `{name}`")


def _module_specs(module: str) -> list[Spec]:
    values = vars(sys.modules[module]).values() if module in sys.modules else ()
    return [spec for spec in (getattr(value, "spec", value) for value in values) if isinstance(spec, Spec)]


class LazyIndicator(type):
    """A class that becomes a vectorbt indicator on first use.

    Its `spec` can be read before. vectorbt takes two seconds to import, and most commands run no indicator.
    """

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._built(), name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance of the vectorbt class."""
        return cls._built()(*args, **kwargs)

    def __instancecheck__(cls, other: Any) -> bool:
        return isinstance(other, cls._built())

    def __dir__(cls) -> list[str]:
        return dir(cls._built())

    def _built(cls) -> Any:
        if "built" not in cls.__dict__:
            built = _wrap_indicator(cls.spec, cls.__name__)
            type.__setattr__(cls, "built", built)
            home = sys.modules.get(cls.__module__)
            # Instances pickle by the name of their class.
            if getattr(home, cls.__name__, None) is cls:
                setattr(home, cls.__name__, built)
        return cls.__dict__["built"]


def indicator(spec: Spec) -> Any:
    """Wrap a `Spec` as a vectorbt indicator class, with the spec as an attribute.

    The class runs like any vectorbt indicator: `run(close, window=[24, 72], param_product=True)`, parameter levels in
    the columns, `..._below(x)`, `..._crossed_below(x)`, `plot(column=...)`. Windows count rows of the input.
    """
    name = "".join(part.capitalize() for part in spec.name.split("-"))
    return LazyIndicator(name, (), {"spec": spec, "__doc__": _docstring(spec), "__module__": spec.kernel.__module__})


def _docstring(spec: Spec) -> str:
    return f"{spec.summary}\n\nUnits: {spec.units}. Source: {spec.source}"


def _wrap_indicator(spec: Spec, name: str) -> Any:
    import vectorbt as vbt

    factory = vbt.IndicatorFactory(
        class_name=name,
        class_docstring=_docstring(spec),
        module_name=spec.kernel.__module__,
        short_name=spec.name.replace("-", "_"),
        input_names=list(spec.inputs),
        param_names=list(spec.parameters),
        output_names=list(spec.outputs),
    )
    defaults = {name: parameter.default for name, parameter in spec.parameters.items()}
    built = factory.from_apply_func(_contiguous(spec.kernel), **defaults, **spec.defaults)
    built.spec = spec
    built.plot = plot_indicator
    return built


def _contiguous(kernel: Callable[..., Any]) -> Callable[..., Any]:
    # vectorbt passes arrays in any layout, and a compiled kernel is compiled once more for each layout.
    @wraps(kernel)
    def applied(*args: Any) -> Any:
        return kernel(*(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value for value in args))

    return applied


def plot_indicator(self: Any, column: Any = None, **layout: Any) -> Any:
    """Plot one column of an indicator that has run, as a plotly figure.

    The first input above, each output below. `column` may be left out where there is only one; `layout` goes to the
    figure, as in vectorbt's own plots.
    """
    import vectorbt as vbt

    indicator_column = self.select_one(column=column)
    names = [self.input_names[0], *self.output_names]
    figure = vbt.make_subplots(rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.04, subplot_titles=names)
    for row, name in enumerate(names, start=1):
        series = getattr(indicator_column, name).rename(name)
        series.vbt.plot(add_trace_kwargs={"row": row, "col": 1}, fig=figure)
    return figure.update_layout(height=220 * len(names), showlegend=False, **layout)
