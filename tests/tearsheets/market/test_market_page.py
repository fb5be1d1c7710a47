"""The page of `undertow market check --html`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.commands import Call
from support.tiny import PRICES, Folder
from undertow.market import Market, ParameterError, load_market, market_coverage
from undertow.tearsheets import write_market_page
from undertow.tearsheets.market.page import verdict_of


def test_a_sound_market_says_so_and_has_every_table(tiny_market: Market, tmp_path: Path):
    report = market_coverage(tiny_market)
    text = write_market_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    if not report.doubts:
        assert "Nothing looks wrong in this market." in text
    for heading in ("Feeds", "Universes", "Prices", report.fingerprint):
        assert heading in text
    assert "://" not in text


def test_an_error_leads_with_count_first_case_and_repair(tiny: Folder, tmp_path: Path):
    lines = tiny.lines(PRICES)
    tiny.write(PRICES, [line for line in lines if not line.startswith(("2024-12-04,BBB", "2024-12-04,CCC"))])
    report = market_coverage(load_market(tiny.path))
    text = write_market_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "1 error" in verdict_of(report)
    assert verdict_of(report) in text
    for words in ("partial last session", "BBB, CCC", "no close on 2024-12-04", "supply it after the close"):
        assert words in text
    assert text.index("What looks wrong") < text.index(">Feeds<")


def test_names_of_a_file_stay_text(tiny_market: Market, tmp_path: Path):
    report = replace(market_coverage(tiny_market), name="<script>alert(1)</script>")
    text = write_market_page(report, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text


def test_the_command_writes_the_page_beside_its_json(call: Call, tiny: Folder, tmp_path: Path):
    page = tmp_path / "check.html"
    result = call("market", "check", tiny.path, "--html", page, "--json")
    assert json.loads(result.out)["sessions"] == 12
    assert page.is_file()


def test_a_page_that_is_no_html_is_refused(tiny_market: Market, tmp_path: Path):
    with pytest.raises(ParameterError, match=r"must be a file that ends in \.html"):
        write_market_page(market_coverage(tiny_market), tmp_path / "page.txt")
