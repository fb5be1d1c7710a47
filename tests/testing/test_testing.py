"""The public suites refuse bad plug-ins, and the message names what is broken."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from numba import njit
from numba.extending import overload
from optuna.distributions import FloatDistribution, IntDistribution

import undertow
from undertow.signals import Bounds, Drawdown
from undertow.signals.base.bounds import SHARE
from undertow.signals.base.registry import SIGNALS, load, registered
from undertow.signals.base.spec import Parameter, Spec, indicator
from undertow.signals.decisions.table import DecisionTable
from undertow.strategies import Decision, Strategy
from undertow.strategies.strategy import Sets
from undertow.testing import SignalContract, StrategyContract, sample_inputs
from undertow.testing import signals as ts
from undertow.testing import strategies as tp

Array = npt.NDArray[np.float64]


def mean(close: Array, window: int) -> Array:
    """Trailing mean: an honest kernel in plain numpy."""
    out = np.full(close.shape, np.nan)
    for row in range(window - 1, len(close)):
        out[row] = close[row - window + 1 : row + 1].mean(axis=0)
    return out


GOOD = Spec(
    name="my-signal",
    summary="Trailing mean of the close.",
    kernel=mean,
    inputs={"close": ("bars", "close")},
    parameters={"window": Parameter(24, IntDistribution(2, 100))},
    outputs=("value",),
    units="USD",
    lookback=lambda window: (window,),
    source="our own definition",
)
MySignal = indicator(GOOD)


def peeks(close: Array, window: int) -> Array:
    return np.concatenate((mean(close, window)[1:], np.full((1, close.shape[1]), np.nan)))


def short(close: Array, window: int) -> Array:
    return mean(close, window)[1:]


def raises(close: Array, window: int) -> Array:
    raise ZeroDivisionError("division by zero")


def changes(close: Array, window: int) -> Array:
    close[np.isnan(close)] = 0.0
    return mean(close, window)


def endless(close: Array, window: int) -> Array:
    return np.where(np.isnan(close), np.inf, mean(close, window))


def demeaned(close: Array, window: int) -> Array:
    return np.asarray(mean(close, window) - close.mean(axis=1, keepdims=True))


def whole_numbers(close: Array, window: int) -> Any:
    return np.nan_to_num(mean(close, window)).astype(np.int64)


@njit
def overflows(close: Array, window: int) -> Array:
    # Compiled whole numbers wrap around at 64 bits, those of Python do not.
    product = 1
    for _ in range(window):
        product *= 1000
    return close * 0.0 + product


def _nothing() -> None: ...


@overload(_nothing)
def _nothing_compiled() -> Any:
    return lambda: 1.0


@njit
def only_compiled(close: Array, window: int) -> Array:
    return close * _nothing()


def bad(**changes: Any) -> Any:
    return indicator(replace(GOOD, **changes))


@pytest.mark.parametrize("check", ts.CHECKS)
def test_an_honest_signal_passes(check: Callable[[Any], None]) -> None:
    check(MySignal)


@pytest.mark.parametrize(
    ("check", "signal", "message"),
    [
        (
            ts.check_prefix_invariance,
            bad(kernel=peeks),
            r"`my-signal`\.value at row 59 changed when the rows from 60 on were removed, .*: it looks ahead",
        ),
        (ts.check_missing_values, bad(kernel=short), r"`my-signal`\.value has the shape \(699, 2\), expected .*700, 2"),
        (ts.check_prefix_invariance, bad(kernel=raises), r"`my-signal` raised ZeroDivisionError: division by zero"),
        (ts.check_missing_values, bad(kernel=whole_numbers), r"`my-signal`\.value is int64, expected float64"),
        (ts.check_warm_up, bad(outputs=("value", "other")), "returned 1 arrays for 2 outputs: value, other"),
        (ts.check_missing_values, bad(kernel=changes), r"`my-signal` changed its input `close` at row \d+"),
        (ts.check_missing_values, bad(kernel=endless), r"`my-signal`\.value is infinite at row \d+ with 5 % of"),
        (
            ts.check_warm_up,
            bad(lookback=lambda window: (window + 1,)),
            r"`my-signal`\.value has its first value at row 23, too early: with a look-back of 25 rows .* row 24",
        ),
        (ts.check_warm_up, bad(lookback=lambda window: (window - 1,)), "at row 23, late: with a look-back of 23 rows"),
        (
            ts.check_warm_up,
            bad(lookback=lambda window: (window, window)),
            "`lookback` must give a whole number of rows",
        ),
        (ts.check_scale, bad(scale_free=("close",)), r"declares `close` scale_free, but value at row 23 goes from"),
        (
            ts.check_bounds,
            bad(bounds={"value": Bounds(0.0, 150.0)}),
            r"`my-signal`\.value at row \d+ is \d+\.\d+, outside its bounds \[0, 150\]",
        ),
        (ts.check_definition, bad(bounds={"vale": SHARE}), "`bounds` names something that is not an output"),
        (ts.check_definition, bad(decimal=("vale",)), "`decimal` names something that is not an output"),
        (ts.check_definition, bad(bounds={"value": Bounds(1.0, 1.0)}), "`bounds` must have `low` below `high`"),
        (ts.check_columns, bad(kernel=demeaned), r"depends on the other columns; .* declares `across_names=True`"),
        (
            ts.check_alone,
            bad(output_kernels={"value": demeaned}),
            r"`my-signal`\.value at row \d+ is not the same by itself",
        ),
        (
            ts.check_alone,
            bad(output_kernels={"vale": demeaned}),
            "`output_kernels` names `vale`, which is not an output: value",
        ),
        (
            ts.check_alone,
            bad(at={"value": lambda close, window, rows: np.zeros((len(window), len(rows)))}),
            r"`my-signal`\.value at row \d+ is not the same by its `at` kernel",
        ),
        (ts.check_alone, bad(at={"vale": demeaned}), "`at` names `vale`, which is not an output: value"),
        (ts.check_columns, bad(across_names=True), "differs from column 0, but it declares `across_names`"),
        (ts.check_definition, bad(source=""), "`my-signal`: it must name its `source`"),
        (ts.check_definition, bad(units=" "), "`my-signal`: it must state its `units`"),
        (ts.check_definition, bad(summary="A mean"), "summary must be a sentence that ends with a full stop"),
        (ts.check_definition, bad(name="mySignal"), "its name must be kebab-case"),
        (
            ts.check_definition,
            bad(parameters={"window": Parameter(1, IntDistribution(2, 100))}),
            "the default of `window`, 1, is outside its range, 2 to 100",
        ),
        (ts.check_definition, bad(scale_free=("klose",)), "`scale_free` names something that is not an input"),
        (ts.check_plain, bad(kernel=overflows), r"`my-signal`\.value at row 0 is .* compiled and .* as plain Python"),
        (ts.check_pickle, bad(), "`my-signal` does not pickle: "),
        (ts.check_vectorbt, GOOD, "`my-signal` has no `run`: register what `indicator"),
        (ts.check_definition, mean, "is not a signal: it has no `spec`"),
    ],
)
def test_a_bad_signal_is_refused_by_name(check: Callable[[Any], None], signal: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(signal)


def test_a_falsely_honest_peek_into_the_future_by_value_is_seen_too() -> None:
    def ends_up(close: Array, window: int) -> Array:
        return mean(close, window) * (1.0 if close[-1, 0] > close[0, 0] else 2.0)

    with pytest.raises(AssertionError, match="it looks ahead"):
        ts.check_prefix_invariance(bad(kernel=ends_up))


class Rule(Strategy):
    """Cash while BTC is below its high."""

    summary: ClassVar[str] = "A good rule"

    threshold: Annotated[float, FloatDistribution(-0.4, -0.05)] = -0.1

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        fall = np.repeat(table.signal(Drawdown, {}), len(sets["threshold"]), axis=1)
        return cls.held(np.where(np.isnan(fall), np.nan, np.where(fall <= sets["threshold"], 0.5, 1.0)))

    @classmethod
    def held(cls, wanted: Array) -> Decision:
        exposure, level = np.ones(wanted.shape), np.ones(wanted.shape[1])
        for row, goal in enumerate(wanted):
            level = np.where(np.isnan(goal), level, goal)
            exposure[row] = level
        return Decision.proportional(exposure, np.isnan(wanted))


class Peeking(Rule):
    """Uses tomorrow's exposure today."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=np.roll(found.exposure, -1, axis=0))


