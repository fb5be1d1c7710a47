"""The ledger of trials: appended whole, counted once, whoever writes and whatever is killed."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution

from undertow.backtests.account import Account
from undertow.backtests.costs import Costs
from undertow.backtests.ledger.ledger import Ledger, SearchKey
from undertow.backtests.ledger.trial_count import TrialCount
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.runs.entries import enter_run, enter_sweep
from undertow.backtests.sweeps.sweep import sweep
from undertow.backtests.tuning.optimize import optimize
from undertow.cli.app import run_command as _run
from undertow.market import DataError, ParameterError, simulate_market, write_market
from undertow.strategies import DrawdownDeRisk, LiquidityDrain, VolTarget

MARKET = "0" * 32
SEARCH = SearchKey("vol-target", MARKET, "growth", ("2018-01-02", "2019-07-03"), "one", "key1")


def test_trials_are_counted_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger")
    assert ledger.trials_so_far(MARKET) == 0
    assert ledger.record(SEARCH, "sobol", range(10)) == 10
    assert ledger.record(SEARCH, "tpe", range(8, 14)) == 4
    assert ledger.record(SEARCH, "tpe", range(14)) == 0
    assert ledger.record(replace(SEARCH, key="key2", universe="defensive"), "grid", [0, 1, 5]) == 3
    assert ledger.trials_so_far(MARKET) == 17
    assert ledger.trials_so_far(MARKET, "growth") == 14
    assert ledger.trials_so_far("1" * 32) == 0
    lines = [json.loads(line) for line in ledger.path(MARKET).read_text().splitlines()]
    assert [line["spans"] for line in lines] == [[[0, 9]], [[10, 13]], [[0, 1], [5, 5]]]
    assert lines[0] | {"when": ""} == {
        "when": "",
        "strategy": "vol-target",
        "market": MARKET,
        "universe": "growth",
        "window": ["2018-01-02", "2019-07-03"],
        "study": "one",
        "key": "key1",
        "name": "",
        "design": "sobol",
        "trials": 10,
        "spans": [[0, 9]],
    }


def test_standing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(replace(SEARCH, key="earlier"), "grid", range(2000))
    ledger.record(SEARCH, "sobol", range(100))
    ledger.record(replace(SEARCH, key="later"), "backtest", [0])
    ledger.record(SEARCH, "tpe", range(100, 400))
    count = ledger.trial_count(SEARCH)
    assert (count.before, count.own, count.total) == (2000, 400, 2401)
    assert count.sentence() == (
        "This is trial 2,001 to 2,401 on this data (1 between them are of other searches), of 2,401 ever made."
    )
    ledger.record(replace(SEARCH, key="last"), "tpe", range(5))
    assert ledger.trial_count(SEARCH) == replace(count, total=2406)


def test_the_searches_of_a_market_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, market = Ledger(tmp_path), simulate_market(seed=3)
    search = replace(SEARCH, market=market.fingerprint)
    ledger.record(search, "sobol", range(100))
    ledger.record(replace(search, key="other", strategy="vol-target"), "grid", range(7))
    ledger.record(search, "tpe", range(100, 160))
    first, second = ledger.searches(market.fingerprint)
    assert (first["trials"], first["designs"], first["strategy"]) == (160, {"sobol": 100, "tpe": 60}, search.strategy)
    assert (second["trials"], second["key"]) == (7, "other")
    argv = ["list", "trials", "--seed", "3", "--ledger", str(tmp_path)]
    assert _run([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "market": market.fingerprint,
        "searches": json.loads(json.dumps([first, second])),
        "other_data": 0,
    }
    assert _run(argv) == 0
    assert "trials on this data: 167, searches: 2" in capsys.readouterr().out
    assert _run([*argv[:-1], str(tmp_path / "none")]) == 0
    assert "no trial on this data" in capsys.readouterr().out
    assert _run(["list", "signals", "--ledger", "x"]) == 2
    assert "`--ledger` can only be used with `list trials`" in capsys.readouterr().err


def test_trials_while_the_market_had_other_data_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, folder = Ledger(tmp_path / "ledger"), tmp_path / "grown"
    argv = ["--market", str(folder), "--ledger", str(ledger.folder), "--json"]
    search = ["optimize", "--strategy", "vol-target", *argv, "--trials"]
    counts = []
    for years in (1, 1.1):
        shutil.rmtree(folder, ignore_errors=True)
        write_market(replace(simulate_market(seed=3, years=years, names=5), name="grown"), folder)
        assert _run([*search, "5"]) == 0
        counts.append(json.loads(capsys.readouterr().out)["ledger"])
    first = {"before": 0, "own": 5, "total": 5, "interleaved": 0, "other_data": 0}
    assert counts == [first, {**first, "other_data": 5}]
    assert TrialCount(**counts[1]).sentence() == (
        "This is trial 1 to 5 on this data, of 5 ever made; 5 more while this market had other data."
    )
    # Another market's trials are none of this one's.
    assert ledger.trial_count(replace(SEARCH, name="another")).other_data == 0
    assert _run(["list", "trials", *argv]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (len(listed["searches"]), listed["other_data"]) == (1, 5)
    assert _run(["list", "trials", *argv[:-1]]) == 0
    assert "while this market had other data, such as fewer sessions, 5 trials were made" in capsys.readouterr().out
    # A line of the other data that says nothing is noticed before any work, as one of this data is.
    damaged = next(path for path in ledger.folder.glob("*.jsonl") if path.stem != listed["market"])
    damaged.write_text(damaged.read_text() + '{"name": "grown"}\n')
    assert _run([*search, "6"]) == 2
    assert "has no entry in line" in capsys.readouterr().err


def test_a_half_written_line_is_left_behind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(SEARCH, "tpe", range(5))
    with ledger.path(MARKET).open("ab") as file:
        file.write(b'{"when":"2024')
    assert ledger.trials_so_far(MARKET) == 5
    ledger.check(MARKET)
    assert ledger.record(SEARCH, "tpe", range(7)) == 2
    assert ledger.trials_so_far(MARKET) == 7
    assert len(ledger.path(MARKET).read_bytes().splitlines()) == 2


def changed(**fields: Any) -> str:
    """A whole entry with some of its words changed, without those that are None."""
    entry = {**asdict(SEARCH), "when": "x", "design": "tpe", "trials": 2, "spans": [[0, 1]], **fields}
    return json.dumps({name: value for name, value in entry.items() if value is not None})


def test_a_whole_entry_is_one(tmp_path: Path) -> None:
    Ledger(tmp_path).path(MARKET).write_text(f"{changed()}\n")
    assert Ledger(tmp_path).trials_so_far(MARKET) == 2


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "3",
        "",
        '{"when":"x", "key":"a","univ',
        changed(trials=True),
        changed(trials=0, spans=[]),
        changed(trials=-5),
        changed(trials=3),
        changed(spans=[[1]]),
        changed(spans=[[1, 0]]),
        changed(spans=[[-1, 0]]),
        changed(when=None),
        changed(design=None),
        changed(key=1),
        changed(window="2018"),
        changed(market="1" * 32),
        changed(window=[1, 2]),
        changed(window=["2018-01-02"]),
        changed(spans=[[0, 1], [1, 2]], trials=4),
        changed(spans=[[0, 10**12 + 1]], trials=10**12 + 2),
        pytest.param("[" * 100_000, id="nested"),
        pytest.param(changed().replace('"trials": 2', '"trials": ' + "9" * 5000), id="digits"),
        pytest.param(changed(spans=None)[:-1] + ', "spans": ' + "[" * 200 + "]" * 200 + "}", id="nested spans"),
    ],
)
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, line: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(SEARCH, "tpe", range(5))
    with ledger.path(MARKET).open("a") as file:
        file.write(f"{line}\n")
    for work in (
        lambda: ledger.record(SEARCH, "tpe", range(7)),
        lambda: ledger.trials_so_far(MARKET),
        lambda: ledger.check(MARKET),
    ):
        with pytest.raises(DataError, match=rf"the ledger '.*{MARKET}.jsonl' has no entry in line 2; fix that line"):
            work()


def test_a_line_that_claims_ten_million_trials_costs_no_memory(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    claim = changed(spans=[[0, 9_999_999], [20_000_000, 10**12]], trials=10**12 + 1 - 20_000_000 + 10_000_000)
    ledger.path(MARKET).write_text(f"{claim}\n")
    tracemalloc.start()
    assert ledger.record(SEARCH, "tpe", [5, 9_999_999, 10_000_000, 10_000_001, 10**11]) == 2
    assert ledger.record(SEARCH, "tpe", range(9_999_990, 10_000_005)) == 3
    assert ledger.trial_count(SEARCH).own == 10**12 - 10_000_000 + 1 + 5
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_ledger_is_checked_without_a_trace(tmp_path: Path) -> None:
    Ledger(tmp_path / "not" / "there").check(MARKET)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"the ledger .* cannot be written: '.*/file' is a file; name another folder"):
        Ledger(tmp_path / "file" / "deep").check(MARKET)
    if Path("/proc/self").is_dir():
        with pytest.raises(DataError, match=r"the ledger .* cannot be written: no such file or directory in '/proc'"):
            Ledger("/proc/ledger").check(MARKET)
    Ledger(tmp_path).path(MARKET).mkdir()
    with pytest.raises(DataError, match=r"the ledger .* cannot be written: '.*jsonl' is a folder"):
        Ledger(tmp_path).check(MARKET)


def test_a_sweep_notices_a_ledger_that_cannot_be_written_before_it_tries_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The package's function of this name hides the module.
    module = importlib.import_module("undertow.backtests.sweeps.sweep")
    monkeypatch.setattr(module, "walk_sets", lambda *_, **__: pytest.fail("work began first"))
    (tmp_path / "file").write_text("")
    argv = ["sweep", "--strategy", "vol-target", "--sobol", "2", "--out", str(tmp_path / "sets.csv")]
    assert _run([*argv, "--ledger", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("undertow.backtests.ledger.ledger.os.fsync", full)
    with pytest.raises(DataError, match=rf"the ledger '.*{MARKET}.jsonl' cannot be written: No space left on device"):
        Ledger(tmp_path).record(SEARCH, "tpe", range(5))


def test_what_a_study_shows_has_been_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("undertow.backtests.tuning.search.add_trials", killed)
    market = simulate_market(seed=7, years=1, names=5)
    with pytest.raises(KeyboardInterrupt):
        optimize(VolTarget, market, trials=7, seed=7, design=4, ledger=tmp_path)
    assert Ledger(tmp_path).trials_so_far(market.fingerprint) == 6


WRITER = """
import sys
from dataclasses import replace
from undertow.backtests.ledger.ledger import Ledger, SearchKey
own = SearchKey("s", "0" * 32, "growth", ("a", "b"), "study", sys.argv[2])
shared = replace(own, key="shared")
for place in range(60):
    Ledger(sys.argv[1]).record(own, "tpe", [place])
    Ledger(sys.argv[1]).record(shared, "tpe", [place])
