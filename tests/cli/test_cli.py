"""The command line: what it prints, what it leaves behind, and how it says no."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import asdict, fields
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import undertow as ut
from support.commands import Call
from undertow import cli
from undertow.backtests import costs
from undertow.backtests.account import Account
from undertow.backtests.folders import json_ready
from undertow.cli import options
from undertow.cli.option_groups import AccountOptions
from undertow.market.calendar import FILLS
from undertow.strategies import weights

KEYS = {
    "strategy",
    "parameters",
    "universe",
    "start",
    "end",
    "sessions",
    "metrics",
    "deflated",
    "lag_hours",
    "baselines",
    "counts",
    "endings",
    "labels",
    "moves",
    "notes",
    "ledger",
    "tax",
}
METRICS = {
    *("total_return", "cagr", "annual_volatility", "annual_sharpe", "annual_sortino", "max_drawdown", "calmar"),
    *("cvar_95", "annual_turnover", "average_exposure", "costs_paid", "episodes"),
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = ut.simulate_market(seed=3, years=0.8, names=5)
    return ut.write_market(world, tmp_path_factory.mktemp("world") / "market")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that anything left behind is seen."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


# ---------------------------------------------------------------- what goes well


def test_json_is_one_object_and_nothing_else(call: Call, market: Path, here: Path) -> None:
    said = call("backtest", "--strategy", "liquidity-drain", "--set", "lag=12", "--market", market, "--json")
    assert said.code == 0
    assert said.err == ""
    found = json.loads(said.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(found) == KEYS
    assert set(found["metrics"]) >= METRICS
    assert found["parameters"]["lag"] == 12
    assert list(here.iterdir()) == []


def test_json_has_the_numbers_of_the_python_api(call: Call, market: Path) -> None:
    words = ["--set", "lag=12", "--set", "cash=0.8", "--start", "2018-03-01", "--end", "2018-09-28", "--fill", "close"]
    words += ["--fee-bps", "2", "--slippage-bps", "3", "--weighting", "inverse-volatility", "--rebalance", "weekly"]
    words += ["--capital", "50000", "--haircut-bps", "100", "--market", str(market), "--json"]
    said = call("backtest", "--strategy", "liquidity-drain", *words)
    run = ut.backtest(
        ut.strategies.LiquidityDrain(lag=12, cash=0.8),
        ut.load_market(market),
        start="2018-03-01",
        end="2018-09-28",
        fill="close",
        costs=ut.Costs(2.0, 3.0, 100.0),
        weighting="inverse-volatility",
        rebalance="weekly",
        capital=50_000.0,
    )
    found = json.loads(said.out)
    # What was tried before is counted by the command line alone.
    assert set(found.pop("ledger")) == {"before", "own", "total", "interleaved", "other_data"}
    assert found["deflated"]["over_hold"].keys() == run.deflated_as_dict["over_hold"].keys()
    expected = json.loads(json.dumps(json_ready(run.summary())))
    assert {**found, "ledger": None, "deflated": expected["deflated"]} == expected


def test_the_command_in_a_saved_run_makes_it_again(call: Call, market: Path, here: Path) -> None:
    words = ("backtest", "--strategy", "liquidity-drain", "--set", "lag=12", "--market", market, "--out", "first")
    assert call(*words).code == 0
    command = json.loads((here / "first" / "run.json").read_text(encoding="utf-8"))["command"]
    program, *again = command.split()
    assert program == "undertow"
    assert call(*again, "--out", "again").code == 0
    for name in ("run.json", "metrics.json", "tearsheet.html", "orders.parquet"):
        assert (here / "first" / name).read_bytes() == (here / "again" / name).read_bytes()


def test_a_saved_run_and_its_table(call: Call, market: Path, here: Path) -> None:
    said = call("backtest", "--strategy", "buy-and-hold", "--market", market, "--out", "runs/hold")
    assert said.code == 0
    assert said.err == ""
    assert "Max drawdown" in said.out
    assert said.out.rstrip().endswith("tearsheet: runs/hold/tearsheet.html")
    assert (here / "runs" / "hold" / "tearsheet.html").is_file()
    assert ut.load_run(here / "runs" / "hold").name == "buy-and-hold"


def test_compare(call: Call, market: Path, here: Path) -> None:
    for strategy in ("buy-and-hold", "drawdown-de-risk"):
        call("backtest", "--strategy", strategy, "--market", market, "--out", f"runs/{strategy}")
    said = call("compare", "runs/buy-and-hold", "runs/drawdown-de-risk", "--out", "pages/side-by-side.html")
    assert said.code == 0
    assert said.err == ""
    assert "drawdown-de-risk" in said.out
    assert "</html>" in (here / "pages" / "side-by-side.html").read_text(encoding="utf-8")
    # An earlier page is replaced, any other file is not, whether it was named or is where the page would go.
    assert call("compare", "runs/buy-and-hold", "runs/drawdown-de-risk", "--out", "pages/side-by-side.html").code == 0
    (here / "results").mkdir(exist_ok=True)
    (here / "results" / "compare.html").write_text("years of work", encoding="utf-8")
    for words, name in ((("--out", "runs/buy-and-hold/tearsheet.html"), "runs/buy-and-hold/tearsheet.html"), ((), "")):
        refused = call("compare", "runs/buy-and-hold", "runs/drawdown-de-risk", *words)
        assert (refused.code, refused.out) == (2, "")
        assert f"`html` '{name or 'results/compare.html'}' is a file that is not a comparison page" in refused.err
    assert (here / "results" / "compare.html").read_text(encoding="utf-8") == "years of work"
    (here / "results" / "compare.html").unlink()
    one = call("compare", "runs/buy-and-hold")
    assert (one.code, one.out) == (2, "")
    assert "two or more" in one.err
    missing = call("compare", "runs/buy-and-hold", "runs/nothing")
    assert (missing.code, missing.out) == (2, "")
    assert "runs/nothing: no run.json" in missing.err
    wrong = call("compare", "runs/buy-and-hold", "runs/drawdown-de-risk", "--out", "page.pdf")
    assert "`out` must be a file that ends in .html, got 'page.pdf'" in wrong.err


def test_old_options_are_still_accepted(call: Call, market: Path, here: Path) -> None:
    for strategy in ("buy-and-hold", "drawdown-de-risk"):
        call("backtest", "--strategy", strategy, "--market", market, "--out", strategy)
    assert call("compare", "buy-and-hold", "drawdown-de-risk", "--html", "new.html").code == 0
    assert call("compare", "buy-and-hold", "drawdown-de-risk", "--out", "old.html").code == 0
    assert (here / "new.html").read_bytes() == (here / "old.html").read_bytes()
    said = call("compare", "buy-and-hold", "drawdown-de-risk", "--html", "new.html", "--out", "old.html")
    assert (said.code, said.out) == (2, "")
    assert "`--html` and `--out` name the same file; leave out `--out`" in said.err
    words = ("backtest", "--strategy", "liquidity-drain", "--market", market, "--json")
    assert call(*words, "--fix", "lag=12").out == call(*words, "--set", "lag=12").out


def test_a_backtest_writes_its_page_alone(call: Call, market: Path, here: Path) -> None:
    said = call("backtest", "--strategy", "buy-and-hold", "--market", market, "--html", "hold.html")
    assert (said.code, said.err) == (0, "")
    assert said.out.rstrip().endswith("tearsheet: hold.html")
    assert [path.name for path in here.iterdir()] == ["hold.html"]


def test_a_signal_page_needs_its_option(call: Call) -> None:
    for command in (("plot", "--signal", "drawdown"), ("events",)):
        said = call("signals", *command)
        assert (said.code, said.out) == (2, "")
        assert "`--html` is missing; name the page to write, such as --html page.html" in said.err


def test_lists_as_json_are_one_object_each(call: Call, market: Path) -> None:
    for what, least in (("strategies", 16), ("signals", 38), ("universes", 2)):
        words = ("--market", market) if what == "universes" else ()
        found = json.loads(call("list", what, *words, "--json").out)
        assert list(found) == [what]
        assert len(found[what]) >= least
        assert all({"name"} <= set(each) for each in found[what])
    (drain,) = (
        each for each in json.loads(call("list", "strategies", "--json").out)["strategies"] if "drain" in each["name"]
    )
    assert {"name": "lag", "default": 24, "low": 0, "high": 96} in drain["parameters"]
    for option, value in (("--market", market), ("--universe", "growth")):
        said = call("list", "strategies", option, value)
        assert (said.code, said.out) == (2, "")
        assert f"`{option}` can only be used with `list universes`" in said.err


def test_a_baseline_that_is_run_shows_its_own_figures(call: Call, market: Path, here: Path) -> None:
    said = call("backtest", "--strategy", "buy-and-hold", "--market", market).out
    (costs,) = (line for line in said.splitlines() if "Costs paid" in line)
    assert costs.split("\N{BOX DRAWINGS LIGHT VERTICAL}")[2].strip() != "-"


def test_listings(call: Call, market: Path) -> None:
    strategies = call("list", "strategies")
    assert "liquidity-drain" in strategies.out
    assert "lag=24 in 0 to 96" in strategies.out
    signals = call("list", "signals")
    assert "liquidation-spike" in signals.out
    universes = call("list", "universes", "--market", market)
    assert "growth" in universes.out
    assert {strategies.code, signals.code, universes.code} == {0}
    assert strategies.err + signals.err + universes.err == ""


def test_market_simulate_check_and_backtest(call: Call, here: Path) -> None:
    assert call("market", "simulate", "--out", "world", "--years", "0.6", "--seed", "5") == (0, "market: world\n", "")
    assert "simulated-seed5" in call("market", "check", "world").out
    report = json.loads(call("market", "check", "world", "--json").out, parse_constant=pytest.fail)
    assert report["sessions"] > 100
    said = call("backtest", "--strategy", "buy-and-hold", "--market", "world", "--json")
    assert json.loads(said.out)["metrics"]["average_exposure"] == 1.0
    again = call("market", "simulate", "--out", "world")
    assert (again.code, again.out) == (2, "")
    assert "holds files already" in again.err
    assert [file.name for file in here.iterdir()] == ["world"]


def test_market_check_of_a_broken_market(call: Call, tiny: Any) -> None:
    assert call("market", "check", tiny.path).code == 0
    tiny.set_cell("crypto/BTC.csv", 7, "close", "-1")
    said = call("market", "check", tiny.path)
    assert (said.code, said.out) == (2, "")
    assert "crypto/BTC.csv" in said.err
    assert "Traceback" not in said.err


def test_a_market_name_with_square_brackets_is_text(call: Call, tiny: Any) -> None:
    tiny.replace("market.toml", 'name = "tiny"', 'name = "[/bold] :smile: tiny"')
    said = call("backtest", "--strategy", "buy-and-hold", "--market", tiny.path)
    assert said.code == 0
    assert "[/bold] :smile: tiny" in call("market", "check", tiny.path).out


RULE = """
from typing import Annotated

