"""README and documents run from top to bottom, as they stand, in an empty folder.

`make test` runs them with few trials; `make docs` (UNDERTOW_DOCS=full) as they are written, and prints how long each
command takes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from support.commands import Call
from support.documents import Reader, blocks
from support.paths import PROJECT

QUICK = os.environ.get("UNDERTOW_DOCS") != "full"
README = PROJECT / "README.md"
DOCUMENTS = [README, *sorted((PROJECT / "docs").glob("*.md")), PROJECT / "examples" / "plugin" / "README.md"]
# Without code that runs: tables, or a plug-in that is installed first (test_plugin.py does it).
WITHOUT_CODE = {"json.md", "strategies.md", "examples/plugin/README.md"}


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call, capsys: pytest.CaptureFixture[str]) -> Reader:
    monkeypatch.chdir(tmp_path)
    # Documents count their trials where a reader's are counted.
    monkeypatch.delenv("UNDERTOW_LEDGER", raising=False)

    def report(line: str) -> None:
        if not QUICK:
            with capsys.disabled():
                print(line)

    return Reader(tmp_path, call, quick=QUICK, report=report)


def code_blocks(document: Path) -> int:
    return sum(block.language in ("python", "console") for block in blocks(document.read_text(encoding="utf-8")))


def test_every_document_with_code_is_run() -> None:
    without = {str(path.relative_to(PROJECT)).removeprefix("docs/") for path in DOCUMENTS if not code_blocks(path)}
    assert without == WITHOUT_CODE


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if code_blocks(path)], ids=lambda path: path.name)
def test_it_runs_from_top_to_bottom(document: Path, reader: Reader) -> None:
    reader.read(document)
    assert reader.count >= code_blocks(document)


def test_the_first_screen_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = list(blocks(README.read_text(encoding="utf-8")))[:2]
    assert (code.language, output.language) == ("python", "text")
    assert len(code.text.splitlines()) <= 20
    monkeypatch.chdir(tmp_path)
    with pd.option_context("display.width", 120):
        exec(compile(code.text, str(README), "exec"), {})
    assert capsys.readouterr().out.strip() == output.text.strip()
    assert (tmp_path / "drain.html").stat().st_size > 1_000_000


def test_the_way_through_vectorbt_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, section = README.read_text(encoding="utf-8").split("## For users of vectorbt")
    code, output = list(blocks(section))[:2]
    assert (code.language, output.language) == ("python", "text")
    assert sum(bool(line.strip()) for line in code.text.splitlines()) == 15
    monkeypatch.chdir(tmp_path)
    exec(compile(code.text, str(README), "exec", dont_inherit=True), {})
    assert capsys.readouterr().out.strip() == output.text.strip()
    assert (tmp_path / "rules.html").stat().st_size > 1_000_000


def test_links_and_pictures_exist() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert "//" in target or (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_page_of_json_names_what_is_printed(call: Call, tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    documented = {key for keys, _ in rows for key in re.findall(r"`(\w+)`", keys)}
    short = ("--strategy", "drawdown-de-risk", "--trials", "2")
    for argv in (
        ("backtest", "--strategy", "buy-and-hold"),
        ("sweep", "--strategy", "drawdown-de-risk", "--grid", "lag=0:24:24"),
        ("optimize", *short),
        ("walk-forward", *short, "--train", "504", "--test", "252", "--seeds", "2", "--cpcv", "3:1"),
        ("today",),
    ):
        printed = json.loads(call(*argv, "--json").out)
        # Keys that explain themselves need no page.
        plain = {"strategy", "universe", "study", "asof", "session", "label", "event", "hidden", "source", "basket"}
        plain |= {"decided_at", "filled_at", "tier_before", "over_sessions", "deadline_hours", "vol_target"}
        plain |= {name for name in printed if name.startswith(("hedge", "rotation", "sessions_", "folds_", "not_"))}
        assert set(printed) - plain <= documented, argv[0]
