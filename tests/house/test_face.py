"""What `import undertow as ut` offers: public names only, each of which loads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import undertow as ut


def test_tab_completion_shows_public_names_alone() -> None:
    assert dir(ut) == sorted(ut.__all__)


@pytest.mark.parametrize("name", ut.__all__)
def test_a_public_name_loads(name: str) -> None:
    # `Sets` is a type alias, which has no name of its own.
    assert name == "Sets" or getattr(ut, name).__name__.rpartition(".")[2] == name
    assert hasattr(ut, name)


def test_names_for_type_checkers_are_the_public_ones() -> None:
    (block,) = (
        node for node in ast.parse(Path(ut.__file__).read_text(encoding="utf-8")).body if isinstance(node, ast.If)
    )
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(ut.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'undertow' has no attribute 'backtst'"):
        ut.backtst  # noqa: B018


def test_a_rule_loads_by_its_name() -> None:
    rule = ut.load_rule("swing")
    assert isinstance(rule, ut.strategies.Swing)
    assert rule.origin == "swing"
