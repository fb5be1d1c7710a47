"""Odd values of options are named errors: exit code 2, the option's name, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Call
from support.tiny import Folder

DRAIN, HOLD = ("backtest", "--strategy", "liquidity-drain"), ("backtest", "--strategy", "buy-and-hold")
SWEEP, SEARCH = ("sweep", "--strategy", "vol-target"), ("optimize", "--strategy", "vol-target")
DIGITS = "9" * 5000
# The command, and what its error says.
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "endless": ((*DRAIN, "--set", "lag=1e999"), "`lag`"),
    "digits": ((*DRAIN, "--set", f"lag={DIGITS}"), "`lag`"),
    "digits of a number": ((*DRAIN, "--set", f"cash={DIGITS}"), "`cash`"),
    "nan": ((*DRAIN, "--set", "drawdown=nan"), "`drawdown` must be in"),
    "seed": ((*HOLD, "--seed", DIGITS), "--seed"),
    "capital": ((*HOLD, "--capital", "1e999"), "`capital` must be positive, a finite number"),
    "date": ((*HOLD, "--start", "99999-01-01"), "`start` must be a date"),
    "year 10000": ((*HOLD, "--end", "10000-01-01"), "`end` must be a date"),
    "zone": (("today", "--asof", "2024-11-20T15:00[Mars/Olympus]"), "`asof`"),
    "offset": (("today", "--asof", "2024-11-20T15:00+99:99"), "`asof`"),
    "far": (("today", "--asof", "99999-01-01T00:00Z"), "`asof`"),
    "early": (("today", "--asof", "0001-01-01T00:00Z"), ""),
    "sets": ((*SWEEP, "--random", "10000000000"), "random"),
    "more sets": ((*SWEEP, "--random", DIGITS), "random"),
    "points": ((*SWEEP, "--sobol", "10000000000"), "sobol"),
    "grid": ((*SWEEP, "--grid", "target=0.1:0.4:1e-12"), "grid"),
    "endless grid": ((*SWEEP, "--grid", "target=0.1:1e999:0.1"), "grid"),
    "trials": ((*SEARCH, "--trials", DIGITS), "trials"),
    "narrow": ((*SEARCH, "--narrow", "target=nan:inf"), "target"),
    "constraint": ((*SEARCH, "--constraint", "max_drawdown>=-1e999"), "`constraint`"),
    "a folder as a page": ((*HOLD, "--html", "folder.html"), "`html` must be a file that ends in .html"),
    "a folder as a journal": ((*SEARCH, "--storage", "journal:folder.html"), "`storage` must be a file"),
    "a folder as a database": ((*SEARCH, "--storage", "sqlite:///folder.html"), "`storage` must be a file"),
    "a folder as a rule": (("backtest", "--rule", "folder.html"), "folder.html: no such rule file"),
    "a file as a market": ((*HOLD, "--market", "file"), "file"),
    "a link to itself": ((*SEARCH, "--storage", "journal:loop"), "`storage` 'loop' cannot be a path"),
    "out below a link to itself": ((*HOLD, "--out", "loop/run"), "`out` 'loop/run' cannot be a path"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_odd_option_is_named(call: Call, tiny: Folder, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    argv, message = OPTIONS[name]
    here = tiny.path.parent / "here"
    (here / "folder.html").mkdir(parents=True)
    (here / "file").touch()
    (here / "loop").symlink_to("loop")
    monkeypatch.chdir(here)
    before = sorted(here.rglob("*"))
    market: tuple[str | Path, ...] = () if "--market" in argv else ("--market", tiny.path)
    outcome = call(*argv, *market)
    assert (outcome.code, outcome.out) == (2, ""), outcome.out
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert len(outcome.err) < 5_000
    assert sorted(here.rglob("*")) == before
