"""What is printed obeys no file: no control characters, no endless names; a full output is an error."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from support.commands import Call
from undertow.cli.console import show
from undertow.cli.output import print_json
from undertow.cli.streams import printable

ODD = "a\x1b[31mb\u202ec\x07\x7f"
PLAIN = "a\\x1b[31mb\\u202ec\\x07\\x7f"


def test_text_is_printed_with_escapes() -> None:
    assert printable("plain − text\n\tä") == "plain − text\n\tä"
    assert printable(ODD) == PLAIN
    # A byte of a file's name that was no text is left to the stream.
    assert printable("a\udcff\x1b") == "a\udcff\\x1b"


def test_tables_and_sentences_are_printed_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title=f"title {ODD}")
    table.add_column(f"column {ODD}")
    table.add_row(f"cell {ODD}")
    show(table, f"sentence {ODD}")
    out = capsys.readouterr().out
    for name in ("title", "column", "cell", "sentence"):
        assert f"{name} {PLAIN}" in out
    assert all(char.isprintable() or char == "\n" for char in out)


def test_json_is_printed_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": ODD})
    assert '"a\\u001b[31mb\\u202ec\\u0007\\u007f"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ("backtest", "--strategy", f"liquidity{ODD}"),
        ("backtest", f"--stratgy{ODD}"),
        (f"backtest{ODD}",),
        ("backtest", "--rule", f"mine{ODD}.toml"),
        ("compare", f"run{ODD}", "other"),
        ("market", "check", f"market{ODD}"),
        ("backtest", "--strategy", "buy-and-hold", "--start", ODD),
        ("backtest", "--strategy", "x" * 1_000_000),
        ("market", "check", "x" * 1_000_000),
        ("backtest", "--rule", "x" * 1_000_000),
        ("backtest", "--strategy", "buy-and-hold", "--out", "x" * 1_000_000),
        ("compare", "x" * 1_000_000, "other"),
        ("today", "--asof", "x" * 1_000_000),
        ("sweep", "--strategy", "vol-target", "--grid", f"{'x' * 1_000_000}=1"),
        ("optimize", "--strategy", "vol-target", "--storage", "journal:" + "x" * 1_000_000),
        ("backtest", "--strategy", "a\0b"),
        ("compare", "a\0b", "c"),
    ],
)
def test_an_error_is_short_and_plain(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = call(*argv)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert len(outcome.err) < 5_000
    assert all(char.isprintable() or char == "\n" for char in outcome.err)
    assert not list(tmp_path.iterdir())


def test_a_full_output_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        argv = [sys.executable, "-m", "undertow", "rule", "swing"]
        ended = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr == "error: the output cannot be written: no space left on device\n"


def test_a_stream_without_a_file_is_flushed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert call("rule", "swing").code == 0
