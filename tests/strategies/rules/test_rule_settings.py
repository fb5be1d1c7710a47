"""What a rule file may say about the backtest, and what it names of a market: answers with file and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from undertow.backtests import backtest, costs
from undertow.market import DataError, Market, ParameterError, UndertowError, UnknownNameError, simulate_market
from undertow.strategies import Condition, Destination, FreeRule, HedgeOverlay, Rule, Tier, Trigger
from undertow.strategies.rules.file import RuleFile, read_rule
from undertow.strategies.rules.settings import CHOICES, RATES

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A rule file with a named strategy and the lines of its `[backtest]`."""

    def writing(*lines: str, strategy: str = "risk-tiers", parameters: str = "") -> Path:
        file = tmp_path / "mine.toml"
        tables = ("[parameters]", parameters, "[backtest]", *lines)
        file.write_text("\n".join((f'strategy = "{strategy}"', *tables)), encoding="utf-8")
        return file

    return writing


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=1, names=6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('fill = "opn"', "fill: must be one of open, close; got 'opn', did you mean `open`?"),
        (
            'rebalance = "montly"',
            "rebalance: must be one of daily, weekly, monthly, quarterly, never; got 'montly', did",
        ),
        (
            'weighting = "equl"',
            "weighting: must be one of equal, inverse-volatility; got 'equl', did you mean `equal`?",
        ),
        ("fill = true", "fill: must be text, got True; write it in quotes"),
        ('start = "2018-13-02"', "start: must be a date such as 2018-01-02, got '2018-13-02'"),
        ('start = "2.1.2018"', "start: must be a date such as 2018-01-02, got '2.1.2018'"),
        ('start = "today"', "start: must be a date such as 2018-01-02, got 'today'"),
        ("end = 2018", "end: must be a date such as 2018-01-02, got 2018"),
        ("end = 2018-01-02T10:00:00", "end: must be a date such as 2018-01-02, got datetime.datetime(2018"),
        (
            'start = "2021-06-02"\nend = 2021-06-01',
            "start: must not be after backtest.end, got 2021-06-02 and 2021-06-01",
        ),
        ("universe = 3", "universe: must be text, got 3"),
        ('universe = "growth | top 3 by betta | monthly"', "unknown measure `betta`, did you mean `beta`?"),
        ('universe = "growth | top 3"', "cannot be read; write PARENT | top N by MEASURE"),
        ('universe = { parent = "growth", top = 3, by = 3 }', "by must be a measure or a list of measures, got 3; kn"),
        ('universe = { parent = "growth", top = 3, by = [] }', "by must be a measure or a list of measures, got []"),
        (
            'universe = { parent = "growth", top = 3, by = [["beta"]] }',
            "unknown measure `['beta']`, did you mean `beta`",
        ),
        ('universe = { parent = 3, top = 3, by = "beta" }', "parent must be the name of a universe, got 3"),
        ("tax_rate = 20", "tax_rate: must be a number in [0, 1] as a decimal; 20 % is 0.2; got 20"),
        ('tax_rate = "0.2"', "tax_rate: must be a number in [0, 1]"),
        ("borrow_bps = true", "borrow_bps: must be a number in [0, 10000] basis points a year"),
        ("borrow_bps = nan", "borrow_bps: must be a number in [0, 10000] basis points a year"),
        ('lots = "hfo"', "lots: must be one of hifo, fifo; got 'hfo', did you mean `hifo`?"),
        ("taxrate = 0.1", "taxrate: unknown key, did you mean `tax_rate`?; allowed: universe, fill, weighting, rebal"),
    ],
)
def test_a_mistake_is_answered_with_file_key_and_what_is_allowed(write: Write, line: str, message: str) -> None:
    file = write(line)
    with pytest.raises(DataError) as refused:
        read_rule(file)
    assert str(refused.value).startswith(f"{file}: backtest.")
    assert message in str(refused.value)


def test_dates_are_text_or_dates_of_the_file(write: Write) -> None:
    found = read_rule(write("start = 2018-01-02", 'end = "2018-06-29"'))
    assert dict(found.settings) == {"start": "2018-01-02", "end": "2018-06-29"}
    assert found.with_settings({"end": "2019-06-28"}) == {"start": "2018-01-02", "end": "2019-06-28"}


def test_a_stretch_that_ends_before_it_starts_names_the_file(write: Write) -> None:
    file = write("end = 2018-06-29")
    with pytest.raises(ParameterError) as refused:
        read_rule(file).with_settings({"start": "2019-01-02"})
    assert str(refused.value) == (
        f"`start` must not be after `end`, got 2019-01-02 and 2018-06-29 ({file}: backtest.end)"
    )
    with pytest.raises(ParameterError, match=r"`start` must be a date such as 2018-01-02, got '5\.1\.2021'"):
        read_rule(file).with_settings({"start": "5.1.2021"})


