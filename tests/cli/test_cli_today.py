"""`undertow today` and `undertow rule` as a user calls them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import undertow as ut
from support.commands import Call
from support.paths import PROJECT
from undertow.strategies.reasons.formatting import format_distinct, format_number


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = ut.simulate_market(seed=3, years=1.5, names=5)
    return ut.write_market(world, tmp_path_factory.mktemp("world") / "market")


def test_the_exit_code_is_the_tier(call: Call, market: Path, tmp_path: Path) -> None:
    codes = {"calm": 0, "watch": 10, "reduce": 20, "cash": 30}
    for asof in ("2018-11-20T14:00Z", "2019-02-05T14:00Z"):
        code, out, err = call("today", "--market", market, "--asof", asof, "--json")
        found = json.loads(out)
        assert (code, err) == (codes[found["tier"]], "")
        assert found["asof"] == asof
        assert len(found["lines"]) <= 12
        assert {line["state"] for line in found["lines"]} <= {"ok", "watch", "alarm", "unknown"}
    code, out, _ = call("today", "--market", market, "--asof", "2019-02-05T14:00Z", "--html", tmp_path / "today.html")
    assert code == codes[found["tier"]]
    assert (tmp_path / "today.html").is_file()
    assert "checklist: " in out


def test_any_rule_of_parts_can_be_asked(call: Call, market: Path, tmp_path: Path) -> None:
    code, out, _ = call("today", "--market", market, "--strategy", "liquidity-drain", "--set", "lag=0", "--json")
    assert code in (0, 30)
    assert json.loads(out)["strategy"] == "liquidity-drain"
    assert call("rule", "swing", "--parts", "--out", tmp_path / "mine.toml")[0] == 0
    code, out, _ = call("today", "--market", market, "--rule", tmp_path / "mine.toml", "--json")
    assert code in (0, 10, 20, 30)
    assert json.loads(out)["strategy"] == "swing"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--asof", "2019-02-05"), "`asof` must be an instant with a zone such as 2024-08-04T15:00Z"),
        (("--strategy", "vol-target"), "`vol-target` is not rule-based"),
        (("--strategy", "risk-tier"), "did you mean `risk-tiers`?"),
        (("--rule", "x.toml", "--strategy", "swing"), "give either --strategy"),
        (("--html", "page.txt"), "`html` must be a file that ends in .html"),
        (("--asof", "1999-01-01T00:00Z"), "no session had closed by"),
        (("--universe", "grwth"), "did you mean `growth`?"),
    ],
)
def test_refusals_exit_with_two(call: Call, market: Path, words: tuple[str, ...], message: str) -> None:
    code, out, err = call("today", "--market", market, *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_rule_of_another_market_is_answered_with_its_file(call: Call, market: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert call("rule", "defensive-rotation", "--parts", "--out", file)[0] == 0
    file.write_text(file.read_text(encoding="utf-8").replace('"defensive"', '"defensiv"'), encoding="utf-8")
    code, out, err = call("today", "--market", market, "--rule", file)
    assert (code, out) == (2, "")
    assert "mine.toml" in err
    assert "did you mean `defensive`?" in err


def test_a_preset_is_printed_to_start_from(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("rule", "liquidity-drain")
    assert code == 0
    assert 'strategy = "liquidity-drain"' in out
    code, _, err = call("rule", "liquidity-drian")
    assert code == 2
    assert "did you mean `liquidity-drain`?" in err
    (tmp_path / "there.toml").write_text("", encoding="utf-8")
    assert call("rule", "swing", "--out", tmp_path / "there.toml")[0] == 2


def test_a_rule_file_backtests_from_the_command_line(call: Call, market: Path, tmp_path: Path) -> None:
    example = PROJECT / "examples" / "rules" / "weekend-crash.toml"
    code, out, _ = call("backtest", "--rule", example, "--market", market, "--out", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["strategy"] == "weekend-crash"
    recipe = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert f"--rule {example}" in recipe["command"]
    typo = tmp_path / "typo.toml"
    typo.write_text(example.read_text(encoding="utf-8").replace("below = ", "belwo = "), encoding="utf-8")
    code, out, err = call("backtest", "--rule", typo, "--market", market, "--out", tmp_path / "other")
    assert (code, out) == (2, "")
    assert "trigger.when[1]: unknown key `belwo`, did you mean `below`?" in err
    assert not (tmp_path / "other").exists()


def test_a_rule_and_parameters_do_not_mix(call: Call) -> None:
    code, _, err = call("backtest", "--rule", "swing", "--set", "lag=3")
    assert code == 2
    assert "`--set` can only be used with --strategy" in err
    code, _, err = call("backtest")
    assert code == 2
    assert "give either --strategy" in err


def test_a_value_beside_its_level_is_never_shown_as_the_level() -> None:
    assert format_distinct(0.49996, 0.5, digits=3) == "0.49996"
    assert format_distinct(0.5, 0.5, digits=3) == "0.5"
    assert format_distinct(0.123456, 0.5, digits=3) == "0.123"
    assert format_distinct(-0.0800001, -0.08, -0.05) == "-0.0800001"
    assert format_number(-0.124321, -0.15, decimal=True, digits=3) == "-12.4%"
    assert format_number(-0.1500001, -0.15, decimal=True, digits=3) == "-15.00001%"
    assert format_number(0.07, decimal=True) == "7%"
    assert format_number(0.98, decimal=False) == "0.98"


def test_shares_and_returns_are_told_in_percent_and_ranks_are_not(call: Call, tmp_path: Path) -> None:
    said = call("today", "--html", str(tmp_path / "today.html"))[1]
    rows = {row.split("│")[1].strip(): row for row in said.splitlines() if row.startswith("│")}
    assert "watch ≤ −10%, alarm ≤ −15%" in rows["BTC drawdown"]
    assert re.search(r"│ +−?\d+\.?\d*% │ +−?\d+\.?\d*% │", rows["BTC drawdown"])
    assert "watch ≥ 0.93, alarm ≥ 0.98" in rows["liquidation rank"]
    assert "%" not in rows["yield shock"]
    page = (tmp_path / "today.html").read_text(encoding="utf-8")
    assert "watch ≤ −10%, alarm ≤ −15%" in page


def test_the_lags_of_a_rule_are_those_of_its_checks(call: Call) -> None:
    assert "execution: 0 to 24 hours after a shock became known, depending on the check, at" in call("today")[1]
    assert "execution: 24 hours after a shock became known, at" in call("today", "--strategy", "liquidity-drain")[1]


def test_a_rule_file_may_name_a_signal_of_the_current_folder(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fallen.py").write_text(
        "from dataclasses import replace\n"
        "from undertow.signals import Drawdown, indicator\n"
        "Fallen = indicator(replace(Drawdown.spec, name='fallen'))\n"
    )
    (tmp_path / "own.toml").write_text(
        '[[trigger.when]]\nsignal = "fallen:Fallen"\nbelow = -0.2\n[[tiers]]\nname = "cash"\nat = 1.0\ncash = 0.5\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(tmp_path))])
    refused = call("today", "--rule", "own.toml")
    assert refused.code == 2
    assert "own.toml: trigger.when[1]: `fallen:Fallen` is the code of a module" in refused.err
    assert "fallen" not in sys.modules
    code, said, _ = call("today", "--rule", "own.toml", "--trust")
    assert code in (0, 30)
    assert "fallen" in said


HELD = "symbol,shares,cost,acquired\nSIM01,100,50.0,2018-01-02\nSIM02,80,,\nZZZ,5,,\ncash,1000,,\n"


def test_holdings_have_orders_in_text_json_and_page(call: Call, market: Path, tmp_path: Path) -> None:
    file, page = tmp_path / "mine.csv", tmp_path / "today.html"
    file.write_text(HELD, encoding="utf-8")
    words = ("--market", market, "--asof", "2019-02-05T14:00Z", "--holdings", file)
    plain, _, _ = call("today", *words[:4], "--json")
    code, out, err = call("today", *words, "--html", page)
    assert (code, err) == (plain, "")
    assert "what is really held, at the last known prices" in out
    assert "ZZZ is not touched: no price in the market" in " ".join(out.split())
    assert "What is really held" in page.read_text(encoding="utf-8")
    content = json.loads(call("today", *words, "--json", "--lots", "fifo", "--tax-rate", "0.3")[1])
    held = content["held"]
    assert (held["tax_rate"], held["lots"], held["cash"]) == (0.3, "fifo", 1000.0)
    assert [position["symbol"] for position in held["positions"]] == ["SIM01", "SIM02", "ZZZ"]
    assert held["out_of_stocks"] == pytest.approx((1 - content["exposure"]) * held["value"])
    assert json.loads(call("today", *words[:4], "--json")[1])["held"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,shares\nSIM01,-5\n", "mine.csv: row 1 (SIM01): `shares` -5 is negative"),
        ("symbol,shares,acquired\nSIM01,5,2030-01-02\n", "`acquired` 2030-01-02 is after 2019-02-05"),
        ("symbol,shares\nSIM\x1b[31m,x\n", r"`symbol` 'SIM\x1b[31m' has characters that"),
    ],
)
def test_bad_holdings_exit_with_two(call: Call, market: Path, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text, encoding="utf-8")
    code, out, err = call("today", "--market", market, "--asof", "2019-02-05T14:00Z", "--holdings", file)
    assert (code, out) == (2, "")
    assert message in err
    assert "\x1b" not in err
    assert call("today", "--market", market, "--holdings", tmp_path / "none.csv")[0] == 2


def test_weights_of_a_file_are_the_basket(call: Call, market: Path, tmp_path: Path) -> None:
    file = tmp_path / "basket.csv"
    file.write_text("symbol,weight\nSIM01,0.7\nSIM02,0.3\n", encoding="utf-8")
    words = ("--market", market, "--strategy", "liquidity-drain", "--weights", file)
    code, out, _ = call("backtest", *words, "--out", tmp_path / "run", "--json")
    assert code == 0
    figures = json.loads(out)["metrics"]
    recipe = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert recipe["weights"] == "symbol,weight\nSIM01,0.7\nSIM02,0.3\n"
    assert recipe["weighting"].startswith("weights-")
    code, out, _ = call("sweep", *words, "--grid", "lag=24", "--json")
    assert code == 0
    (best,) = json.loads(out)["best"]
    assert best["total_return"] == pytest.approx(figures["total_return"], rel=1e-9)
    file.write_text("symbol,weight\nSIM01,0.7\nSIM2,0.2\n", encoding="utf-8")
    code, out, err = call("backtest", *words)
    assert (code, out) == (2, "")
    assert "the weights sum to 0.9, and must sum to 1" in err
    file.write_text("symbol,weight\nSIM01,0.7\nSIM2,0.3\n", encoding="utf-8")
    assert "unknown symbol `SIM2`, did you mean `SIM02`?" in call("backtest", *words)[2]
