"""Code has a digest: what is edited under the same name is another strategy or objective."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from undertow.backtests.backtest import backtest
from undertow.backtests.code_digest import digest, is_own
from undertow.backtests.ledger import Ledger
from undertow.backtests.ledger_entries import enter_run
from undertow.backtests.optimize import optimize
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
    found: dict[str, Any] = {"__name__": "mine"}
    exec(compile(MINE.format(**{**PLAIN, **changes}), "mine.py", "exec", dont_inherit=True), found)
    kind: type[Strategy] = found["Mine"]
    return kind


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=7, years=2)


def test_every_edit_changes_the_digest_and_nothing_else_does() -> None:
    assert digest(written()) == digest(written())
    edited = [written(slope=0.6), written(depth="share + 0.1"), written(default=0.4), written()]
    assert len({digest(each) for each in edited}) == 4
    assert is_own(written())
    assert not is_own(LiquidityDrain)
    assert not is_own(Path)


def test_a_digest_is_equal_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(**PLAIN))
    script = "from mine import Mine\nfrom undertow.backtests.code_digest import digest\nprint(digest(Mine))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_an_edited_strategy_counts_anew(market: Market, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for slope in (0.5, 0.6, 0.5):
        kind = written(slope=slope)
        optimize(kind, market, trials=4, sobol=2, batch=2, seed=1, ledger=ledger)
        enter_run(ledger, backtest(kind(), market), kind)
    assert ledger.trials_so_far(market.fingerprint) == 10


def test_a_study_does_not_go_on_with_edited_code_or_other_versions(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: dict[str, Any] = {"storage": f"journal:{tmp_path / 's.log'}", "sobol": 2, "batch": 2, "seed": 1}
    assert len(optimize(written(), market, trials=2, **words).trials) == 2
    assert len(optimize(written(), market, trials=4, **words).trials) == 4
    with pytest.raises(ParameterError, match="holds trials of this strategy before its code was changed"):
        optimize(written(slope=0.6), market, trials=4, **words)
    monkeypatch.setattr("undertow.backtests.study.version", lambda name: "9.9")
    with pytest.raises(ParameterError, match=r"was made with undertow .*, this is 9\.9"):
        optimize(written(), market, trials=4, **words)
