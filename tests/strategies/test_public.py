"""What the packages of strategies list as public: every name resolves, and nothing else is shown."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

import undertow.strategies

PACKAGES = ("undertow.strategies", "undertow.strategies.rules", "undertow.strategies.reasons")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_resolves_and_only_they_are_shown(name: str) -> None:
    package = importlib.import_module(name)
    assert dir(package) == sorted(package.__all__)
    assert not [public for public in package.__all__ if isinstance(getattr(package, public), ModuleType)]
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        assert package.nonsense


def test_what_a_user_defined_strategy_imports_is_public() -> None:
    records = {"Condition", "Constant", "Decision", "FreeRule", "Gate", "Plan", "RuleStrategy", "Tier", "Trigger"}
    assert {*records, "Sets", "Strategy", "LEAST_TAX", "PROPORTIONAL", "banded_nb"} <= {*undertow.strategies.__all__}


@pytest.mark.parametrize(
    "script",
    [
        # Importing a module must not hide the function of the same name.
        "import undertow.strategies.reasons.explain; from undertow.strategies.reasons import explain; explain.__code__",
        "from undertow.strategies.reasons import reasons; import undertow.strategies.reasons as r; r.reasons.__code__",
        "import undertow.strategies.decided; from undertow.strategies import decided; decided.__code__",
        # A package alone imports nothing heavy.
        "import undertow.strategies, sys; assert not {'numpy', 'pandas', 'optuna', 'numba'} & {*sys.modules}",
    ],
)
def test_names_load_on_first_use(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
