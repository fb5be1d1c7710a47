"""Basket, hedge, stop and the least-tax source in the order kernel: by hand, against the plain twin, identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.kernel import flat_inputs as world
from support.kernel import walk_compiled as walk_nb
from support.kernel import walk_plain as walk_np
from undertow.backtests.kernel.records import (
    FIFO,
    HIFO,
    NO_LOTS,
    KernelOptions,
    PriceArrays,
    SetOptions,
    SetPlans,
    default_options,
    make_rates,
)
from undertow.backtests.kernel.state import (
    CASH,
    DEFERRED,
    HEDGE,
    ROTATE,
    STOP,
    STOPPED,
    WAITED,
)
from undertow.backtests.kernel.walk import walk_many_nb

FEATURES = ("basket", "hedge", "stop", "lots")


def random_world(seed: int, rows: int = 60, names: int = 6, members: int = 3, **wanted: bool) -> dict[str, Any]:
    """Prices with gaps and a name that ends, rebalances every 20 rows, every feature that is not switched off."""
    use = {name: wanted.get(name, True) for name in FEATURES}
    rng = np.random.default_rng(seed)
    legs = use["basket"] or use["hedge"]
    extra = (members if use["basket"] else 0) + int(use["hedge"])
    columns = names + extra
    price = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (rows, columns)), axis=0))
    missing = rng.random((rows, columns)) < rng.choice([0.0, 0.1])
    missing[0] = False
    fill = np.where(missing, np.nan, price)
    ends = np.full((rows, columns), np.nan)
    for name in (0, *([names + 1] if use["basket"] else [])):
        gone_at = int(rng.integers(5, rows))
        # Half of them trade again after a while.
        back_at = gone_at + int(rng.integers(1, 20)) if rng.random() < 0.5 else rows
        fill[gone_at:back_at, name] = np.nan
        ends[gone_at, name] = price[gone_at - 1, name] * 0.9
    levels = rng.choice([1.0, 1.0, 0.75, 0.5, 0.25, 0.0], rows // 4).repeat(4)
    rebalanced = np.full(rows, -1)
    rebalanced[::20] = np.arange(len(rebalanced[::20]))
    rebalances = int((rebalanced >= 0).sum())
    base = rng.random((rebalances, names))
    within = rng.random((rebalances, members if use["basket"] else 0))
    cash = np.cumprod(1 + rng.random(rows) * 1e-4)
    known = np.vstack([np.full((1, names), np.nan), price[:-1, :names]])
    known[rng.random(known.shape) < 0.03] = np.nan
    rotation = (1 - levels) * rng.choice([0.0, 0.5, 1.0], rows // 3).repeat(3) if use["basket"] else np.zeros(rows)
    hedge = rng.choice([0.0, 0.0, 0.3, 0.6], rows // 5).repeat(5) if use["hedge"] else np.zeros(rows)
    lots = int(rng.integers(0, 3)) if use["lots"] else NO_LOTS
    scored = lots == NO_LOTS and rng.random() < 0.5
    rules = KernelOptions(
        within / within.sum(axis=1, keepdims=True) if use["basket"] else within,
        rotation if legs else np.zeros(0),
        hedge if legs else np.zeros(0),
        known,
        float(rng.choice([0.05, 0.1, 0.2])) if use["stop"] else 0.0,
        int(rng.integers(0, 30)),
        lots,
    )
    return world(
        fill,
        price,
        mark=np.where(missing | np.isnan(fill), np.vstack([price[:1], price[:-1]]), price),
        end_price=ends,
        base=base / base.sum(axis=1, keepdims=True),
        rebalanced=rebalanced,
        exposure=levels,
        order=np.argsort(rng.random((rows, names)), axis=1) if scored else np.zeros((rows, 0), dtype=np.int64),
        cash_fill=np.concatenate((cash[:1], cash[:-1])),
        cash_close=cash,
        capital=1e6,
        fee=5e-4,
        slippage=5e-4,
        rules=rules,
    )


def assert_equal(fast: Any, slow: Any, capital: float) -> None:
    values, before, amounts, sweeps, reasons, counts, sums, gains = range(8)
    for part in (values, before, sweeps, gains):
        np.testing.assert_allclose(fast[part], slow[part], atol=1e-9 * capital)
    np.testing.assert_allclose(fast[amounts], slow[amounts], atol=1e-9 * capital / 10)
    np.testing.assert_allclose(fast[sums], slow[sums], rtol=1e-9)
    np.testing.assert_array_equal(fast[reasons], slow[reasons])
    np.testing.assert_array_equal(fast[counts], slow[counts])


@given(seed=st.integers(0, 100_000), use=st.tuples(*[st.booleans()] * 4))
def test_compiled_kernel_equals_the_plain_one(seed: int, use: tuple[bool, ...]) -> None:
    given_world = random_world(seed, **dict(zip(FEATURES, use, strict=True)))
    # So high that accounts are called again and again.
    given_world["maintenance"] = (0.3, 2.0, 4.0)[seed % 3]
    assert_equal(walk_nb(**given_world), walk_np(**given_world), given_world["capital"])


@given(seed=st.integers(0, 100_000))
def test_many_paths_equal_one_path(seed: int) -> None:
    given_world = random_world(seed)
    rules: KernelOptions = given_world.pop("rules")
    order = given_world.pop("order")
    scored = order.shape[1] > 0
    sets = SetPlans(
        np.tile(given_world["exposure"], (2, 1)),
        order[None] if scored else np.zeros((0, *given_world["mark"].shape), dtype=np.int64),
        np.array([0 if scored else -1] * 2),
    )
    options = SetOptions(
        rules.basket,
        np.tile(rules.rotation, (2, 1)),
        np.tile(rules.hedge, (2, 1)),
        rules.known,
        np.full(2, rules.stop),
        np.full(2, rules.wait),
        np.full(2, rules.lots),
    )
    prices = PriceArrays(*(given_world[name] for name in PriceArrays._fields))
    base, rebalanced, rates = given_world["base"], given_world["rebalanced"], make_rates(5e-4, 5e-4, 2.0)
    values, sums, counts = walk_many_nb(prices, base, rebalanced, sets, rates, options, given_world["capital"])
    alone = walk_nb(**{**given_world, "maintenance": 2.0}, order=order, rules=rules)
    for number in (0, 1):
        np.testing.assert_array_equal(values[number], alone[0])
        np.testing.assert_array_equal(sums[number], alone[6])
        np.testing.assert_array_equal(counts[number], alone[5])


def flows(given_world: dict[str, Any], amounts: Any) -> Any:
    """Proceeds less payments (T,), after costs."""
    ended = ~np.isnan(given_world["end_price"])
    price = np.where(ended, given_world["end_price"], np.nan_to_num(given_world["fill"]))
    fee, slippage = given_world["fee"], given_world["slippage"]
    rates = np.where(amounts < 0, (1 - slippage) * (1 - fee), (1 + slippage) * (1 + fee))
    return -(amounts * price * np.where(ended, 1.0, rates)).sum(axis=1)


@given(seed=st.integers(0, 100_000), fee=st.floats(0, 0.01), use=st.tuples(*[st.booleans()] * 4))
def test_cash_identity_and_nothing_is_sold_that_is_not_held(seed: int, fee: float, use: tuple[bool, ...]) -> None:
    given_world = {**random_world(seed, **dict(zip(FEATURES, use, strict=True))), "fee": fee}
    _, _, amounts, sweeps, *_ = walk_nb(**given_world)
    capital = given_world["capital"]
    flow = flows(given_world, amounts)
    flow[0] += capital
    # cash before + proceeds - costs = cash after, on every session, and never below nothing
    np.testing.assert_allclose(sweeps * given_world["cash_fill"], flow, atol=1e-9 * capital)
    assert (np.cumsum(sweeps) > -1e-9 * capital).all()
    shares = np.cumsum(amounts, axis=0)
    short = amounts.shape[1] - int(use[1])
    assert (shares[:, :short] > -1e-9 * np.abs(amounts[:, :short]).max(axis=0, initial=1.0)).all()
    assert (shares[:, short:] < 1e-9 * np.abs(amounts[:, short:]).max(axis=0, initial=1.0)).all()


@given(seed=st.integers(0, 100_000), source=st.sampled_from(["proportional", "order", "hifo", "fifo"]))
def test_the_cash_target_is_met_exactly_where_every_fill_exists(seed: int, source: str) -> None:
    given_world = random_world(seed, stop=False)
    rows, names = len(given_world["rebalanced"]), given_world["base"].shape[1]
    given_world["fill"] = given_world["mark"] = given_world["close"]
    given_world["end_price"] = np.full(given_world["fill"].shape, np.nan)
    rng = np.random.default_rng(seed)
    ordered = np.argsort(rng.random((rows, names)), axis=1) if source == "order" else np.zeros((rows, 0), np.int64)
    lots = {"hifo": HIFO, "fifo": FIFO}.get(source, NO_LOTS)
    rules = given_world["rules"]._replace(lots=lots)
    _, before, amounts, sweeps, *_ = walk_nb(**{**given_world, "order": ordered, "rules": rules})
    cash = np.cumsum(sweeps) * given_world["cash_fill"]
    exposure, columns = given_world["exposure"], amounts.shape[1]
    rebalanced = given_world["rebalanced"] >= 0
    turned, shorted = (rebalanced | (np.diff(leg, prepend=0) != 0) for leg in (rules.rotation, rules.hedge))
    acted = turned | shorted
    target = (1 - exposure - rules.rotation + rules.hedge) * before
    # Where no stocks are left there is nothing more to raise cash from.
    shares = np.cumsum(amounts, axis=0)
    held = (shares * given_world["fill"])[:, :names].sum(axis=1)
    borne = acted & (held > 1e-3 * before)
    assert borne.sum() >= 3
    np.testing.assert_allclose(cash[borne], target[borne], atol=1e-9 * given_world["capital"])
    # The legs stand where they were asked to.
    worth = shares * given_world["fill"]
    basket, short = worth[:, names : columns - 1].sum(axis=1), worth[:, -1]
    np.testing.assert_allclose(basket[borne & turned], (rules.rotation * before)[borne & turned], atol=1e-3)
    np.testing.assert_allclose(short[borne & shorted], -(rules.hedge * before)[borne & shorted], atol=1e-3)


def test_rotation_by_hand() -> None:
    # 100 USD in two stocks at 10; half of it goes to a basket of two at 5 and 20, without costs.
    rules = default_options()._replace(
        basket=np.array([[0.5, 0.5]]), rotation=np.array([0.0, 0.5, 0.0]), hedge=np.zeros(3)
    )
    given_world = world([[10, 10, 5, 20]] * 3, base=np.array([[0.5, 0.5]]), exposure=np.array([1.0, 0.5, 1.0]))
    _, _, amounts, sweeps, reasons, _, sums, _ = walk_nb(**{**given_world, "rules": rules})
    np.testing.assert_allclose(amounts, [[5, 5, 0, 0], [-2.5, -2.5, 5, 1.25], [2.5, 2.5, -5, -1.25]], atol=1e-12)
    assert (reasons[1:, 2:] == ROTATE).all()
    np.testing.assert_allclose(sweeps, 0, atol=1e-12)
    assert sums[CASH] == pytest.approx(0)


def test_a_basket_without_a_name_alive_leaves_its_money_in_cash() -> None:
    rules = default_options()._replace(basket=np.zeros((1, 1)), rotation=np.array([0.0, 0.5]), hedge=np.zeros(2))
    given_world = world([[10, 5]] * 2, base=np.ones((1, 1)), exposure=np.array([1.0, 0.5]), rules=rules)
    _, _, amounts, sweeps, *_ = walk_nb(**given_world)
    np.testing.assert_allclose(amounts[1], [-5, 0])
    assert sweeps[1] == pytest.approx(50)


def test_hedge_by_hand() -> None:
    # 100 USD in one stock at 10, 40 USD short of an index at 20: the index rises by a tenth, which costs 4 USD.
    rules = default_options()._replace(
        basket=np.zeros((1, 0)), rotation=np.zeros(4), hedge=np.array([0.4, 0.4, 0.4, 0.0])
    )
    given_world = world([[10, 20], [10, 22], [10, 22], [10, 22]], base=np.ones((1, 1)), rules=rules)
    values, _, amounts, sweeps, reasons, *_ = walk_nb(**given_world)
    np.testing.assert_allclose(values, [100, 96, 96, 96])
    # The proceeds of 40 lie in cash; buying back takes them and 4 more from the stock.
    np.testing.assert_allclose(amounts, [[10, -2], [0, 0], [0, 0], [-0.4, 2]], atol=1e-12)
    np.testing.assert_allclose(sweeps, [40, 0, 0, -40], atol=1e-12)
    assert (reasons[3] == HEDGE).all()


def test_buying_back_spends_what_cash_there_is_and_no_more() -> None:
    # The index doubles while the stock cannot be sold: only the 40 USD of proceeds buy back half of the position.
    rules = default_options()._replace(basket=np.zeros((1, 0)), rotation=np.zeros(3), hedge=np.array([0.4, 0.0, 0.0]))
    fill = [[10, 20], [np.nan, 40], [10, 40]]
    given_world = world(fill, [[10, 20], [10, 40], [10, 40]], base=np.ones((1, 1)), rules=rules)
    values, _, amounts, sweeps, reasons, counts, *_ = walk_nb(**given_world)
    np.testing.assert_allclose(amounts, [[10, -2], [0, 1], [-4, 0]], atol=1e-12)
    np.testing.assert_allclose(np.cumsum(sweeps), [40, 0, 40], atol=1e-12)
    np.testing.assert_allclose(values, [100, 60, 60])
    assert counts[DEFERRED] == 1
    assert reasons[2, 0] == WAITED


def stopped(known: list[float], fill: list[float], wait: int, rebalanced: list[int]) -> Any:
    """Two names, the second flat, a stop of 10 % and the closes of the first that are known at each decision."""
    rows = len(known)
    rules = default_options()._replace(
        known=np.column_stack([known, np.full(rows, 10.0)]), stop=0.10, wait=wait, basket=np.zeros((1, 0))
    )
    prices = np.column_stack([fill, np.full(rows, 10.0)])
    close = np.where(np.isnan(prices), np.vstack([prices[:1], prices[:-1]]), prices)
    return walk_nb(**world(prices, close, rebalanced=np.array(rebalanced), rules=rules))


def test_stop_by_hand() -> None:
    # Bought at 10. The high of the first session's close is 12; 10.8 is the tenth below it, known a session later.
    rebalanced = [0, -1, -1, -1, 0, 0]
    outcome = stopped([np.nan, 12, 10.9, 10.8, 10, 10], [10, 12, 11, 10, 10, 10], 2, rebalanced)
    values, _, amounts, sweeps, reasons, counts, *_ = outcome
    assert amounts[3, 0] == -5
    assert amounts[3, 1] == 0
    assert reasons[3, 0] == STOP
    assert counts[STOPPED] == 1
    np.testing.assert_allclose(values, [100, 110, 105, 100, 100, 100])
    # The rebalance a session later leaves its half in cash and the other name as it is; the next one buys it again.
    np.testing.assert_allclose(amounts[4], [0, 0], atol=1e-12)
    np.testing.assert_allclose(amounts[5], [5, 0], atol=1e-12)
    np.testing.assert_allclose(np.cumsum(sweeps)[3:], [50, 50, 0], atol=1e-12)


def test_a_stop_waits_for_a_price_and_an_unknown_close_stops_nothing() -> None:
    outcome = stopped([np.nan, 12, np.nan, 8, 8], [10, 12, 8, np.nan, 7], 5, [0, -1, -1, -1, -1])
    _, _, amounts, _, reasons, counts, *_ = outcome
    np.testing.assert_allclose(amounts[:, 0], [5, 0, 0, 0, -5])
    assert reasons[4, 0] == WAITED
    assert counts[DEFERRED] == 1


def test_a_stopped_names_weight_is_out_of_the_exposures_reach() -> None:
    rules = default_options()._replace(
        known=np.array([[np.nan, np.nan], [8.0, 10], [8, 10], [8, 10]]), stop=0.1, basket=np.zeros((1, 0))
    )
    # The first close known after the purchase is the high, so that a fall is seen from the next one on.
    rules.known[1, 0] = 10.0
    given_world = world([[10, 10]] * 4, exposure=np.array([1.0, 1.0, 1.0, 0.5]), rules=rules)
    _, _, amounts, sweeps, *_ = walk_nb(**given_world)
    np.testing.assert_allclose(amounts, [[5, 5], [0, 0], [-5, 0], [0, -2.5]], atol=1e-12)
    np.testing.assert_allclose(np.cumsum(sweeps), [0, 0, 50, 75], atol=1e-12)


@pytest.mark.parametrize(("way", "gains"), [(HIFO, [10.0, -4.0]), (FIFO, [15.0, -9.0])])
def test_hifo_and_fifo_by_hand(way: int, gains: list[float]) -> None:
    # One stock: 5 shares bought at 10 and 2 at 12.50; 3 sold at 15, then the other 4 at 9.
    rules = default_options()._replace(basket=np.zeros((1, 0)), lots=way)
    exposure = np.array([0.5, 87.5 / 112.5, 60 / 130, 0.0])
    given_world = world([[10.0], [12.5], [15.0], [9.0]], exposure=exposure, rules=rules)
    _, before, amounts, _, _, _, _, found = walk_nb(**given_world)
    np.testing.assert_allclose(before, [100, 112.5, 130, 106])
    np.testing.assert_allclose(amounts[:, 0], [5, 2, -3, -4])
    np.testing.assert_allclose(found[:, 0], [0, 0, *gains], atol=1e-12)


def test_the_least_taxed_is_sold_first() -> None:
    # Three names at 10; the first has doubled, the second halved, the third stands. 40 of 35 + 100 / 3 USD are raised.
    rules = default_options()._replace(basket=np.zeros((1, 0)), lots=HIFO)
    given_world = world([[10, 10, 10], [20, 5, 10]], exposure=np.array([1.0, 0.6]), rules=rules)
    _, before, amounts, sweeps, *_ = walk_nb(**given_world)
    third = 100 / 3
    assert before[1] == pytest.approx(3.5 * third)
    # 0.4 x 116.67 = 46.67: all of the second (16.67), then 30 of the third, nothing of the first.
    np.testing.assert_allclose(amounts[1], [0, -third / 10, -3.0], atol=1e-12)
    assert sweeps[1] == pytest.approx(0.4 * before[1])


@given(seed=st.integers(0, 100_000), at=st.integers(1, 59))
def test_orders_do_not_depend_on_later_rows(seed: int, at: int) -> None:
    given_world = random_world(seed)
    by_row = ("fill", "mark", "close", "end_price", "rebalanced", "exposure", "order", "cash_fill", "cash_close")
    rules = given_world["rules"]
    short = {name: part[:at] if name in by_row else part for name, part in given_world.items()}
    short["rules"] = rules._replace(rotation=rules.rotation[:at], hedge=rules.hedge[:at], known=rules.known[:at])
    for whole, prefix in zip(walk_nb(**given_world)[:5], walk_nb(**short)[:5], strict=True):
        np.testing.assert_array_equal(whole[:at], prefix)
