"""The order kernel: by hand, against its plain twin, and its identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.kernel import flat_inputs, walk_compiled, walk_plain
from undertow.backtests.kernel.records import default_options
from undertow.backtests.kernel.state import (
    CLOSED,
    DE_RISK,
    DEFERRED,
    ENDED,
    GAPS,
    MARGIN,
    MARGIN_CALLS,
    OPEN_AT_END,
    RE_ENTRY,
    REBALANCE,
    WAITED,
)


def random_inputs(seed: int, scored: bool, rows: int = 60, names: int = 7) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    price = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (rows, names)), axis=0))
    missing = rng.random((rows, names)) < 0.1
    fill = np.where(missing, np.nan, price)
    ends = np.full((rows, names), np.nan)
    gone_at = rng.integers(5, rows)
    fill[gone_at : gone_at + int(rng.integers(1, 30)), 0] = np.nan
    ends[gone_at, 0] = price[gone_at, 0] * 0.9
    exposure = rng.choice([1.0, 1.0, 1.0, 0.5, 0.25, 0.0], rows // 4).repeat(4)
    rebalanced = np.full(rows, -1)
    rebalanced[::20] = np.arange(len(rebalanced[::20]))
    base = rng.random((len(rebalanced[::20]), names))
    cash = np.cumprod(1 + rng.random(rows) * 1e-4)
    return flat_inputs(
        fill,
        price,
        mark=np.where(missing, np.roll(price, 1, axis=0), price),
        end_price=ends,
        base=base / base.sum(axis=1, keepdims=True),
        rebalanced=rebalanced,
        exposure=exposure,
        order=np.argsort(rng.random((rows, names)), axis=1) if scored else np.zeros((rows, 0), dtype=np.int64),
        cash_fill=np.concatenate((cash[:1], cash[:-1])),
        cash_close=cash,
        capital=1e6,
        fee=5e-4,
        slippage=5e-4,
    )


@pytest.mark.parametrize("scored", [False, True], ids=["proportional", "scored"])
@given(seed=st.integers(0, 10_000))
def test_compiled_kernel_equals_the_plain_one(scored: bool, seed: int) -> None:
    inputs = random_inputs(seed, scored)
    fast, slow = walk_compiled(**inputs), walk_plain(**inputs)
    np.testing.assert_allclose(fast[0], slow[0], rtol=1e-10)
    np.testing.assert_allclose(fast[1], slow[1], rtol=1e-10)
    np.testing.assert_allclose(fast[2], slow[2], rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(fast[3], slow[3], rtol=1e-8, atol=1e-4)
    np.testing.assert_array_equal(fast[5], slow[5])


def test_buy_and_hold_by_hand_with_costs() -> None:
    # 100 USD, two names at 10 and 20, fee 1 %, slippage 1 %: a buy costs 1.01 * 1.01 of its price, so 100 USD buy
    # stocks worth 100 / 1.0201 in equal halves.
    values, before, amounts, cash_trades, reasons, *_ = walk_compiled(
        **flat_inputs([[10, 20], [11, 20]], fee=0.01, slippage=0.01)
    )
    half = 50 / 1.0201
    np.testing.assert_allclose(amounts[0], [half / 10, half / 20])
    np.testing.assert_allclose(values, [2 * half, half * 1.1 + half])
    np.testing.assert_allclose(before, [100, half * 1.1 + half])
    assert (reasons[0] == REBALANCE).all()
    assert not amounts[1].any()
    assert not cash_trades.any()


def test_cash_target_is_met_exactly_and_stocks_bear_the_costs() -> None:
    record = walk_compiled(**flat_inputs([[10, 20], [10, 20]], exposure=np.array([1.0, 0.4]), fee=0.01, slippage=0.01))
    _, before, amounts, cash_trades, reasons, *_ = record
    assert cash_trades[1] == pytest.approx(0.6 * before[1], rel=1e-12)
    assert (reasons[1] == DE_RISK).all()
    sold = -amounts[1] * np.array([10, 20])
    assert sold.sum() * 0.99 * 0.99 == pytest.approx(cash_trades[1])
    assert sold[0] == pytest.approx(sold[1])


def test_winners_first_sells_whole_names_in_order() -> None:
    order = np.array([[2, 0, 1]] * 2)
    _, _, amounts, cash_trades, *_ = walk_compiled(
        **flat_inputs([[10, 10, 10]] * 2, exposure=np.array([1.0, 0.5]), order=order)
    )
    # 50 of 100 USD: all of name 2 (33.3) and half of name 0 (16.7).
    np.testing.assert_allclose(-amounts[1] * 10, [50 - 100 / 3, 0, 100 / 3])
    assert cash_trades[1] == pytest.approx(50)


def test_re_entry_goes_back_to_the_drifted_base_weights() -> None:
    # While in cash name 0 doubles: the untouched basket would stand at 2 : 1, and so must the portfolio afterwards.
    exposure = np.array([1.0, 0.0, 1.0])
    _, _, amounts, _, reasons, *_ = walk_compiled(**flat_inputs([[10, 10], [10, 10], [20, 10]], exposure=exposure))
    np.testing.assert_allclose(amounts[2] * [20, 10], [200 / 3, 100 / 3])
    assert (reasons[2] == RE_ENTRY).all()


def test_re_entry_in_steps_fills_what_was_sold() -> None:
    order = np.array([[0, 1]] * 4)
    exposure = np.array([1.0, 0.5, 0.75, 1.0])
    _, _, amounts, cash_trades, *_ = walk_compiled(**flat_inputs([[10, 10]] * 4, exposure=exposure, order=order))
    np.testing.assert_allclose(amounts, [[5, 5], [-5, 0], [2.5, 0], [2.5, 0]], atol=1e-12)
    np.testing.assert_allclose(cash_trades, [0, 50, -25, -25], atol=1e-12)


def test_missing_fill_waits_and_is_counted() -> None:
    fill = [[10, np.nan], [10, np.nan], [10, 25]]
    close = [[10, 20], [10, 20], [10, 25]]
    values, _, amounts, cash_trades, reasons, counts, *_ = walk_compiled(**flat_inputs(fill, close))
    # 50 USD were meant for name 1 at its last price of 20: 2.5 shares wait, and 2 are bought when it opens at 25.
    np.testing.assert_allclose(amounts[:, 1], [0, 0, 2.0])
    np.testing.assert_allclose(cash_trades, [50, 0, -50])
    assert reasons[2, 1] == WAITED
    assert counts[DEFERRED] == 1
    assert counts[OPEN_AT_END] == 0
    np.testing.assert_allclose(values, [100, 100, 100])


def test_order_that_never_fills_is_left_open_and_its_money_stays_in_cash() -> None:
    fill = [[10, np.nan], [20, np.nan]]
    values, _, _, _, _, counts, *_ = walk_compiled(**flat_inputs(fill, [[10, 20], [20, 20]]))
    assert counts[OPEN_AT_END] == 1
    np.testing.assert_allclose(values, [100, 150])


def test_name_that_ended_is_closed_at_its_last_price_less_haircut_without_costs() -> None:
    ends = np.array([[np.nan, np.nan], [np.nan, 18.0], [np.nan, np.nan]])
    fill = [[10, 20], [10, np.nan], [10, np.nan]]
    inputs = flat_inputs(fill, [[10, 20]] * 3, end_price=ends, rebalanced=np.array([0, -1, 0]))
    values, _, amounts, cash_trades, reasons, counts, *_ = walk_compiled(**inputs)
    assert amounts[1, 1] == -2.5
    assert cash_trades[1] == pytest.approx(2.5 * 18)
    assert reasons[1, 1] == ENDED
    assert counts[CLOSED] == 1
    # At the next rebalance its weight goes to the names that are still there.
    assert counts[DEFERRED] == 0
    np.testing.assert_allclose(amounts[2], [4.5, 0])
    np.testing.assert_allclose(values, [100, 95, 95])


def test_name_that_trades_again_after_a_gap_is_bought_anew() -> None:
    # 50 USD of name 1 at 20 are closed at 18 after a gap; at 5 it comes back, and 5 USD of it are bought of the 10
    # per cent that it is worth at the next rebalance: nothing of the way from 20 to 5 is in the account.
    ends = np.array([[np.nan, np.nan], [np.nan, 18.0], [np.nan, np.nan], [np.nan, np.nan]])
    fill = [[10, 20], [10, np.nan], [10, 5], [10, 10]]
    inputs = flat_inputs(fill, [[10, 20], [10, 20], [10, 5], [10, 10]], end_price=ends)
    inputs |= {"rebalanced": np.array([0, -1, 1, -1]), "base": np.array([[0.5, 0.5], [0.9, 0.1]])}
    for walk in (walk_compiled, walk_plain):
        values, _, amounts, _, reasons, counts, *_ = walk(**inputs)
        assert (reasons[1, 1], reasons[2, 1]) == (ENDED, REBALANCE)
        assert (counts[CLOSED], counts[GAPS]) == (0, 1)
        np.testing.assert_allclose(amounts[2], [(0.9 * 95 - 50) / 10, 0.1 * 95 / 5])
        np.testing.assert_allclose(values, [100, 95, 95, 95 + 9.5])


def test_a_name_in_a_gap_is_not_bought_before_it_trades_again() -> None:
    # A rebalance inside the gap gives its weight to the others; the one after it buys it.
    ends = np.array([[np.nan, np.nan], [np.nan, 18.0], [np.nan, np.nan], [np.nan, np.nan]])
    fill = [[10, 20], [10, np.nan], [10, np.nan], [10, 5]]
    inputs = flat_inputs(fill, [[10, 20], [10, 20], [10, 20], [10, 5]], end_price=ends)
    for walk in (walk_compiled, walk_plain):
        amounts = walk(**{**inputs, "rebalanced": np.array([0, -1, 0, 0])})[2]
        np.testing.assert_allclose(amounts[2:], [[4.5, 0.0], [-4.75, 9.5]])


def short_inputs(stock: list[float], index: list[float], hedge: list[float], **changes: Any) -> dict[str, Any]:
    """One stock and one symbol sold short, at equal fills and closes."""
    rows = len(stock)
    options = default_options()._replace(
        basket=np.zeros((1, 0)), rotation=np.zeros(rows), hedge=np.array(hedge, dtype=np.float64)
    )
    inputs = flat_inputs(np.column_stack([stock, index]), rules=options)
    return {**inputs, "base": np.ones((1, 1)), **changes}


def test_a_margin_call_closes_the_short_position_at_the_next_fill() -> None:
    # 100 USD of stock, 100 USD sold short at 10, their proceeds in cash. At 17 the account is worth 30, below 30 % of
    # 170; at the next fill, at 16, buying back 10 shares takes the 100 of cash and 60 of the stock. 40 are left.
    inputs = short_inputs([10.0] * 4, [10.0, 17.0, 16.0, 30.0], [1.0] * 4)
    for walk in (walk_compiled, walk_plain):
        values, _, amounts, _, reasons, counts, *_ = walk(**inputs)
        np.testing.assert_allclose(values, [100, 30, 40, 40])
        np.testing.assert_allclose(amounts, [[10, -10], [0, 0], [-6, 10], [0, 0]], atol=1e-12)
        assert reasons[2].tolist() == [MARGIN, MARGIN]
        assert counts[MARGIN_CALLS] == 1
        # Just above the margin nothing is called: 100 - 54 = 46 is 30 % of 153.3.
        assert walk(**short_inputs([10.0] * 4, [10.0, 15.3, 15.3, 15.3], [1.0] * 4))[5][MARGIN_CALLS] == 0


def test_a_margin_call_waits_for_a_price_and_the_hedge_comes_back_with_the_next_rebalance() -> None:
    index = np.array([10.0, 17.0, np.nan, 16.0, 16.0, 16.0])
    inputs = short_inputs([10.0] * 6, [10.0, 17.0, 17.0, 16.0, 16.0, 16.0], [1.0] * 6)
    inputs["fill"] = np.column_stack([[10.0] * 6, index])
    inputs["rebalanced"] = np.array([0, -1, -1, -1, -1, 0])
    for walk in (walk_compiled, walk_plain):
        values, _, amounts, _, _, counts, *_ = walk(**inputs)
        np.testing.assert_allclose(values, [100, 30, 30, 40, 40, 40])
        np.testing.assert_allclose(amounts[:, 1], [-10, 0, 0, 10, 0, -2.5], atol=1e-12)
        assert counts[MARGIN_CALLS] == 1


def test_an_account_that_has_lost_everything_ends() -> None:
    # At 21 the buy-back costs 210, and 200 are there: no margin call brings that back.
    for walk in (walk_compiled, walk_plain):
        values, before, amounts, *_ = walk(**short_inputs([10.0] * 4, [10.0, 21.0, 5.0, 5.0], [1.0] * 4))
        np.testing.assert_allclose(values, [100, -10, -10, -10])
        np.testing.assert_allclose(before, [100, -10, -10, -10])
        assert not amounts[1:].any()


def test_rounding_is_no_order_of_the_cash_symbol() -> None:
    # Fully invested, with costs: what is left after each rebalance is rounding of the cash, up to 1e-12 of the value.
    rng = np.random.default_rng(4)
    fill = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (200, 7)), axis=0))
    inputs = flat_inputs(fill, rebalanced=np.zeros(200, dtype=np.int64), fee=5e-4, slippage=5e-4, capital=1e6)
    for walk in (walk_compiled, walk_plain):
        cash_trades = walk(**inputs)[3]
        assert not (np.abs(cash_trades[cash_trades != 0]) < 1e-6).any()


def test_cash_earns_the_cash_symbols_return() -> None:
    cash = np.array([1.0, 1.0, 1.1])
    values = walk_compiled(**flat_inputs([[10.0]] * 3, exposure=np.zeros(3), cash_fill=np.ones(3), cash_close=cash))[0]
    np.testing.assert_allclose(values, [100, 100, 110])


@given(seed=st.integers(0, 10_000), fee=st.floats(0, 0.01), slippage=st.floats(0, 0.01))
def test_cash_identity_and_no_short_positions(seed: int, fee: float, slippage: float) -> None:
    inputs = {**random_inputs(seed, scored=bool(seed % 2)), "fee": fee, "slippage": slippage}
    values, _, amounts, cash_trades, *_ = walk_compiled(**inputs)
    price = np.where(np.isnan(inputs["end_price"]), np.nan_to_num(inputs["fill"]), inputs["end_price"])
    ended = ~np.isnan(inputs["end_price"])
    buys, sales = np.maximum(amounts, 0) * price, np.maximum(-amounts, 0) * price
    rates = np.where(ended, 1.0, (1 - slippage) * (1 - fee))
    flow = (sales * rates).sum(axis=1) - (buys * (1 + slippage) * (1 + fee)).sum(axis=1)
    flow[0] += inputs["capital"]
    # cash before + proceeds - costs = cash after, on every session
    np.testing.assert_allclose(cash_trades * inputs["cash_fill"], flow, atol=1e-9 * inputs["capital"])
    assert (np.cumsum(amounts, axis=0) > -1e-6).all()
    assert (np.cumsum(cash_trades) > -1e-6).all()
    assert (values > 0).all()


@given(seed=st.integers(0, 10_000))
def test_costs_are_monotone(seed: int) -> None:
    inputs = random_inputs(seed, scored=False)
    ends = [walk_compiled(**{**inputs, "fee": fee})[0][-1] for fee in (0.0, 0.001, 0.005)]
    assert ends[0] >= ends[1] >= ends[2]


@given(seed=st.integers(0, 10_000), at=st.integers(1, 59))
def test_orders_do_not_depend_on_later_rows(seed: int, at: int) -> None:
    inputs = random_inputs(seed, scored=True)
    by_row = ("fill", "mark", "close", "end_price", "rebalanced", "exposure", "order", "cash_fill", "cash_close")
    short = {name: part[:at] if name in by_row else part for name, part in inputs.items()}
    for full, prefix in zip(walk_compiled(**inputs)[:5], walk_compiled(**short)[:5], strict=True):
        np.testing.assert_array_equal(full[:at], prefix)
