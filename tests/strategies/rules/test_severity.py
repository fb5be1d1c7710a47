"""From values to ok, watch and alarm: by hand, the compiled one against the plain one, properties."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from undertow.strategies.rules.severity import alarms_nb, severity_nb, severity_np

NAN = np.nan
Array = npt.NDArray[np.float64]


def one(values: list[float], alarm: float, watch: float = NAN, leave: float | None = None, side: float = 1.0) -> list:
    levels = [np.array([level]) for level in (alarm, watch, alarm if leave is None else leave)]
    return severity_nb(np.array(values, dtype=np.float64)[:, None], *levels, side)[:, 0].tolist()


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
    np.testing.assert_array_equal(severity_nb(*given), severity_np(*given))


@given(drawn(), st.integers(1, 39))
def test_later_values_change_nothing(given: tuple[Array, Array, Array, Array, float], rows: int) -> None:
    values, *levels, side = given
    np.testing.assert_array_equal(severity_nb(values[:rows].copy(), *levels, side), severity_nb(*given)[:rows])


@given(drawn())
def test_without_hysteresis_it_is_two_comparisons(given: tuple[Array, Array, Array, Array, float]) -> None:
    values, alarm, watch, _, side = given
    expected = np.where(values * side >= watch * side, 0.5, 0.0)
    expected = np.where(values * side >= alarm * side, 1.0, expected)
    np.testing.assert_array_equal(
        severity_nb(values, alarm, watch, alarm, side), np.where(np.isnan(values), NAN, expected)
    )


def test_an_alarm_goes_on_once_and_lasts_while_it_is_unknown() -> None:
    nan = np.nan
    on, begins = alarms_nb(np.array([nan, 0.5, 1.0, nan, 1.0, 0.5, nan, 1.0, 0.0]), 1.0)
    assert on.tolist() == [False, False, True, True, True, False, False, True, False]
    assert np.flatnonzero(begins).tolist() == [2, 7]
