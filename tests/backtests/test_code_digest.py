"""Code has a digest: what is edited under the same name is another strategy or objective."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from undertow.backtests.identity import digest, is_own
from undertow.backtests.ledger.ledger import Ledger
from undertow.backtests.runs.backtest import backtest
from undertow.backtests.runs.entries import enter_run
from undertow.backtests.tuning.optimize import optimize
from undertow.market import Market, ParameterError, simulate_market
from undertow.strategies import LiquidityDrain, Strategy

MINE = '''
from typing import Annotated

import numpy as np
from optuna.distributions import FloatDistribution

from undertow.strategies import Decision, Strategy

SLOPE = {slope}


def depth(share):
    """How much is sold."""
    return {depth}


class Mine(Strategy):
    x: Annotated[float, FloatDistribution(0.0, 1.0)] = {default}

    @classmethod
    def decide(cls, table, sets):
        return Decision.proportional(np.tile(1.0 - cls.sold(sets["x"]), (len(table), 1)))

    @classmethod
    def sold(cls, share):
        return SLOPE * depth(share)
'''
PLAIN: dict[str, Any] = {"slope": 0.5, "depth": "share", "default": 0.5}


def written(**changes: Any) -> type[Strategy]:
    """The class as a user's module would hold it after an edit."""
    namespace: dict[str, Any] = {"__name__": "mine"}
    exec(compile(MINE.format(**{**PLAIN, **changes}), "mine.py", "exec", dont_inherit=True), namespace)
    kind: type[Strategy] = namespace["Mine"]
    return kind


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=2)


def test_every_edit_changes_the_digest_and_nothing_else_does() -> None:
    assert digest(written()) == digest(written())
    edited = [written(slope=0.6), written(depth="share + 0.1"), written(default=0.4), written()]
    assert len({digest(version) for version in edited}) == 4
    assert is_own(written())
    assert not is_own(LiquidityDrain)
    assert not is_own(Path)


SIGNAL = """
from dataclasses import replace

from undertow.signals import Drawdown, indicator


def kernel(close, window):
    return {formula}


Fallen = indicator(replace(Drawdown.spec, name="fallen", kernel=kernel))


class Mine:
    def decide(self, table):
        return table.signal(Fallen, {{}}){unrelated}
"""


def test_a_signal_of_ones_own_is_told_by_its_specification_run_or_not() -> None:
    def made(**names: str) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": "fallen"}
        text = SIGNAL.format(**{"formula": "close / 2.0", "unrelated": "", **names})
        exec(compile(text, "fallen.py", "exec", dont_inherit=True), namespace)
        return namespace

    one = made()
    before = digest(one["Mine"])
    assert before == digest(made()["Mine"])
    assert before != digest(made(formula="close / 3.0")["Mine"])
    run = one["Fallen"].run(np.arange(9.0), window=2)
    assert len(run.drawdown) == 9
    one["Fallen"] = one["Fallen"]._built()
    assert digest(one["Mine"]) == before


class Held:
    def __init__(self, func: Any, weight: float) -> None:
        self.func, self.weight = func, weight

    def __call__(self, row: Any) -> float:
        return self.weight * float(row["cagr"])

    def score(self, row: Any) -> float:
        return self.weight

    def base(self, times: float) -> float:
        return times

    thrice = partialmethod(base, 3.0)
    nine_times = partialmethod(base, 9.0)


def test_what_an_object_holds_and_does_is_told() -> None:
    assert len({digest(record) for record in (Held(len, 1.0), Held(len, -5.0), Held(max, 1.0))}) == 3
    assert digest(Held(len, 1.0).score) != digest(Held(len, 2.0).score)
    assert digest(vars(Held)["thrice"]) != digest(vars(Held)["nine_times"])
    frozen = [
        dataclass(frozen=True)(type("Aim", (), {"__call__": call, "__module__": __name__}))()
        for call in (lambda self, row: row["cagr"], lambda self, row: -row["cagr"])
    ]
    assert digest(frozen[0]) != digest(frozen[1])


