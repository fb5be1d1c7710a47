"""Basket, hedge, stop and the least-tax source in the order kernel: by hand, against the plain twin, identities."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_kernel import world

from undertow.backtests.kernel import walk_nb
from undertow.backtests.kernel_reference import walk_np
from undertow.backtests.orders import (
    NO_LOTS,
    Rules,
)

FEATURES = ("basket", "hedge", "stop", "lots")


def random_world(seed: int, rows: int = 60, names: int = 6, members: int = 3, **wanted: bool) -> dict[str, Any]:
    """Prices with gaps and a name that ends, renewals every 20 rows, every feature that is not switched off."""
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
        fill[gone_at:, name] = np.nan
        ends[gone_at, name] = price[gone_at - 1, name] * 0.9
    levels = rng.choice([1.0, 1.0, 0.75, 0.5, 0.25, 0.0], rows // 4).repeat(4)
    renewed = np.full(rows, -1)
    renewed[::20] = np.arange(len(renewed[::20]))
    renewals = int((renewed >= 0).sum())
    base = rng.random((renewals, names))
    within = rng.random((renewals, members if use["basket"] else 0))
    cash = np.cumprod(1 + rng.random(rows) * 1e-4)
    known = np.vstack([np.full((1, names), np.nan), price[:-1, :names]])
    known[rng.random(known.shape) < 0.03] = np.nan
    rotation = (1 - levels) * rng.choice([0.0, 0.5, 1.0], rows // 3).repeat(3) if use["basket"] else np.zeros(rows)
    hedge = rng.choice([0.0, 0.0, 0.3, 0.6], rows // 5).repeat(5) if use["hedge"] else np.zeros(rows)
    lots = int(rng.integers(0, 3)) if use["lots"] else NO_LOTS
    scored = lots == NO_LOTS and rng.random() < 0.5
    rules = Rules(
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
        renewed=renewed,
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
    assert_equal(walk_nb(**given_world), walk_np(**given_world), given_world["capital"])