def test_costs_of_the_file_give_way_to_what_is_given(write: Write) -> None:
    found = read_rule(write("tax_rate = 0.3", 'lots = "fifo"', "borrow_bps = 80"))
    assert found.with_settings({}) == {"tax_rate": 0.3, "lots": "fifo", "borrow_bps": 80.0}
    assert found.with_settings({"tax_rate": 0.1, "lots": None})["tax_rate"] == 0.1
    assert found.with_settings({"tax_rate": 0.1, "lots": None})["lots"] == "fifo"


def test_costs_are_bounded_as_those_of_a_backtest() -> None:
    assert CHOICES["lots"] == costs.LOTS
    bounds = {name: high for name, high, _, _ in costs._BOUNDS}
    assert {name: bounds[name] for name in RATES} == {name: high for name, (high, _) in RATES.items()}


def refusal(found: RuleFile, world: Market) -> str:
    with pytest.raises(UndertowError) as refused:
        found.check(world, found.with_settings({}))
    return str(refused.value)


@pytest.mark.parametrize(
    ("universe", "message"),
    [
        ("grwth", "unknown universe `grwth`, did you mean `growth`?; known: defensive, growth"),
        ("grwth | top 3 by beta | monthly", "unknown universe `grwth`, did you mean `growth`?"),
        ("growth | top 300 by beta | monthly", "`growth` never has more than 6 members with prices; ask for 6 or"),
    ],
)
def test_a_universe_that_the_market_lacks(write: Write, world: Market, universe: str, message: str) -> None:
    file = write(f'universe = "{universe}"')
    found = read_rule(file)
    said = refusal(found, world)
    assert said.startswith(f"{file}: backtest.universe: ")
    assert message in said
    # Another one in force: what the file says is not looked at.
    found.check(world, found.with_settings({"universe": "growth"}))


def test_a_basket_and_a_symbol_that_the_market_lacks(write: Write, world: Market) -> None:
    for strategy, key, kind in (("defensive-rotation", "basket", "universe"), ("hedge-overlay", "symbol", "symbol")):
        file = write(strategy=strategy, parameters=f'{key} = "nothing"')
        assert refusal(read_rule(file), world).startswith(f"{file}: parameters.{key}: unknown {kind} `nothing`")
    good = read_rule(write('universe = "growth"', strategy="defensive-rotation", parameters='basket = "defensive"'))
    good.check(world, good.with_settings({}))


def test_a_free_rule_is_checked_in_a_backtest_too(world: Market, tmp_path: Path) -> None:
    trigger = {"when": [{"signal": "drawdown", "below": -0.1}]}
    given = {"trigger": trigger, "tiers": [{"name": "cash", "at": 1.0, "cash": 0.5, "hedge": 0.1}]}
    file = tmp_path / "mine.json"
    for destination, message in (
        ({"basket": "growht"}, "destination.basket: unknown universe `growht`, did you mean `growth`?"),
        ({"basket": "growht | top 2 by beta | yearly"}, "destination.basket: unknown universe `growht`"),
        ({"hedge_symbol": "QQQQ"}, "destination.hedge_symbol: unknown symbol `QQQQ`"),
    ):
        file.write_text(json.dumps({**given, "destination": destination}), encoding="utf-8")
        found = read_rule(file)
        assert f"{file}: {message}" in refusal(found, world)
        with pytest.raises(UnknownNameError, match=message.partition(":")[0]):
            backtest(found.strategy, world)
    rule = Rule(
        name="own",
        trigger=Trigger(when=(Condition(signal="drawdown", below=-0.1),)),
        tiers=(Tier(name="cash", at=1.0, cash=0.5),),
        destination=Destination(basket="nothing"),
    )
    with pytest.raises(UnknownNameError, match=r"^own: destination\.basket: unknown universe"):
        backtest(FreeRule(definition=rule), world)
    with pytest.raises(UnknownNameError, match=r"^hedge-overlay: parameters\.symbol: unknown symbol"):
        backtest(HedgeOverlay(symbol="nothing"), world)


def test_many_known_names_are_shortened_to_the_nearest() -> None:
    said = str(
        UnknownNameError("symbol", "QQQQ", [*(f"A{number}" for number in range(60)), "QQQ", "QQEW"], "mine.toml")
    )
    assert said.startswith(
        "mine.toml: unknown symbol `QQQQ`, did you mean `QQQ`?; the nearest of 62 known: QQQ, QQEW, "
    )
    assert said.count(", ") == 5
