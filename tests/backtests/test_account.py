"""The account of a run: one record, or its fields as keywords."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from undertow.backtests.account import Account, make_account
from undertow.backtests.checklist.today import today
from undertow.backtests.costs import Costs
from undertow.backtests.runs.backtest import backtest
from undertow.market.errors import ParameterError
from undertow.market.simulator.simulate import simulate_market
from undertow.strategies import LiquidityDrain, RiskTiers

ACCOUNT = Account("close", Costs(fee_bps=2, lots="fifo"), "inverse-volatility", "weekly", 250_000)


def test_a_run_has_the_account_it_was_made_with_however_that_was_passed() -> None:
    market = simulate_market(seed=3, years=1, names=5)
    run = backtest(LiquidityDrain(), market, account=ACCOUNT)
    by_name = backtest(LiquidityDrain(), market, **ACCOUNT.keywords())
    replaced = backtest(LiquidityDrain(), market, account=Account(capital=250_000), **ACCOUNT.keywords())
    assert run.account == by_name.account == replaced.account == ACCOUNT
    assert run.costs == ACCOUNT.costs
    for other in (by_name, replaced):
        pd.testing.assert_frame_equal(run.series, other.series, check_exact=True)


def test_a_checklist_takes_an_account() -> None:
    market = simulate_market(seed=3, years=1, names=5)
    as_record, by_name = (
        today(RiskTiers(), market, account=ACCOUNT),
        today(RiskTiers(), market, **ACCOUNT.keywords()),
    )
    assert repr(as_record.as_dict()) == repr(by_name.as_dict())
    assert as_record.filled_at != today(RiskTiers(), market).filled_at


def test_keywords_replace_fields_and_no_costs_mean_the_default_ones() -> None:
    assert make_account(None, {}) == Account()
    assert make_account(ACCOUNT, {"fill": "open", "costs": None}) == Account(
        "open", ACCOUNT.costs, "inverse-volatility", "weekly", 250_000
    )
    assert make_account(None, {"costs": None}).costs == Costs()


def test_equal_accounts_are_written_alike() -> None:
    assert Account(capital=1_000_000).argv() == Account().argv()
    text = " ".join(ACCOUNT.argv())
    assert text.startswith("--fill close --fee-bps 2 --slippage-bps 5 --haircut-bps 0 --borrow-bps 50 --tax-rate 0.2")
    assert text.endswith("--lots fifo --weighting inverse-volatility --rebalance weekly --capital 250000.0")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fil": "open"}, r"unknown setting `fil`.* did you mean `fill`.*known: fill, costs, weighting"),
        ({"fill": "noon"}, r"`fill` must be open or close; got 'noon'"),
        ({"weighting": "eqal"}, r"`weighting` must be one of equal, inverse-volatility; got 'eqal'"),
        ({"costs": 5}, r"`costs` must be `Costs`, such as Costs\(fee_bps=5\), got int '5'"),
        ({"capital": -1}, r"`capital` must be positive"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_account(None, settings)


def test_what_is_no_account_is_refused() -> None:
    with pytest.raises(ParameterError, match="`account` must be an `Account`, got Costs"):
        make_account(Costs(), {})  # type: ignore[arg-type]
