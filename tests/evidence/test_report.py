"""The chapter: verdict first, and the truth drawn in on the simulator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import undertow as ut
from support.commands import Call
from undertow.evidence import evidence_report, lag_curve
from undertow.market import simulate_market


def test_the_command_writes_one_page_with_every_verdict(call: Call, tmp_path: Path) -> None:
    folder, page = tmp_path / "market", tmp_path / "report.html"
    market = simulate_market(seed=3, years=5, names=12)
    ut.write_market(market, folder)
    code, out, _ = call("evidence", "report", "--market", folder, "--resamples", "200", "--html", page, "--json")
    assert code == 0
    content = json.loads(out)
    assert set(content) == {"verdict", "when", "whom", "link"}
    text = page.read_text(encoding="utf-8").replace("&#x27;", "'").replace("&quot;", '"')
    places = [text.index(sentence) for sentence in content["verdict"]]
    # The verdicts come before the first picture.
    assert places == sorted(places)
    assert places[-1] < text.index('id="finding0"')
    assert call("evidence", "report", "--market", folder, "--fall", "0.99")[0] == 2


def test_with_a_strategy_the_report_has_luck_and_audit(call: Call, tmp_path: Path) -> None:
    folder, page = tmp_path / "market", tmp_path / "report.html"
    ut.write_market(simulate_market(seed=3, years=3, names=8), folder)
    command = ("evidence", "report", "--market", folder, "--resamples", "200", "--json")
    printed = call(*command, "--strategy", "drawdown-de-risk", "--grid", "lag=0,24", "--html", page)
    assert printed.code == 0, printed.err
    content = json.loads(printed.out)
    assert len(content["verdict"]) == 5
    assert {"dsr_over_hold", "pbo", "placebo"} <= set(content["luck"])
    assert content["audit"]["outcome"] in ("pass", "warn")
    assert page.read_text(encoding="utf-8").count('class="chart finding"') == 5
    refused = call(*command, "--grid", "lag=0,24")
    assert refused.code == 2
    assert "`--grid` has the sets of a strategy" in refused.err


def test_the_truth_of_the_simulator_is_in_the_picture() -> None:
    market = simulate_market(seed=5, years=6, effect=1.0)
    report = evidence_report(market, resamples=200)
    table = report.when.table
    # The forced move that was put in lies within the band at the bottom of the curve.
    truth = table.loc["S2 close", "truth"]
    assert truth < -0.01
    assert table.loc["S2 close", "band_low"] < truth < table.loc["S2 close", "band_high"]
    names = {trace.name for trace in report.figure().data}
    assert "the truth of the simulator" in names
    assert (simulate_market(seed=5, years=2, effect=0.0).truth.selling == 0.0).all()
    assert "truth" not in lag_curve(market, basket="SIM01", resamples=200).table
    assert report.table["verdict"].iloc[0] == report.when.sentence()


def test_equal_seeds_give_equal_reports() -> None:
    market = simulate_market(seed=3, years=5, names=12)
    first, second = (json.dumps(evidence_report(market, resamples=150, seed=4).to_dict()) for _ in range(2))
    assert first == second


def test_the_face_has_them() -> None:
    for name in ("lag_curve", "sold_first", "linkage", "evidence_report", "LagCurve", "SoldFirst", "Linkage"):
        assert name in ut.__all__
    with pytest.raises(ut.ParameterError, match="`fall`"):
        ut.evidence_report(simulate_market(seed=3, years=2, names=8), fall=2.0)