class Geared(Rule):
    """Wants more than there is."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=found.exposure * 1.5)


class Mixed(Rule):
    """Lets one set decide for all."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=np.repeat(found.exposure[:, :1], found.exposure.shape[1], axis=1))


class Bearish(Rule):
    """Is short without end."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, hedge=np.full(found.exposure.shape, 1.5))


class Crowded(Rule):
    """Puts more into a basket than it takes out of stocks."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, rotation=np.full(found.exposure.shape, 0.3), basket="defensive")


class Foresighted(Rule):
    """Hedges today what happens tomorrow."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, hedge=np.roll(1.0 - found.exposure, -1, axis=0))


class Whispering(Rule):
    """Counts today what is unknown tomorrow."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, flags={"tomorrow": np.roll(found.exposure, -1, axis=0) < 1.0})


class Stopless(Rule):
    """Stops out at once."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, stop=np.zeros(found.exposure.shape[1]))


class Unsorted(Rule):
    """Sells in an order that it does not give."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, score_of_set=np.zeros_like(found.score_of_set))


class Silent(Rule):
    """Never says that a feed is missing."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, stale=np.zeros_like(found.stale))


class Restless(Rule):
    """Leaves the market where it knows nothing."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=np.where(found.stale, 0.0, found.exposure))


class Transposed(Rule):
    """Returns sets by sessions."""

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        found = super().decide(table, sets)
        return replace(found, exposure=found.exposure.T)


class Loose(Rule):
    """Accepts anything."""

    @classmethod
    def create(cls, parameters: Any) -> Any:
        return cls()


class Wordless(Strategy):
    summary: ClassVar[str] = "No docstring"

    @classmethod
    def decide(cls, table: DecisionTable, sets: Sets) -> Decision:
        return Decision.proportional(np.ones((len(table), 1)))


