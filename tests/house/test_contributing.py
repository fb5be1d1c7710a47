"""The examples of CONTRIBUTING.md run, keep the contract, and are clean."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from types import ModuleType

import numpy as np
import pytest

import undertow as ut
from support.paths import PROJECT
from undertow.testing import SignalContract, StrategyContract

GUIDE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Each Python block begins with a comment that says which file it is.
BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
SIGNAL, STRATEGY = "signals/rebound.py", "strategies/wait_for_rebound.py"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModuleType]:
    """The blocks, written down and imported under the names that they would have in the tree."""
    root = tmp_path_factory.mktemp("guide")
    found = {}
    for file, text in BLOCKS.items():
        path = root / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        name = "undertow." + file.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        found[file] = importlib.util.module_from_spec(spec)
        sys.modules[name] = found[file]
        spec.loader.exec_module(found[file])
    return found


def test_every_python_block_names_its_file() -> None:
    assert list(BLOCKS) == [SIGNAL, STRATEGY]
    assert GUIDE.count("```python\n") == len(BLOCKS)


def test_entry_point_block_names_the_signal(written: dict[str, ModuleType]) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    points = tomllib.loads(block)["project"]["entry-points"]["undertow.signals"]
    spec = written[SIGNAL].Rebound.spec
    assert points == {spec.name: "undertow.signals.rebound:Rebound"}


def test_the_examples_would_pass_lint() -> None:
    for file, text in BLOCKS.items():
        for words in (("check", "-"), ("format", "--check", "-")):
            command = [sys.executable, "-m", "ruff", *words, "--stdin-filename", file]
            done = subprocess.run(command, input=text, cwd=PROJECT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_the_strategy_runs(written: dict[str, ModuleType]) -> None:
    market = ut.simulate_market(seed=3, years=0.8, names=5)
    rule = written[STRATEGY].WaitForRebound
    assert rule.name() == "wait-for-rebound"
    run = ut.backtest(rule(cash=0.4), market)
    assert set(np.unique(run.exposure)) == {0.6, 1.0}
    assert run.recipe.parameters == {"window": 168, "least": 0.02, "lag": 24, "cash": 0.4}


class TestSignalExample(SignalContract):
    @pytest.fixture
    def signal(self, written: dict[str, ModuleType]) -> object:
        return written[SIGNAL].Rebound


class TestStrategyExample(StrategyContract):
    @pytest.fixture
    def strategy(self, written: dict[str, ModuleType]) -> object:
        return written[STRATEGY].WaitForRebound