import numpy as np
import undertow as ut
from optuna.distributions import FloatDistribution


class HalfIn(ut.Strategy):
    share: Annotated[float, FloatDistribution(0.0, 1.0)] = 0.5

    @classmethod
    def decide(cls, table, sets):
        return ut.strategies.Decision.proportional(np.ones((len(table), 1)) * sets["share"])
"""


def test_a_strategy_from_the_current_folder(
    call: Call, market: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "my_rules.py").write_text(RULE, encoding="utf-8")
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(here))])
    monkeypatch.delitem(sys.modules, "my_rules", raising=False)
    words = ("backtest", "--market", market, "--json", "--strategy", "my_rules:HalfIn")
    found = json.loads(call(*words, "--set", "share=0.25").out)
    assert found["strategy"] == "half-in"
    assert found["metrics"]["average_exposure"] == 0.25
    assert "`share` must be in [0.0, 1.0], got 7.0" in call(*words, "--set", "share=7").err
    for name in ("os:getcwd", "undertow.strategies:Strategy", "undertow.market:Market"):
        said = call("backtest", "--strategy", name)
        assert (said.code, said.out) == (2, "")
        assert f"`{name}` is not a strategy" in said.err


def test_shown_defaults_and_choices_are_those_of_the_account() -> None:
    defaults = {**asdict(ut.Costs()), **Account().keywords(), "universe": options.UNIVERSE}
    choices = {"lots": costs.LOTS, "weighting": weights.WEIGHTINGS, "rebalance": weights.REBALANCES, "fill": FILLS}
    assert signature(ut.backtest).parameters["universe"].default == options.UNIVERSE
    hints = get_type_hints(AccountOptions, include_extras=True)
    for field in fields(AccountOptions):
        (option,) = hints[field.name].__metadata__
        if field.name not in ("start", "end", "weights"):
            assert option.show_default == str(defaults[field.name])
        assert all(choice in option.help for choice in choices.get(field.name, ()))


def test_help_without_a_command(call: Call) -> None:
    for words, name in (((), "backtest"), (("market",), "simulate"), (("--help",), "compare")):
        said = call(*words)
        assert said.code == 0
        assert name in said.out
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", call("--version").out)


# ---------------------------------------------------------------- how it says no

HOLD = ("backtest", "--strategy", "buy-and-hold")
DRAIN = ("backtest", "--strategy", "liquidity-drain")

# All of these are refused before a market is looked at.
EARLY = {
    "command": (("backtst",), "Did you mean 'backtest'?"),
    "market command": (("market", "chek"), "Did you mean 'check'?"),
    "option": (("backtest", "--stratgy", "x"), "no such option `--stratgy`, did you mean `--strategy`?"),
    "no strategy": (("backtest",), "give either --strategy"),
    "strategy": (
        ("backtest", "--strategy", "liquidty-drain"),
        "unknown strategy `liquidty-drain`, did you mean `liqui",
    ),
    "module": (("backtest", "--strategy", "nowhere:Rule"), "`nowhere:Rule` cannot be imported as module:"),
    "class": (("backtest", "--strategy", "undertow.strategies:Hold"), "cannot be imported as module:Class"),
    "parameter": ((*DRAIN, "--set", "lga=24"), "has no parameter `lga`, did you mean `lag`?; it has: trigger, window"),
    "out of range": ((*DRAIN, "--set", "lag=300"), "`lag` must be in [0, 96], got 300; use 96 or less"),
    "sign": ((*DRAIN, "--set", "drawdown=0.15"), "a fall is negative: 15% is -0.15"),
    "choice": ((*DRAIN, "--set", "source=winer"), "did you mean `winners`?"),
    "not a number": ((*DRAIN, "--set", "lag=soon"), "`lag` input should be a valid integer"),
    "nan parameter": ((*DRAIN, "--set", "cash=nan"), "`cash` must be in [0.05, 1.0], got nan"),
    "no equals": ((*DRAIN, "--set", "lag"), "`--set` must be parameter=value, got 'lag'"),
    "no parameter": ((*DRAIN, "--set", "=3"), "`--set` must be parameter=value, got '=3'"),
    "twice": ((*DRAIN, "--set", "lag=3", "--set", "lag=4"), "`--set` gives `lag` twice"),
    "weighting": (
        (*HOLD, "--weighting", "equl"),
        "`weighting` must be one of equal, inverse-volatility; got 'equl', did",
    ),
    "rebalance": (
        (*HOLD, "--rebalance", "yearly"),
        "`rebalance` must be one of daily, weekly, monthly, quarterly, nev",
    ),
    "fill": ((*HOLD, "--fill", "opn"), "`fill` must be open or close; got 'opn', did you mean `open`?"),
    "listing": (
        ("list", "stratgies"),
        "`listing` must be one of strategies, signals, universes, trials; got 'stratgies', did you",
    ),
    "backwards": ((*HOLD, "--start", "2020-02-01", "--end", "2020-01-01"), "`start` must not be after `end`"),
    "no date": ((*HOLD, "--start", "yesterday"), "`start` must be a date such as 2018-01-02, got 'yesterday'"),
    "no such day": ((*HOLD, "--end", "2020-02-30"), "`end` must be a date such as 2018-01-02, got '2020-02-30'"),
    "no capital": ((*HOLD, "--capital", "0"), "`capital` must be positive, a finite number, got 0.0"),
    "nan capital": ((*HOLD, "--capital", "nan"), "`capital` must be positive, a finite number, got nan"),
    "endless capital": ((*HOLD, "--capital", "inf"), "`capital` must be positive, a finite number, got inf"),
    "capital in words": ((*HOLD, "--capital", "lots"), "Invalid value for '--capital'"),
    "negative fee": ((*HOLD, "--fee-bps", "-1"), "`fee_bps` must be in [0, 1000] basis points, got -1.0"),
    "nan fee": ((*HOLD, "--fee-bps", "nan"), "`fee_bps` must be in [0, 1000] basis points, got nan"),
    "slippage": ((*HOLD, "--slippage-bps", "-0.1"), "`slippage_bps` must be in [0, 1000] basis points"),
    "haircut": ((*HOLD, "--haircut-bps", "10001"), "`haircut_bps` must be in [0, 9999] basis points"),
    "compare nothing": (("compare",), "Missing argument"),
}


def test_every_refusal(call: Call, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "undertow.cli.backtest.resolve_market", lambda folder, seed: pytest.fail("the market was loaded first")
    )
    for name, (words, message) in EARLY.items():
        said = call(*words, *(() if words[0] != "backtest" else ("--out", "out")))
        assert said.code == 2, name
        assert said.out == "", name
        assert message in said.err, name
        assert said.err.startswith("error: "), name
        assert said.err.count("\n") == 1, name
        assert list(here.iterdir()) == [], name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--universe", "grwth"), "unknown universe `grwth`, did you mean `growth`?; known: defensive, growth"),
        (("--start", "2001-01-01"), "`start` 2001-01-01 is before the first session; market 'simulated-seed3' has ses"),
        (("--end", "2031-01-01"), "`end` 2031-01-01 is after the last session"),
        (("--start", "2018-03-03", "--end", "2018-03-04"), "holds fewer than two sessions"),
    ],
)
def test_what_only_the_market_can_refuse(
    call: Call, market: Path, here: Path, words: tuple[str, ...], message: str
) -> None:
    said = call(*HOLD, "--market", market, "--out", "runs/out", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert list(here.iterdir()) == []


def test_an_out_that_cannot_be_used_is_refused_before_the_work(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "undertow.cli.backtest.resolve_market", lambda folder, seed: pytest.fail("the market was loaded first")
    )
    (here / "file").write_text("text", encoding="utf-8")
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.txt").write_text("years of work", encoding="utf-8")
    for out, message in (
        ("file", "is a file; name a folder"),
        ("file/run", "which is a file"),
        ("thesis", "a folder with other files in it"),
        (".", "a folder with other files in it"),
    ):
        said = call(*HOLD, "--out", out)
        assert (said.code, said.out) == (2, ""), out
        assert message in said.err, out
    monkeypatch.setattr("undertow.backtests.folders.os.access", lambda path, mode: False)
    assert "no permission in" in call(*HOLD, "--out", "closed/run").err
    assert "no permission in" in call("demo", "--out", "closed").err
    assert "no permission in" in call("compare", "a", "b", "--out", "closed/page.html").err
    assert sorted(file.name for file in here.rglob("*")) == ["chapter.txt", "file", "thesis"]


def test_a_market_that_cannot_be_read(call: Call, here: Path, tiny: Any) -> None:
    (here / "empty").mkdir()
    (here / "file").write_text("text", encoding="utf-8")
    (tiny.path / "equities" / "prices.csv").unlink()
    for folder, message in (
        ("nowhere", "market folder 'nowhere' does not exist"),
        ("file", "market folder 'file' does not exist or is not a folder"),
        ("empty", "market.toml: not found"),
        (str(tiny.path), "equities/prices.csv"),
    ):
        said = call(*HOLD, "--market", folder, "--out", "run")
        assert (said.code, said.out) == (2, ""), folder
        assert message in said.err, folder
        assert not (here / "run").exists()


def test_an_interruption_ends_without_a_traceback(
    call: Call, here: Path, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("undertow.tearsheets.run.page.assemble", interrupted)
    said = call(*HOLD, "--market", market, "--out", "runs/out")
    assert said == (130, "", "interrupted\n")
    assert list(here.iterdir()) == []


def test_a_process_that_is_asked_to_end_leaves_nothing_half_written(here: Path) -> None:
    program = """
