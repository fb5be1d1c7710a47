"""What a signal is: a pure, causal array function, and the vectorbt indicator that wraps it."""

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

from undertow.signals.base.bounds import UNBOUNDED, Bounds

Range = IntDistribution | FloatDistribution


@dataclass(frozen=True)
class Parameter:
    """One parameter of a signal: default, search range, and unit ("rows" and "hours a year" become those of a feed)."""

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

    `clock` says where it is computed: "feed" on the regular grid of the feed that supplies its first input (the other
    inputs enter by what was known of them), its windows in rows of that feed; "session" on the sessions of the
    exchange, each input by what was known at the close, its windows in sessions.

    `kernel` takes the inputs, each (T, N) float64, then the parameters, and returns one (T, N) array for each of
    `outputs`. It is causal: row t depends on rows up to t. A statistic across names has the same value in each
    column. `inputs` maps each argument to the feed kind and column that supplies it; the column "regime" is the
    venue-regime number. `lookback` gives, from the parameters, how many rows each output needs for its first value.
    `defaults` are inputs that may be left out, with their neutral value. `scale_free` names inputs that may be
    multiplied by any positive number without changing the first output. `across_names` says that it is a statistic
    across the columns, equal in each of them, instead of one that looks at each column by itself. `in_rows` names
    outputs that count rows of the feed, which the decision table turns into hours. `alone` maps an output to a kernel
    that takes what `kernel` takes and gives that output sooner, bit for bit the same. `bounds` maps an output to the
    range of its values, whatever the parameters within their ranges; one that is left out has none, and a rule accepts
    any level for it. `decimal` names outputs that are shares or returns, which pages show in percent.

    A spec pickles as the place where it is written: the module of its `lookback` or `kernel`, and its name there.
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
    alone: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    decimal: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Callable[[str, str], Spec], tuple[str, str]]:
        for module in (getattr(part, "__module__", "") for part in (self.lookback, self.kernel)):
            if any(found is self for found in _written_in(module)):
                return restored, (module, self.name)
        raise pickle.PicklingError(f"`{self.name}` pickles by its module, where it must be a module-level indicator")

    def bounds_of(self, output: str) -> Bounds:
        """The range of an output's values, of the first output without a name."""
        return self.bounds.get(output or self.outputs[0], UNBOUNDED)

    def compute(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Every output, from (T, N) inputs and one value for each parameter."""
        result = self.kernel(*self._arguments(inputs, parameters))
        return result if isinstance(result, tuple) else (result,)

    def compute_one(self, output: str, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """One output, by a kernel of its own where there is one."""
        if output in self.alone:
            return self.alone[output](*self._arguments(inputs, parameters))
        return self.compute(inputs, parameters)[self.outputs.index(output)]

    def _arguments(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Any]:
        return [*(inputs[name] for name in self.inputs), *(parameters[name] for name in self.parameters)]


def restored(module: str, name: str) -> Spec:
    """The spec `name` that is written in `module`: what a pickled spec becomes, in any process."""
    importlib.import_module(module)
    for spec in _written_in(module):
        if spec.name == name:
            return spec
    raise pickle.UnpicklingError(f"`{module}` has no signal `{name}`")


def _written_in(module: str) -> list[Spec]:
    names = vars(sys.modules[module]) if module in sys.modules else {}
    found = [getattr(value, "spec", value) for value in names.values()]
    return [each for each in found if isinstance(each, Spec)]


class Lazy(type):
    """A class that becomes a vectorbt indicator when anything but its `spec` is asked of it.

    vectorbt takes two seconds to import, and most commands run no indicator.
    """

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._built(), name)

    def __call__(cls, *words: Any, **named: Any) -> Any:
        """An instance of the vectorbt class."""
        return cls._built()(*words, **named)

    def __instancecheck__(cls, other: Any) -> bool:
        return isinstance(other, cls._built())

    def __dir__(cls) -> list[str]:
        return dir(cls._built())

    def _built(cls) -> Any:
        if "built" not in cls.__dict__:
            built = _wrapped(cls.spec, cls.__name__)
            type.__setattr__(cls, "built", built)
            home = sys.modules.get(cls.__module__)
            # What has run pickles by the name of its class.
            if getattr(home, cls.__name__, None) is cls:
                setattr(home, cls.__name__, built)
        return cls.__dict__["built"]


def indicator(spec: Spec) -> Any:
    """Wrap a `Spec` as a vectorbt indicator class, with the definition at its `spec` attribute.

    The class runs as any vectorbt indicator does: `run(close, window=[24, 72], param_product=True)`, parameter levels
    in the columns, `..._below(x)`, `..._crossed_below(x)`, `plot(column=...)`. Windows count rows of the input.
    """
    name = "".join(part.capitalize() for part in spec.name.split("-"))
    return Lazy(name, (), {"spec": spec, "__doc__": _told(spec), "__module__": spec.kernel.__module__})


def _told(spec: Spec) -> str:
    return f"{spec.summary}\n\nUnits: {spec.units}. Source: {spec.source}"


def _wrapped(spec: Spec, name: str) -> Any:
    import vectorbt as vbt

    factory = vbt.IndicatorFactory(
        class_name=name,
        class_docstring=_told(spec),
        module_name=spec.kernel.__module__,
        short_name=spec.name.replace("-", "_"),
        input_names=list(spec.inputs),
        param_names=list(spec.parameters),
        output_names=list(spec.outputs),
    )
    defaults = {name: parameter.default for name, parameter in spec.parameters.items()}
    wrapped = factory.from_apply_func(_contiguous(spec.kernel), **defaults, **spec.defaults)
    wrapped.spec = spec
    wrapped.plot = plot
    return wrapped


def _contiguous(kernel: Callable[..., Any]) -> Callable[..., Any]:
    # vectorbt hands over arrays in any layout, and a compiled kernel is compiled once more for each.
    @wraps(kernel)
    def applied(*arguments: Any) -> Any:
        return kernel(*(np.ascontiguousarray(part) if isinstance(part, np.ndarray) else part for part in arguments))

    return applied


def plot(self: Any, column: Any = None, **layout: Any) -> Any:
    """Draw one column of an indicator that has run: its first input above, each output below, as a plotly figure.

    `column` may be left out where there is only one; `layout` is passed on to the figure, as vectorbt's own plots do.
    """
    import vectorbt as vbt

    one = self.select_one(column=column)
    shown = [self.input_names[0], *self.output_names]
    figure = vbt.make_subplots(rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.04, subplot_titles=shown)
    for row, name in enumerate(shown, start=1):
        getattr(one, name).rename(name).vbt.plot(add_trace_kwargs={"row": row, "col": 1}, fig=figure)
    return figure.update_layout(height=220 * len(shown), showlegend=False, **layout)