"""


def test_several_processes_write_at_the_same_time(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name]) for name in ("a", "b")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    # Each its own sixty, and the sixty they share once.
    assert Ledger(tmp_path).trials_so_far(MARKET) == 180
    assert len(Ledger(tmp_path).path(MARKET).read_text().splitlines()) == 180


def test_folder_from_the_environment_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERTOW_LEDGER")
    assert Ledger().folder == Path("results/ledger")
    monkeypatch.setenv("UNDERTOW_LEDGER", str(tmp_path / "there"))
    assert Ledger().folder == tmp_path / "there"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Ledger(tmp_path / "file").record(SEARCH, "tpe", [1])
    with pytest.raises(ParameterError, match="`design` must be one of"):
        Ledger(tmp_path).record(SEARCH, "guess", [1])
    with pytest.raises(ParameterError, match="must be a market's fingerprint"):
        Ledger(tmp_path).trials_so_far("../x")


def test_a_search_is_counted_once_however_often_it_is_run(tmp_path: Path) -> None:
    market = simulate_market(seed=7, years=1, names=5)
    settings = {"seed": 7, "design": 4, "batch": 4, "ledger": tmp_path}
    first = optimize(VolTarget, market, trials=7, **settings)  # type: ignore[arg-type]
    longer = optimize(VolTarget, market, trials=9, **settings)  # type: ignore[arg-type]
    other = optimize(VolTarget, market, trials=5, **{**settings, "seed": 8})  # type: ignore[arg-type]
    counts = [count.trial_count for count in (first, longer, other)]
    assert [(count.before, count.own, count.total) for count in counts if count] == [(0, 7, 7), (0, 9, 9), (9, 5, 14)]
    assert Ledger(tmp_path).trials_so_far(market.fingerprint, "growth") == 14
    designs = [line["design"] for line in Ledger(tmp_path).lines(market.fingerprint)]
    assert designs == ["given", "sobol", "refine", "refine", "given", "sobol"]
    assert optimize(VolTarget, market, trials=5, seed=9, design=4).trial_count is None


class Needed(DrawdownDeRisk):
    """Has a parameter without a default."""

    far: Annotated[int, IntDistribution(1, 20)]


def test_a_sweep_of_a_strategy_with_a_parameter_without_a_default_is_counted(tmp_path: Path) -> None:
    market, sets = simulate_market(seed=3, years=1, names=5), pd.DataFrame({"far": [3, 5]})
    count = enter_sweep(Ledger(tmp_path), Needed, market, sets, "grid", window=(None, None), account=Account())
    assert (count.own, count.total) == (2, 2)


def test_a_sweep_in_python_is_counted_as_the_one_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market, sets = simulate_market(seed=3, years=1, names=5), pd.DataFrame({"lag": [0, 24, 48]})
    fees = Costs(fee_bps=7.0)
    counted = sweep(LiquidityDrain, market, sets, costs=fees, start="2018-06-01", ledger=tmp_path).table
    pd.testing.assert_frame_equal(
        counted, sweep(LiquidityDrain, market, sets, costs=fees, start="2018-06-01").table, check_exact=True
    )
    assert Ledger(tmp_path).trials_so_far(market.fingerprint) == 3
    folder = tmp_path / "market"
    write_market(market, folder)
    argv = "--strategy liquidity-drain --grid lag=48,24,0 --fee-bps 7 --start 2018-06-01 --json"
    assert _run(["sweep", "--market", str(folder), "--ledger", str(tmp_path), *argv.split()]) == 0
    standing = json.loads(capsys.readouterr().out)["ledger"]
    assert (standing["before"], standing["own"], standing["total"]) == (0, 3, 3)


def test_a_number_is_one_however_it_is_typed(tmp_path: Path) -> None:
    market, ledger = simulate_market(seed=3, years=1, names=5), Ledger(tmp_path)
    for columns in ({"lag": [0, 24]}, {"lag": ["0", "24"]}, {"lag": [0, 24], "cash": "0.5"}):
        for settings in ({}, {"capital": 1_000_000, "costs": Costs(fee_bps=5, tax_rate=np.float32(0.2))}):
            fees = {"costs": Costs(tax_rate=float(np.float32(0.2))), **settings}
            sweep(LiquidityDrain, market, pd.DataFrame(columns), ledger=ledger, **fees)  # type: ignore[call-overload]
    assert ledger.trials_so_far(market.fingerprint) == 2


def test_a_ledger_that_is_no_folder_is_refused_before_a_sweep_works(tmp_path: Path) -> None:
    market, file = simulate_market(seed=3, years=1, names=5), tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="the ledger"):
        sweep(LiquidityDrain, market, pd.DataFrame({"lag": [0]}), ledger=file)
    with pytest.raises(ParameterError, match="`ledger` must be a folder"):
        sweep(LiquidityDrain, market, pd.DataFrame({"lag": [0]}), ledger=7)  # type: ignore[call-overload]


def test_sweeps_and_backtests_are_counted_once_however_often_they_are_made(tmp_path: Path) -> None:
    market, ledger = simulate_market(seed=3, years=1, names=5), Ledger(tmp_path)
    sets = pd.DataFrame({"lag": [0, 24, 48], "source": ["beta", "winners", "beta"]})

    def enter(table: pd.DataFrame, **changes: Any) -> TrialCount:
        settings = {"window": (None, None), "account": Account(), **changes}
        return enter_sweep(ledger, LiquidityDrain, market, table, "grid", **settings)

    first = enter(sets)
    assert (first.before, first.own) == (0, 3)
    assert enter(sets[["source", "lag"]]) == first
    # The order of sets, a default that is given, and how a universe is typed make no other sweep.
    assert enter(sets.iloc[::-1]) == enter(sets.assign(cash=0.5)) == first
    assert enter(sets.assign(lag=sets["lag"].astype(float))) == first
    assert enter(sets.assign(lag=sets["lag"].astype(object))) == first
    one, two = (f"growth{screen}" for screen in (" | top 3 by beta | monthly", "|top 3 by beta|monthly"))
    screened = [enter(sets, universe=universe) for universe in (one, two)]
    assert screened[0] == screened[1]
    assert (screened[0].before, screened[0].own) == (3, 3)
    other = enter(sets.assign(lag=[0, 24, 49]))
    assert (other.before, other.own) == (6, 3)
    fees = enter(sets, account=Account(costs=Costs(fee_bps=6.0)))
    assert (fees.before, fees.own) == (9, 3)
    run = backtest(DrawdownDeRisk(), market)
    assert enter_run(ledger, run, DrawdownDeRisk) == enter_run(ledger, run, DrawdownDeRisk) == TrialCount(12, 1, 13)
    assert TrialCount(12, 1, 13).sentence() == "This is trial 13 on this data, of 13 ever made."
    assert enter_run(ledger, backtest(DrawdownDeRisk(lag=3), market), DrawdownDeRisk) == TrialCount(13, 1, 14)
    assert [universe["design"] for universe in ledger.lines(market.fingerprint)] == ["grid"] * 4 + ["backtest"] * 2