import os, signal, sys
from undertow import cli
import undertow.tearsheets.run.page as page
page.assemble = lambda *_: os.kill(os.getpid(), signal.SIGTERM) or signal.pause()
sys.argv[1:] = ["demo", "--years", "1", "--out", "runs/out"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=here, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr.endswith("interrupted\n")
    assert [path.name for path in here.iterdir() if path.name != "results"] == []


def test_a_defect_of_ours_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**words: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("undertow.cli.listings.show_signals", broken)
    monkeypatch.setattr("sys.argv", ["undertow", "list", "signals"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


# ---------------------------------------------------------------- terminals and pipes, in processes of their own


def test_a_reader_that_left_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "undertow", "list", "signals"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_progress_shows_on_a_terminal() -> None:
    # In a pipe it does not: every other test asserts an empty standard error.
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "undertow", "list", "strategies"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=120)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "loading" in shown
    assert "\x1b" not in out.decode()
    assert "liquidity-drain" in out.decode()


def test_what_goes_wrong_in_a_module_of_the_users_own_is_named(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "torn.py").write_text("x = (\n")
    (tmp_path / "raising.py").write_text("raise RuntimeError('no licence')\n")
    for words, message in (
        (("backtest", "--strategy", "torn:X"), "`torn:X` cannot be imported as module:Class: SyntaxError in `torn`"),
        (("backtest", "--strategy", "raising:X"), "RuntimeError in `raising`: no licence"),
        (("optimize", "--strategy", "liquidity-drain", "--objective", "torn:f"), "unknown objective `torn:f`"),
        (("signals", "plot", "--signal", "raising:X", "--out", tmp_path / "x.html"), "RuntimeError in `raising`"),
    ):
        said = call(*words)
        assert said.code == 2
        assert message in said.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_stream_of_another_encoding_gets_a_plain_minus_and_loses_nothing(encoding: str) -> None:
    told = "'\u22121 \u2265 2 \u0436'"
    code = "import sys; from undertow.cli.streams import open_streams; open_streams(); "
    code += f"print({told}); print({told}, file=sys.stderr)"
    words, env = [sys.executable, "-c", code], {**os.environ, "PYTHONIOENCODING": encoding}
    found = subprocess.run(words, capture_output=True, check=True, env=env)
    assert found.stdout == found.stderr == b"-1 >= 2 \\u0436\n"
    chosen = subprocess.run(
        words, capture_output=True, check=True, env={**env, "PYTHONIOENCODING": f"{encoding}:ignore"}
    )
    assert chosen.stdout == b"1  2 \n"


def test_a_closed_standard_output_is_no_defect() -> None:
    found = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m undertow list strategies >&-"], capture_output=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, b"")


def test_an_interruption_within_compiled_code_is_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(words: list[str], **_: Any) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise SystemError("returned a result with an exception set") from error

    monkeypatch.setattr("undertow.cli.app.app", interrupted)
    said = call("list", "strategies")
    assert (said.code, said.err) == (130, "interrupted\n")


@pytest.mark.parametrize("command", ["sweep", "optimize", "walk-forward"])
def test_a_search_says_what_the_market_does_not_have(call: Call, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "bare"
    assert call("market", "simulate", "--out", folder, "--seed", "3", "--years", "2").code == 0
    toml = (folder / "market.toml").read_text().split("[[feed]]")
    kept = [part for part in toml if not any(f'"{kind}/' in part for kind in ("liquidations", "open_interest"))]
    (folder / "market.toml").write_text("[[feed]]".join(kept))
    words = {
        "sweep": ("--grid", "lag=0:24:24"),
        "optimize": ("--trials", "2"),
        "walk-forward": ("--trials", "2", "--train", "252", "--test", "126"),
    }[command]
    said = call(command, "--market", folder, "--strategy", "liquidity-drain", *words, "--json")
    assert said.err.startswith("no value: liquidation-spike, no feed of kind 'liquidations' for BTC")
    assert json.loads(said.out)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("market", "simulate", "--out", "{}"), "out"),
        (("signals", "plot", "--signal", "drawdown", "--html", "{}.html"), "html"),
        (("signals", "events", "--html", "{}.html"), "html"),
        (("today", "--html", "{}.html"), "html"),
        (("sweep", "--strategy", "liquidity-drain", "--grid", "lag=0,24", "--html", "{}.html"), "html"),
        (("optimize", "--strategy", "liquidity-drain", "--trials", "2", "--html", "{}.html"), "html"),
        (("optimize", "--strategy", "liquidity-drain", "--trials", "2", "--storage", "journal:{}.log"), "storage"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_by_its_option(
    call: Call, tmp_path: Path, words: tuple[str, ...], option: str
) -> None:
    (tmp_path / "file").write_text("")
    said = call(*(word.format(tmp_path / "file" / "x") for word in words))
    assert said.code == 2
    assert said.err.startswith(f"error: `{option}` '{tmp_path}/file/x")
    assert "lies below" in said.err
