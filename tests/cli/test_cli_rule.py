"""Rule files on the command line: what is printed, what the account of a backtest is, how a mistake ends."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import undertow as ut
from support.commands import Call
from support.paths import PROJECT
from undertow.strategies.rules.file import parts_of, read_rule

EXAMPLE = PROJECT / "examples" / "rules" / "weekend-crash.toml"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = ut.simulate_market(seed=3, years=0.8, names=5)
    return ut.write_market(world, tmp_path_factory.mktemp("world") / "market")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("long-term", {"rebalance": "quarterly"}),
        ("risk-tiers", {"rebalance": "monthly"}),
        (str(EXAMPLE), {"universe": "growth", "rebalance": "monthly"}),
    ],
)
def test_the_parts_of_a_rule_keep_its_settings(call: Call, tmp_path: Path, name: str, settings: dict[str, str]) -> None:
    code, out, _ = call("rule", name, "--parts")
    assert code == 0
    assert tomllib.loads(out)["backtest"] == settings
    (tmp_path / "mine.toml").write_text(out, encoding="utf-8")
    found = read_rule(tmp_path / "mine.toml")
    assert dict(found.settings) == settings
    assert parts_of(found.strategy).name == parts_of(read_rule(name).strategy).name
    assert "99999" not in out


def test_the_account_is_that_of_the_file_unless_the_command_line_says_so(
    call: Call, market: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    costs = 'tax_rate = 0.3\nlots = "fifo"\nborrow_bps = 80\n'
    file.write_text(EXAMPLE.read_text(encoding="utf-8") + costs, encoding="utf-8")

    def account(*words: str) -> tuple[float, str, float]:
        words = ("backtest", "--rule", str(file), "--market", str(market), "--out", str(tmp_path / "run"), *words)
        assert call(*words)[0] == 0
        recipe = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
        return recipe["tax_rate"], recipe["lots"], recipe["borrow_bps"]

    assert account() == (0.3, "fifo", 80.0)
    assert account("--tax-rate", "0.2", "--lots", "hifo") == (0.2, "hifo", 80.0)
    file.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert account() == (0.2, "hifo", 50.0)


def test_a_mistake_ends_with_two_and_names_the_file(call: Call, market: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new, message in (
        ('universe = "growth"', 'universe = "grwth"', "backtest.universe: unknown universe `grwth`, did you mean"),
        ('universe = "growth"', "universe = { parent = 3 }", "backtest.universe: "),
        ('rebalance = "monthly"', 'start = "today"', "backtest.start: must be a date such as 2018-01-02, got 'today'"),
        ("[backtest]", '[destination]\nbasket = "defensiv"\n[backtest]', "destination.basket: unknown universe"),
        ("at = 1.0 ", "at = true ", "tiers[1].at: input should be a valid number, got True"),
    ):
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        code, out, err = call("backtest", "--rule", file, "--market", market)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {file}: ")
        assert message in err


def test_strategies_are_listed_with_their_rationale(call: Call) -> None:
    rationale = "must sell"
    code, out, err = call("list", "strategies", "--verbose")
    assert (code, err) == (0, "")
    assert rationale in " ".join(out.split())
    assert rationale not in call("list", "strategies")[1]