def on_simulated(check: Callable[..., None]) -> Callable[[Any], None]:
    return lambda strategy: check(strategy, tp.simulated())


STRATEGY_CHECKS = [
    tp.check_strategy_definition,
    on_simulated(tp.check_no_look_ahead),
    on_simulated(tp.check_sets),
    on_simulated(tp.check_missing_feeds),
    tp.check_record,
]


@pytest.mark.parametrize("check", STRATEGY_CHECKS)
def test_an_honest_strategy_passes(check: Callable[[Any], None]) -> None:
    check(Rule)


@pytest.mark.parametrize(
    ("check", "strategy", "message"),
    [
        (
            on_simulated(tp.check_no_look_ahead),
            Peeking,
            r"`peeking`: exposure on 20\d\d-.* changed .*: it looks ahead",
        ),
        (on_simulated(tp.check_sets), Geared, r"`geared`: exposure on .* is 1\.5; it must be a share of capital"),
        (on_simulated(tp.check_sets), Bearish, r"`bearish`: hedge on .* is 1\.5; it must be a share of capital in"),
        (on_simulated(tp.check_sets), Crowded, r"`crowded`: rotation on .* is 0\.3; it must be .* 1 - exposure"),
        (on_simulated(tp.check_sets), Stopless, r"`stopless`: stop must be in \(0, 1\), got"),
        (on_simulated(tp.check_sets), Unsorted, "`unsorted`: score_of_set names an order that `scores` lacks"),
        (
            on_simulated(tp.check_no_look_ahead),
            Foresighted,
            r"`foresighted`: hedge on 20\d\d-.* changed .*: it looks ahead",
        ),
        (
            on_simulated(tp.check_no_look_ahead),
            Whispering,
            r"`whispering`: flag tomorrow on 20\d\d-.* changed .*: it looks ahead",
        ),
        (on_simulated(tp.check_sets), Mixed, r"`mixed`: exposure on .* is not the same when .* alone and together"),
        (
            on_simulated(tp.check_missing_feeds),
            Silent,
            "`silent` reads feeds, but with no feed it marks no session stale",
        ),
        (
            on_simulated(tp.check_missing_feeds),
            Restless,
            "`restless`: with a gap in every feed the exposure or hedge moved on .* marks stale",
        ),
        (
            on_simulated(tp.check_sets),
            Transposed,
            r"`transposed`: exposure has the shape .* expected \(sessions, sets\)",
        ),
        (tp.check_record, Loose, r"`loose` accepts threshold=0\.95, which is outside its range"),
        (tp.check_strategy_definition, Wordless, "`wordless` has no docstring"),
    ],
)
def test_a_bad_strategy_is_refused_by_name(check: Callable[[Any], None], strategy: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(strategy)


def test_the_suites_themselves_are_not_collected() -> None:
    assert not SignalContract.__test__
    assert not StrategyContract.__test__
    assert type("TestMine", (SignalContract,), {}).__test__


def test_the_sample_gives_equal_numbers_for_an_equal_seed_and_consistent_bars() -> None:
    one, other = sample_inputs(50, 3, 1), sample_inputs.__wrapped__(50, 3, 1)
    for name, values in one.items():
        assert values.shape == (50, 3)
        np.testing.assert_array_equal(values, other[name])
    assert (one["low"] < np.minimum(one["open"], one["close"])).mean() > 0.9
    assert (one["low"] < one["close"]).all()
    assert (one["close"] < one["high"]).all()


def test_pytest_is_needed_by_the_suite_alone_and_nothing_needs_the_suite() -> None:
    home = Path(undertow.__file__).parent
    needing, using = set(), set()
    # The floors are links in a checkout and folders in a wheel.
    for file in (Path(name) for name in glob(f"{home}/**/*.py", recursive=True)):
        text, name = file.read_text(encoding="utf-8"), file.relative_to(home).as_posix()
        if re.search(r"^\s*(import|from) pytest\b", text, re.MULTILINE):
            needing.add(name)
        if re.search(r"^\s*(import|from) undertow(\.| import )testing\b", text, re.MULTILINE):
            using.add(name)
    assert needing == {"testing/contracts.py"}
    # The audit is made of the suite's checks, and needs no pytest.
    of_audit = {"__init__.py", "cli/audit.py", "cli/report.py"}
    assert {name for name in using if not name.startswith("testing/")} == of_audit


def test_a_pickled_definition_opens_in_another_process() -> None:
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).summary)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(Drawdown.spec), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == Drawdown.spec.summary


def test_a_kernel_that_only_works_compiled_is_named() -> None:
    with pytest.raises(AssertionError, match="`my-signal` works compiled, but as plain Python it raises TypeError"):
        ts.check_plain(bad(kernel=only_compiled))


def test_every_input_of_every_registered_signal_has_a_sample() -> None:
    sample = sample_inputs()
    specs = [load(SIGNALS, name).spec for name in registered(SIGNALS)]
    inputs = [(name, column) for spec in specs for name, (_, column) in spec.inputs.items()]
    assert [each for each in inputs if not set(each) & set(sample)] == []