def functions(text: str, **known: Any) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "mine", **known}
    exec(compile(text, "mine.py", "exec", dont_inherit=True), namespace)
    return namespace


def test_what_is_no_global_is_not_taken_for_one_and_what_the_code_writes_is_no_code() -> None:
    text = "def f(x):\n    return x.start\n"
    assert digest(functions(text, start="2020")["f"]) == digest(functions(text, start="2021")["f"])
    text = "CALLS = 0\ndef f(x):\n    global CALLS\n    CALLS += 1\n    return x\n"
    by_name = functions(text)
    before = digest(by_name["f"])
    by_name["f"](1)
    assert digest(by_name["f"]) == before
    documented, rewritten = (
        'def f(x):\n    "What it does."\n    return x\n',
        'def f(x):\n    "Another word."\n    return x\n',
    )
    assert digest(functions(documented)["f"]) == digest(functions(rewritten)["f"])


def test_functions_of_another_module_are_followed() -> None:
    def helper(formula: str) -> ModuleType:
        module = ModuleType("helpers_of_mine")
        exec(f"def rule(x):\n    return {formula}\n", vars(module))
        return module

    text = "def f(x):\n    return helpers.rule(x)\n"
    first, equal, other = (functions(text, helpers=helper(formula))["f"] for formula in ("x", "x", "-x"))
    assert digest(first) == digest(equal) != digest(other)


def test_many_functions_that_call_each_other_take_no_time() -> None:
    text = "".join(f"def f{n}(x):\n    return f{max(n - 1, 0)}(x) + f{max(n - 2, 0)}(x)\n" for n in range(200))
    assert len(digest(functions(text)["f199"])) == 24


FIELDS = """
from typing import Annotated

from pydantic import Field

from undertow.strategies import Strategy
from undertow.strategies.strategy import Constant


class Mine(Strategy):
    names: Annotated[frozenset, Constant()] = frozenset({{"AAPL", "MSFT", "NVDA", "TSLA"}})
    more: Annotated[tuple, Constant()] = Field(default_factory=lambda: ({more!r},))
"""


def test_defaults_are_told_alike_in_every_process_and_factories_are_read(tmp_path: Path) -> None:
    assert digest(functions(FIELDS.format(more="A"))["Mine"]) != digest(functions(FIELDS.format(more="B"))["Mine"])
    assert len(in_processes(tmp_path, FIELDS.format(more="A"))) == 1


def in_processes(folder: Path, text: str) -> set[str]:
    """The digests of `Mine` in processes of different hash seeds."""
    (folder / "mine.py").write_text(text)
    script = "from mine import Mine\nfrom undertow.backtests.identity import digest\nprint(digest(Mine))"
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={"PYTHONPATH": str(folder), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }


def test_a_digest_is_equal_in_another_process(tmp_path: Path) -> None:
    assert len(in_processes(tmp_path, MINE.format(**PLAIN))) == 1


def test_an_edited_strategy_counts_anew(market: Market, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for slope in (0.5, 0.6, 0.5):
        kind = written(slope=slope)
        optimize(kind, market, trials=4, design=2, batch=2, seed=1, ledger=ledger)
        enter_run(ledger, backtest(kind(), market), kind)
    assert ledger.trials_so_far(market.fingerprint) == 10


def test_a_study_does_not_go_on_with_edited_code_or_other_versions(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"storage": f"journal:{tmp_path / 's.log'}", "design": 2, "batch": 2, "seed": 1}
    assert len(optimize(written(), market, trials=2, **settings).trials) == 2
    assert len(optimize(written(), market, trials=4, **settings).trials) == 4
    with pytest.raises(ParameterError, match="holds trials of this strategy before its code was changed"):
        optimize(written(slope=0.6), market, trials=4, **settings)
    monkeypatch.setattr("undertow.backtests.tuning.study.version", lambda name: "9.9")
    with pytest.raises(ParameterError, match=r"was made with undertow .*, this is 9\.9"):
        optimize(written(), market, trials=4, **settings)
