"""vectorbt keeps the books: order amounts from the kernel become a real Portfolio, and the two must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from undertow.backtests.account import Account
from undertow.backtests.kernel.prices import PriceGrid
from undertow.market.clock import FloatArray
from undertow.market.errors import BookkeepingError

if TYPE_CHECKING:
    from undertow.backtests.runs.vectorbt_portfolio import Portfolio

AGREEMENT = 1e-9


def book(
    tape: PriceGrid,
    amounts: FloatArray,
    sweeps: FloatArray,
    cash: str | None,
    account: Account,
    hold: FloatArray | None = None,
) -> Portfolio:
    """Book order amounts (T, N) and cash sweeps (T,) with vectorbt's Rust engine as one account.

    The cash symbol, where there is one, is the last column; its orders are free. `hold` (T,) is the value of
    buy-and-hold, its benchmark.
    """
    # Two seconds of imports, which what keeps no books does not wait for.
    from vectorbt.portfolio.enums import Direction

    from undertow.backtests.runs.vectorbt_portfolio import Portfolio

    size, price, close = amounts, np.where(amounts != 0, tape.fill, tape.close), tape.close
    ended = np.isfinite(tape.end_price) & (amounts != 0)
    price = np.where(ended, tape.end_price, price)
    fees = np.where(ended, 0.0, account.costs.fee)
    slippage = np.where(ended, 0.0, account.costs.slippage)
    symbols = list(tape.symbols)
    # A short sale's proceeds stay in the account's cash: `lock_cash` is off by default.
    direction = np.full(len(symbols) + (cash is not None), Direction.LongOnly)
    if tape.short:
        direction[len(symbols) - 1] = Direction.Both
    if cash is not None:
        free = np.zeros((len(size), 1))
        size, close = np.column_stack([size, sweeps]), np.column_stack([close, tape.cash_close])
        price = np.column_stack([price, tape.cash_fill])
        fees, slippage = np.hstack([fees, free]), np.hstack([slippage, free])
        symbols.append(f"{cash} (cash)" if cash in tape.symbols else cash)
    portfolio: Portfolio = Portfolio.from_orders(
        pd.DataFrame(close, index=tape.sessions, columns=pd.Index(symbols, name="symbol")),
        size=size,
        size_type="amount",
        direction=direction,
        price=price,
        fees=fees,
        slippage=slippage,
        init_cash=account.capital,
        min_size=0.0,
        cash_sharing=True,
        group_by=pd.Index(["portfolio"] * len(symbols), name="group"),
        call_seq=np.argsort(np.sign(size), axis=1, kind="stable"),
        freq="1D",
        engine="rust",
    )
    kept: Portfolio = portfolio.replace(hold=hold)
    return kept


def check_agreement(portfolio: Portfolio, values: FloatArray, capital: float) -> None:
    """Raise `BookkeepingError` where vectorbt's value and the kernel's differ by more than 1e-9 of the capital."""
    booked = np.asarray(portfolio.value(), dtype=np.float64).ravel()
    apart = np.abs(booked - values) / np.maximum(capital, np.abs(values))
    worst = int(apart.argmax())
    if not apart[worst] <= AGREEMENT:
        session = portfolio.wrapper.index[worst].date()
        raise BookkeepingError(
            f"kernel and vectorbt disagree on {session}: {values[worst]:.6f} against {booked[worst]:.6f};"
            " please report this with the market and the command"
        )
