"""The audit fails six planted cheats by the first session that differs, and passes honest rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cheats
import pandas as pd
import pytest

import undertow as ut
from support.commands import Call
from undertow.strategies import Strategy
from undertow.testing.decided import simulated

CHEATS = [
    (cheats.SessionAhead, "future unknown, fill at the open"),
    (cheats.HourAhead, "future unknown, fill at the open"),
    (cheats.CloseAtTheOpen, "future unknown, fill at the open"),
    (cheats.WholeSampleRank, "future unknown, fill at the open"),
    (cheats.MembersOfToday, "future unknown, fill at the open"),
    (cheats.KeepsState, "state between calls"),
]


@pytest.mark.parametrize(("cheat", "check"), CHEATS)
def test_a_cheat_fails_and_its_first_session_is_named(cheat: type[Strategy], check: str) -> None:
    found = ut.audit(cheat)
    assert found.outcome == "fail"
    failed = [row.name for row in found.checks if row.outcome == "fail"]
    assert failed[0] == check
    assert pd.Timestamp(found.first_session) in simulated().sessions
    assert f"the first session that differs is {found.first_session}" in found.sentence()


def test_the_source_is_named_that_a_cheat_reads_ahead() -> None:
    found = ut.audit(cheats.HourAhead)
    failed = {row.name for row in found.checks if row.outcome == "fail"}
    assert any("BTC" in name for name in failed)
    assert not any(name.startswith("prices") for name in failed)


def test_an_honest_rule_passes_and_late_feeds_and_costs_are_measured() -> None:
    found = ut.audit(ut.strategies.LiquidityDrain(lag=24))
    assert found.outcome in {"pass", "warn"}
    names = set(found.table.index)
    assert {"warm-up", "names that survive to the end", "costs doubled", "fill one session later"} <= names
    assert sum(name.endswith((" 1 h later", " 6 h later", " 24 h later")) for name in names) >= 6
    content = json.loads(json.dumps(found.to_dict(), default=float))
    assert content["outcome"] == found.outcome
    assert len(found.figure().data[0].y) == len(content["settings"]["sharpe_over_hold"])


def test_the_command_ends_with_one_where_a_file_cheats(call: Call, tmp_path: Path) -> None:
    source = Path(cheats.__file__).read_text(encoding="utf-8")
    (tmp_path / "planted_rules.py").write_text(source, encoding="utf-8")
    try:
        failed = call("audit", f"{tmp_path / 'planted_rules.py'}:CloseAtTheOpen", "--json")
    finally:
        sys.path[:] = [path for path in sys.path if path != str(tmp_path)]
    assert failed.code == 1, failed.err
    assert json.loads(failed.out)["outcome"] == "fail"
    missing = call("audit", "nowhere.py:Rule")
    assert missing.code == 2
    assert "there is no file 'nowhere.py'" in missing.err
