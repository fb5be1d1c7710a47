"""A written market is read back to the last bit, whole or not at all."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from undertow.market import Market, ParameterError, Universe, load_market, simulate_market, write_market
from undertow.market.folder import write as write_module
from undertow.market.market import sort_feeds


@lru_cache(maxsize=1)
def market() -> Market:
    return simulate_market(seed=3, years=1, names=12)


@pytest.mark.smoke
def test_a_written_market_has_the_same_fingerprint(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "simulated"
    assert write_market(market(), target) == target
    loaded = load_market(target)
    assert loaded.fingerprint == market().fingerprint
    assert (loaded.name, loaded.benchmark, loaded.cash) == ("simulated-seed3", "GROW", "CASH")
    assert loaded.truth is None
    for feed, other in zip(market().feeds, loaded.feeds, strict=True):
        assert (feed.interval, feed.delay, feed.tolerance) == (other.interval, other.delay, other.tolerance)
        np.testing.assert_array_equal(feed.known_at, other.known_at)


def test_writing_what_was_read_gives_equal_bytes(tmp_path: Path) -> None:
    first = write_market(market(), tmp_path / "first")
    second = write_market(load_market(first), tmp_path / "second")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 11
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes()


def test_a_market_cut_short_is_read_back_with_all_its_names(tmp_path: Path) -> None:
    cut = market().until("2018-09-28")
    assert np.isnan(cut.prices.close).all(axis=0).sum() == 0
    early = market().until("2018-02-20")
    assert np.isnan(early.prices.close).all(axis=0).any()  # a name that lists later
    loaded = load_market(write_market(early, tmp_path / "early"))
    assert loaded.prices.symbols == early.prices.symbols
    assert load_market(write_market(cut, tmp_path / "cut")).fingerprint == cut.fingerprint


def test_odd_names_and_two_macro_feeds_survive(tmp_path: Path) -> None:
    bars, macro = market().bars("BTC"), market().feed("macro")
    odd = replace(bars, asset='B/T"C', stale_after=np.timedelta64(5400, "s").astype("timedelta64[ns]"))
    alike = replace(bars, asset="B_T_C")
    second_macro = replace(macro, path="macro/z.parquet", columns={"OTHER": macro["DGS10"] + 1.0})
    spans = market().universe("growth").spans
    strange = replace(
        market(),
        feeds=sort_feeds([*market().feeds, odd, alike, second_macro]),
        universes={'käse "1"': Universe('käse "1"', spans)},
        benchmark=None,
    )
    loaded = load_market(write_market(strange, tmp_path / "odd"))
    assert loaded.fingerprint == strange.fingerprint
    assert loaded.feed("bars", 'B/T"C').tolerance == np.timedelta64(90, "m")
    assert loaded.benchmark is None


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    target = tmp_path / "empty"
    target.mkdir()
    assert load_market(write_market(market(), target)).fingerprint == market().fingerprint
    assert tomllib.loads((target / "market.toml").read_text(encoding="utf-8"))["format"] == 1


def test_a_folder_that_holds_anything_is_refused_and_left_alone(tmp_path: Path) -> None:
    existing = tmp_path / "full" / "kept.txt"
    existing.parent.mkdir()
    existing.write_text("mine")
    with pytest.raises(ParameterError, match=r"`folder` must be new or an empty folder; .*holds files already"):
        write_market(market(), existing.parent)
    with pytest.raises(ParameterError, match=r"is not a folder"):
        write_market(market(), existing)
    assert existing.read_text() == "mine"


def test_a_failure_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(write_module, "_manifest", full)
    with pytest.raises(OSError, match="no space"):
        write_market(market(), tmp_path / "half")
    assert not list(tmp_path.iterdir())
