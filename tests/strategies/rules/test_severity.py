"""From values to ok, watch and alarm: by hand, the compiled one against the plain one, properties."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from undertow.strategies.rules.severity import (
    FALLBACK,
    SEVERITIES,
    ConditionColumns,
    Levels,
    alarms_nb,
    severity_codes_nb,
)

NAN = np.nan
Array = npt.NDArray[np.float64]
NOTHING = np.empty((0, 0))


def severities(values: Array, alarm: Array, watch: Array, leave: Array, side: float) -> Array:
    """Severities (T, P) of values (T, P), one column a set; NaN for no level of watch."""
    watch = np.where(np.isnan(watch), side * np.inf, watch)
    position = np.arange(values.shape[1])
    first = ConditionColumns(np.ascontiguousarray(values.T), position)
    codes = severity_codes_nb(
        first, ConditionColumns(NOTHING, position), Levels(alarm, watch, leave, np.full(len(alarm), side))
    )
    return SEVERITIES[codes].T


def severities_np(values: Array, alarm: Array, watch: Array, leave: Array, side: float) -> Array:
    """The same with plain numpy, row by row."""
    out, on = np.full(values.shape, NAN), np.zeros(values.shape[1], dtype=np.bool_)
    for row, value in enumerate(values * side):
        known = ~np.isnan(value)
        on = np.where(known, (value >= alarm * side) | (on & (value >= leave * side)), on)
        mild = np.where(value >= watch * side, 0.5, 0.0)
        out[row] = np.where(known, np.where(on, 1.0, mild), NAN)
    return out


def one(values: list[float], alarm: float, watch: float = NAN, leave: float | None = None, side: float = 1.0) -> list:
    levels = [np.array([level]) for level in (alarm, watch, alarm if leave is None else leave)]
    return severities(np.array(values, dtype=np.float64)[:, None], *levels, side)[:, 0].tolist()


def test_at_or_above_the_level_is_an_alarm_and_at_or_above_the_milder_one_watch() -> None:
    assert one([0.9, 1.0, 1.9, 2.0, 2.1], alarm=2.0, watch=1.0) == [0, 0.5, 0.5, 1, 1]
    assert one([0.9, 1.9, 2.0], alarm=2.0) == [0, 0, 1]


def test_low_values_alarm_on_the_other_side() -> None:
    assert one([-0.05, -0.10, -0.15, -0.20], alarm=-0.15, watch=-0.10, side=-1.0) == [0, 0.5, 1, 1]


def test_an_alarm_lasts_until_the_calm_side_of_the_leaving_level() -> None:
    assert one([1.9, 2.0, 1.5, 1.0, 0.9, 1.5, 2.0], alarm=2.0, leave=1.0) == [0, 1, 1, 1, 0, 0, 1]
    assert one([-2, -1, 0, 1, -1], alarm=-1.0, leave=0.0, side=-1.0) == [1, 1, 1, 0, 1]


def test_unknown_is_unknown_and_the_alarm_lasts_through_it() -> None:
    found = one([2.0, NAN, 1.5, 0.5, NAN, 1.5], alarm=2.0, leave=1.0)
    np.testing.assert_array_equal(found, [1, NAN, 1, 0, NAN, 0])


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Array, Array, Array, Array, float]:
    rng = np.random.default_rng(draw(st.integers(0, 1_000_000)))
    side = draw(st.sampled_from([1.0, -1.0]))
    alarm = rng.integers(3, 6, 5).astype(float)
    watch = np.where(rng.random(5) < 0.3, NAN, alarm - rng.integers(0, 3, 5))
    leave = alarm - rng.integers(0, 3, 5)
    values = rng.choice([0.0, 1, 2, 3, 4, 5, 6, NAN], (40, 5))
    return values * side, alarm * side, watch * side, leave * side, side


@given(drawn())
def test_the_compiled_one_equals_the_plain_one(given: tuple[Array, Array, Array, Array, float]) -> None:
    np.testing.assert_array_equal(severities(*given), severities_np(*given))


@given(drawn(), st.integers(1, 39))
def test_later_values_change_nothing(given: tuple[Array, Array, Array, Array, float], rows: int) -> None:
    values, *levels, side = given
    np.testing.assert_array_equal(severities(values[:rows].copy(), *levels, side), severities(*given)[:rows])


@given(drawn())
def test_without_hysteresis_it_is_two_comparisons(given: tuple[Array, Array, Array, Array, float]) -> None:
    values, alarm, watch, _, side = given
    expected = np.where(values * side >= watch * side, 0.5, 0.0)
    expected = np.where(values * side >= alarm * side, 1.0, expected)
    np.testing.assert_array_equal(
        severities(values, alarm, watch, alarm, side), np.where(np.isnan(values), NAN, expected)
    )


def test_a_fallback_is_read_where_the_first_has_no_value_and_is_marked() -> None:
    nan = np.nan
    first = ConditionColumns(np.array([[nan, 3.0, nan, nan, 0.0], [9.0, 9.0, 9.0, 9.0, 9.0]]), np.array([0, 1]))
    other = ConditionColumns(np.array([[0.0, 0.0, 2.0, nan, 2.0]]), np.array([0, 0]))
    two = np.array([2.0, 2.0])
    codes = severity_codes_nb(first, other, Levels(two, two, two, np.ones(2)))
    # The alarm of the third row is the fallback's; the fourth is unknown; the last value is the first's own.
    np.testing.assert_array_equal(SEVERITIES[codes % FALLBACK], [[0.0, 1.0, 1.0, nan, 0.0], [1.0] * 5])
    np.testing.assert_array_equal(codes >= FALLBACK, [[True, False, True, False, False], [False] * 5])


def test_an_alarm_goes_on_once_and_lasts_while_it_is_unknown() -> None:
    nan = np.nan
    on, begins = alarms_nb(np.array([nan, 0.5, 1.0, nan, 1.0, 0.5, nan, 1.0, 0.0]), 1.0)
    assert on.tolist() == [False, False, True, True, True, False, False, True, False]
    assert np.flatnonzero(begins).tolist() == [2, 7]
