"""The README's first screen runs, and prints what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.commands import Call
from support.paths import PROJECT

README = PROJECT / "README.md"


def test_first_screen_runs_and_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = README.read_text(encoding="utf-8")
    code, shown = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "text"))
    assert code is not None
    assert shown is not None
    monkeypatch.chdir(tmp_path)
    with pd.option_context("display.width", 120):
        exec(compile(code[1], str(README), "exec"), {})
    assert capsys.readouterr().out.strip() == shown[1].strip()
    assert (tmp_path / "drain.html").stat().st_size > 1_000_000
    assert (tmp_path / "drain.png").read_bytes()[:4] == b"\x89PNG"


def test_the_code_of_the_rules_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (README.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "rules"}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        # As in a file of its own: the future of this one is not inherited.
        exec(compile(code, "rules.md", "exec", dont_inherit=True), names)
    assert len(names["run"].changes) > 3
    assert len(names["table"]) == 6


def test_the_code_of_the_tuning_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (README.parent / "docs" / "tuning.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(code[1], "tuning.md", "exec"), {})
    assert "in training" in capsys.readouterr().out
    # Nothing is counted that was not asked to be.
    assert not list(tmp_path.iterdir())


def test_the_folder_of_the_market_page_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (README.parent / "docs" / "market.md").read_text(encoding="utf-8")
    toml, code = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("toml", "python"))
    assert toml is not None
    assert code is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(code[1], "market.md", "exec"), {"TOML": toml[1]})
    assert capsys.readouterr().out == "<Run 'liquidity-drain' on 'growth': 124 sessions, 2024-01-02 to 2024-06-28>\n"


def test_the_page_of_json_names_what_is_printed(call: Call, tmp_path: Path) -> None:
    text = (README.parent / "docs" / "json.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    told = {key for keys, _ in rows for key in re.findall(r"`(\w+)`", keys)}
    short = ("--strategy", "drawdown-de-risk", "--trials", "2")
    for words in (
        ("backtest", "--strategy", "buy-and-hold"),
        ("sweep", "--strategy", "drawdown-de-risk", "--grid", "lag=0:24:24"),
        ("optimize", *short),
        ("walk-forward", *short, "--train", "504", "--test", "252", "--seeds", "2", "--cpcv", "3:1"),
        ("today",),
    ):
        found = json.loads(call(*words, "--json").out)
        # Those that say themselves what they are need no page.
        plain = {"strategy", "universe", "study", "asof", "session", "label", "event", "hidden", "source", "basket"}
        plain |= {"decided_at", "filled_at", "tier_before", "over_sessions", "deadline_hours", "vol_target"}
        plain |= {name for name in found if name.startswith(("hedge", "rotation", "sessions_", "folds_", "not_"))}
        assert set(found) - plain <= told, words[0]
