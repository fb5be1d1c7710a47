"""Rules as files: what they may say, and what a mistake is answered with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.paths import PROJECT
from undertow.backtests import backtest
from undertow.cli.resolve import resolve_strategy
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.signals.base.registry import STRATEGIES, load, registered
from undertow.strategies import BuyAndHold, Gate, RiskTiers, Rule, RuleStrategy, Tier
from undertow.strategies.rules.file import as_toml, parts_of, presets, read_rule, rule_text

EXAMPLE = PROJECT / "examples" / "rules" / "weekend-crash.toml"
OURS = [name for name, point in registered(STRATEGIES).items() if point.value.startswith("undertow.strategies.")]


@pytest.fixture(scope="module")
def world() -> Market:
    return simulate_market(seed=11, years=1.5, names=6)


@pytest.mark.parametrize("name", OURS)
def test_every_named_strategy_has_a_preset_that_says_its_defaults(name: str) -> None:
    found = read_rule(name)
    kind = load(STRATEGIES, name)
    assert type(found.strategy) is kind
    assert found.strategy.parameters == kind().parameters
    assert found.strategy.origin == name
    assert rule_text(name).startswith("# ")
    # Every parameter is written down, so that the file shows what there is to change.
    assert all(f"\n{parameter} = " in rule_text(name) for parameter in kind.model_fields)


# Presets of parts: the flagship with another gate, and with another return.
VARIANTS = ("risk-tiers-divergence", "risk-tiers-stabilised")


def test_there_is_no_preset_without_a_strategy() -> None:
    assert set(presets()) == {*OURS, *VARIANTS}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_the_flagship_differs_in_what_it_says(name: str) -> None:
    variant, flagship = parts_of(read_rule(name).strategy), RiskTiers().rule()
    assert variant.name == name
    # Weights are written as they read: 0.0625 for the last digit of a product.
    numbers = numbers_of(flagship.trigger.model_dump())
    assert numbers_of(variant.trigger.model_dump()) == pytest.approx(numbers, abs=1e-12)
    assert [one.name for one in variant.trigger.when] == [one.name for one in flagship.trigger.when]
    fields = set(Rule.model_fields) - {"trigger"}
    differing = {field for field in fields if getattr(variant, field) != getattr(flagship, field)}
    assert differing == {"name", "summary", "tiers", "gates" if "divergence" in name else "reentry"}
    # The hedge of `watch` stays on above it; the flagship states that its own does not.
    assert [tier.hedge for tier in variant.ladder] == [0.0, 0.15, 0.15, 0.15]
    assert [tier.hedge for tier in flagship.ladder] == [0.0, 0.15, 0.0, 0.0]
    assert [tier.cash for tier in variant.ladder] == [tier.cash for tier in flagship.ladder]
    if "divergence" in name:
        assert [gate.scale for gate in variant.gates] == [0.0]
    else:
        signals = [condition.signal for condition in variant.reentry.when]
        assert signals == ["rows-since-low", "volatility-shock", "btc-equity-correlation"]


@pytest.mark.parametrize("name", [name for name in OURS if issubclass(load(STRATEGIES, name), RuleStrategy)])
def test_a_strategy_written_as_parts_is_the_same_rule(name: str, tmp_path: Path) -> None:
    rule = parts_of(load(STRATEGIES, name)())
    (tmp_path / "rule.toml").write_text(as_toml(rule), encoding="utf-8")
    read = parts_of(read_rule(tmp_path / "rule.toml").strategy)
    # Levels that are worked out from others are written as they read: -0.1 for -0.09999999999999999.
    assert numbers_of(read.model_dump()) == pytest.approx(numbers_of(rule.model_dump()), abs=1e-12)
    assert as_toml(read) == as_toml(rule)
    (tmp_path / "rule.json").write_text(rule.model_dump_json(), encoding="utf-8")
    assert parts_of(read_rule(tmp_path / "rule.json").strategy) == rule


def numbers_of(value: Any) -> list[float]:
    """Every number of a rule in its order."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in numbers_of(part)]
    if isinstance(value, list | tuple):
        return [each for part in value for each in numbers_of(part)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.parametrize("name", ["liquidity-drain", "risk-tiers", "short-term", "swing"])
def test_a_rule_of_parts_decides_as_the_strategy_that_it_is(name: str, world: Market, tmp_path: Path) -> None:
    strategy = load(STRATEGIES, name)()
    (tmp_path / "rule.toml").write_text(as_toml(strategy.rule()), encoding="utf-8")
    mine = backtest(read_rule(tmp_path / "rule.toml").strategy, world)
    named = backtest(strategy, world)
    assert mine.series.equals(named.series)
    assert mine.recipe.strategy == name


def test_parts_keep_the_settings_and_numbers_as_they_read(tmp_path: Path) -> None:
    text = as_toml(parts_of(RiskTiers()), read_rule("long-term").settings)
    assert "watch = -0.1\n" in text
    assert "watch = 0.93\n" in text
    assert "0.09999" not in text
    assert text.endswith('[backtest]\nrebalance = "quarterly"\n')
    # What would be further away than a rounding is written in full, and so are levels that scores meet exactly.
    odd = parts_of(RiskTiers()).model_copy(update={"tiers": (Tier(name="cash", at=0.1 + 0.2, min_stay=1.0),)})
    assert f"at = {0.1 + 0.2!r}" in as_toml(odd)
    far = Gate(signal="vix", above=100.0 / 3.0)
    assert f"above = {100.0 / 3.0!r}" in as_toml(odd.model_copy(update={"gates": (far,)}))


def test_the_example_runs_and_its_run_names_the_file(world: Market) -> None:
    found = read_rule(EXAMPLE)
    assert dict(found.settings) == {"universe": "growth", "rebalance": "monthly"}
    run = backtest(found.strategy, world, **found.with_settings({}))
    assert run.recipe.strategy == "weekend-crash"
    assert run.recipe.parameters["definition"]["tiers"][0]["cash"] == 0.5
    assert run.recipe.command is None  # the simulated market lies in no folder


def test_what_is_given_goes_before_what_the_file_says() -> None:
    found = read_rule(EXAMPLE)
    assert found.with_settings({"rebalance": "weekly", "fill": None})["rebalance"] == "weekly"
    with pytest.raises(ParameterError, match="`start` must not be after `end`"):
        found.with_settings({"start": "2020-01-02", "end": "2019-01-02"})


def test_a_typo_is_answered_with_file_key_and_what_is_allowed(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    for old, new, message in (
        (
            "below = -0.08",
            "belwo = -0.08",
            "trigger.when[1]: unknown key `belwo`, did you mean `below`?; allowed: s",
        ),
        ('combine = "any"', 'combine = "some"', "trigger.combine: input should be 'any', 'all' or 'score', got 'some'"),
        (
            '"weekend-gap"',
            '"weekend-gpa"',
            "trigger.when[1]: `signal`: unknown signal `weekend-gpa`, did you",
        ),
        (
            'output = "weekend"',
            'output = "weeknd"',
            "has no output `weeknd`, did you mean `weekend`?; allowed: gap",
        ),
        ("cash = 0.5 ", "cash = 1.5 ", "tiers[1].cash: input should be less than or equal to 1, got 1.5"),
        (
            "window = 72",
            "windw = 72",
            "reentry.when[1]: `parameters`: `rows-since-low` has no parameter `windw`",
        ),
        ('source = "beta"', 'source = "bta"', "`source` must be one of proportional, winners, beta,"),
        ("[trigger]", "[triger]", "unknown key `triger`, did you mean `trigger`?; allowed: name, summary, trigger"),
        (
            'universe = "growth"',
            'univers = "growth"',
            "backtest.univers: unknown key, did you mean `universe`?",
        ),
        ('rebalance = "monthly"', "rebalance = 1", "backtest.rebalance: must be text, got 1; write it in quotes"),
        ('name = "cash"', 'name = "Cash"', "tiers[1].name: string should match pattern"),
        # Without `at` it would be the resting tier, and the rule would do nothing.
        ("at = 1.0", "", "tiers[1]: tier `cash`: `at` 0 is calm, which has no `leave`, `min_stay` or `max_stay`; give"),
    ):
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(DataError) as refused:
            read_rule(file)
        assert str(refused.value).startswith(f"{file}: ")
        assert message in str(refused.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("a = [", encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.toml: not TOML"):
        read_rule(broken)
    for name in ("latin.toml", "latin.json"):
        (tmp_path / name).write_bytes(b'name = "x"\nsummary = "\xfcber"\n')
        with pytest.raises(DataError, match=rf"{name}: must be UTF-8 text; line 2 has the byte 0xfc: save it as UTF-8"):
            read_rule(tmp_path / name)
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="must hold one object"):
        read_rule(tmp_path / "list.json")
    with pytest.raises(DataError, match="no such rule file or preset, did you mean `swing`"):
        read_rule("swin")
    named = tmp_path / "named.toml"
    named.write_text('strategy = "liquidity-drain"\n[parameters]\nlagg = 3\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"named\.toml: parameters: .* has no parameter `lagg`, did you mean `lag`"):
        read_rule(named)
    named.write_text('strategy = "liquidity-drian"\n', encoding="utf-8")
    with pytest.raises(DataError, match="strategy: unknown strategy `liquidity-drian`, did you mean `liquidity-drain`"):
        read_rule(named)
    named.write_text('strategy = "liquidity-drain"\nparameter = 1\n', encoding="utf-8")
    with pytest.raises(DataError, match="parameter: unknown key, did you mean `parameters`"):
        read_rule(named)
    named.write_text('strategy = "undertow.strategies:RuleStrategy"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"strategy: `undertow\.strategies:RuleStrategy` is the code of a module"):
        read_rule(named)
    with pytest.raises(DataError, match=r"strategy: `undertow\.strategies:RuleStrategy` is not a strategy"):
        read_rule(named, trust=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"strategy": "risk-tiers", "parameters": null}', "parameters: must be a table, got None"),
        ('{"strategy": "risk-tiers", "parameters": 3}', "parameters: must be a table, got 3"),
        ('{"strategy": "risk-tiers", "backtest": null}', "backtest: must be a table, got None"),
        ('{"strategy": "risk-tiers", "parameters": {"cash": true}}', "parameters.cash: must be a number, got True"),
        ('{"strategy": "risk-tiers", "parameters": {"lag": "24"}}', "parameters.lag: must be a number, got '24'"),
        (
            '{"strategy": "random-timing", "parameters": {"pattern": "xx"}}',
            "parameters: random-timing: `start` must be",
        ),
    ],
)
def test_parameters_of_the_wrong_type_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_rule(file)
    assert str(refused.value).startswith(f"{file}: {message}")


def test_the_command_line_gives_numbers_as_text() -> None:
    found = resolve_strategy("risk-tiers", ["lag=12", "cash=0.5"])
    assert (found.parameters["lag"], found.parameters["cash"]) == (12, 0.5)


def test_what_has_no_parts_says_so() -> None:
    with pytest.raises(ParameterError, match="`buy-and-hold` is not rule-based: it has no parts"):
        parts_of(BuyAndHold())
    assert parts_of(RiskTiers()).name == "risk-tiers"


def test_a_run_of_a_rule_file_can_be_made_again(world: Market, tmp_path: Path) -> None:
    run = backtest(read_rule(EXAMPLE).strategy, world)
    run.save(tmp_path / "run")
    again = backtest(read_rule(tmp_path / "run" / "rule.json").strategy, world)
    assert again.series.equals(run.series)
    assert json.loads((tmp_path / "run" / "rule.json").read_text(encoding="utf-8"))["name"] == "weekend-crash"
