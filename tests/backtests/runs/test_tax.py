"""The tax of a run: beside that of buy-and-hold in the terminal, on the tearsheet, in the folder and in JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import undertow as ut
from undertow.backtests import Costs
from undertow.backtests.runs.tax import rate_text, tax_sentence
from undertow.cli.console import show_run
from undertow.strategies import BuyAndHold, LiquidityDrain
from undertow.tearsheets.html.markup import escape
from undertow.tearsheets.html.text import count
from undertow.tearsheets.run.tax import tax_section


@pytest.fixture(scope="module")
def market() -> ut.Market:
    return ut.simulate_market(seed=5, years=2)


@pytest.fixture(scope="module")
def run(market: ut.Market) -> ut.Run:
    return ut.backtest(LiquidityDrain(), market, costs=Costs(tax_rate=0.25, lots="fifo"))


def test_the_tax_of_buy_and_hold_is_that_of_its_own_backtest(market: ut.Market, run: ut.Run) -> None:
    held = ut.backtest(BuyAndHold(), market, costs=Costs(tax_rate=0.25, lots="fifo"))
    assert run.hold_tax == held.tax
    assert held.hold_tax == held.tax
    assert run.hold_tax["tax"] > 0.0
    assert run.hold_tax["rate"] == 0.25
    assert run.summary()["tax"] == {**run.tax, "buy-and-hold": held.tax}


def test_a_saved_run_gives_its_tax_back(run: ut.Run, tmp_path: Path) -> None:
    folder = run.save(tmp_path / "run")
    assert json.loads((folder / "tax.json").read_text(encoding="utf-8")) == run.tax_as_dict
    loaded = ut.load_run(folder)
    assert loaded.tax_as_dict == run.tax_as_dict
    assert loaded.tax_sentence() == run.tax_sentence()
    # Saved by an earlier version: what the run itself owes is in its orders.
    (folder / "tax.json").unlink()
    older = ut.load_run(folder)
    assert (older.tax, older.hold_tax) == (run.tax, None)
    assert "the tax of buy-and-hold was not saved" in older.tax_sentence()


def test_the_sentence_says_what_it_means_in_usd() -> None:
    tax = {"rate": 0.2, "lots": "hifo", "tax": 845_613.0}
    text = tax_sentence(tax, {**tax, "tax": 456_091.0}, -1_088_344.0)
    assert "At 20% on realised gains" in text
    assert "owes 845,613 USD, 389,522 USD more than buy-and-hold, which owes 456,091." in text
    assert "1,088,344 USD below buy-and-hold before tax and 1,477,866 USD below it with each tax" in text
    less = tax_sentence(tax, {**tax, "tax": 900_000.0}, 10_000.0)
    assert "54,387 USD less than" in less
    assert "10,000 USD above buy-and-hold before tax and 64,387 USD above it" in less
    assert "as buy-and-hold does" in tax_sentence(tax, tax, 0.0)
    assert rate_text({"rate": 0.26375}) == "26.38%"


def test_the_tearsheet_and_the_terminal_state_it(run: ut.Run, capsys: pytest.CaptureFixture[str]) -> None:
    page = str(tax_section(run))
    assert run.hold_tax is not None
    assert str(escape(run.tax_sentence())) in page.replace("\N{MINUS SIGN}", "-")
    for figures in (run.tax, run.hold_tax):
        assert all(count(figures[name]) in page for name in ("gains", "losses", "tax"))
    assert "Tax at 25%, USD" in page
    show_run(run)
    printed = capsys.readouterr().out
    assert f"{run.tax['tax']:,.0f}" in printed.partition("Tax on realised gains, USD")[2].splitlines()[0]
    assert f"{run.hold_tax['tax']:,.0f}" in printed.partition("Tax on realised gains, USD")[2].splitlines()[0]
    assert "never deducted" in " ".join(printed.split())


def test_a_run_without_the_tax_of_buy_and_hold_states_its_own(run: ut.Run) -> None:
    page = str(tax_section(replace(run, find_hold_tax=None)))
    assert count(run.tax["tax"]) in page
    assert "Buy-and-hold</th>" not in page
