"""A signal's picture: what is drawn, on which clock, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertow.cli.app import run_command as _run
from undertow.market import DataError, Market, ParameterError, UndertowError, simulate_market
from undertow.signals import BasketVolatility, Beta, Drawdown, LiquidationSpike, Spec
from undertow.tearsheets.signals.page import write_signal_page
from undertow.tearsheets.signals.tracks import parameter_values


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(seed=11, years=1.5, names=6)


@pytest.fixture
def drawn(market: Market, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def draw(signal: Any, **kwargs: Any) -> dict[str, Any]:
        page = write_signal_page(signal, kwargs.pop("market", market), tmp_path / "x.html", **kwargs)
        text = page.read_text(encoding="utf-8")
        assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in text
        match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL)
        assert match is not None
        data: dict[str, Any] = json.loads(match[1])
        return data

    return draw


def values(trace: dict[str, Any]) -> Any:
    import base64

    return np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4")


def test_a_feed_signal_is_drawn_on_its_own_clock_where_it_became_known(
    drawn: Callable[..., dict[str, Any]], market: Market
) -> None:
    data = drawn(Drawdown, parameters={"window": "72"})
    price, fall, basket = data["charts"][0]["data"]
    bars = market.bars()
    start = market.sessions[0].to_datetime64()
    expected = bars.known_at[bars.known_at >= start]
    assert data["sessions"][0] == str(expected[0].astype("datetime64[m]"))
    rows = (bars.known_at >= start) & (bars.known_at <= market.calendar.closes[-1])
    close = bars.close
    np.testing.assert_allclose(values(price), close.to_numpy()[rows], rtol=1e-6)
    np.testing.assert_allclose(values(fall), (close / close.rolling(72).max() - 1).to_numpy()[rows], atol=1e-6)
    assert len(basket["x"]) == len(values(basket)) == len(market.sessions)
    assert [trace["yaxis"] for trace in (price, fall, basket)] == ["y", "y2", "y3"]


def test_every_output_has_its_panel_and_one_can_be_chosen(drawn: Callable[..., dict[str, Any]]) -> None:
    headings = [heading["text"] for heading in drawn(LiquidationSpike)["charts"][0]["layout"]["annotations"]]
    assert headings[1:-1] == ["z", "rank", "long_share", "intensity"]
    layout = drawn(LiquidationSpike, output="rank")["charts"][0]["layout"]
    assert [heading["text"] for heading in layout["annotations"]][1:-1] == ["rank"]
    domains = [layout[axis]["domain"] for axis in ("yaxis", "yaxis2", "yaxis3")]
    assert all(low < high for low, high in domains)
    assert domains[0][0] > domains[1][1] > domains[1][0] > domains[2][1]


def test_session_signals_are_drawn_by_session_and_many_names_as_a_band(
    drawn: Callable[..., dict[str, Any]], market: Market
) -> None:
    assert len(drawn(BasketVolatility)["sessions"]) == len(market.sessions)
    low, high, middle = drawn(Beta, parameters={"window": 60})["charts"][0]["data"][1:4]
    known = np.isfinite(values(middle))
    assert (values(low)[known] <= values(middle)[known]).all()
    assert (values(middle)[known] <= values(high)[known]).all()


def test_a_stretch_of_sessions_can_be_chosen(drawn: Callable[..., dict[str, Any]], market: Market) -> None:
    start, end = market.sessions[100], market.sessions[119]
    assert len(drawn(BasketVolatility, start=start, end=end)["sessions"]) == 20


def test_without_bars_the_asset_has_no_panel_and_absent_inputs_are_named(market: Market, tmp_path: Path) -> None:
    feeds = tuple(feed for feed in market.feeds if feed.kind == "liquidations")
    bare = replace(market, feeds=feeds)
    text = write_signal_page(LiquidationSpike, bare, tmp_path / "x.html").read_text(encoding="utf-8")
    assert (
        "Without a value: intensity (no feed of kind &#x27;open_interest&#x27; with open_interest_usd for BTC)." in text
    )
    assert "intensity: no value" in text
    assert "no feed of kind &#x27;open_interest&#x27; for BTC" in text
    assert "USD, logarithmic" not in text


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"parameters": {"windo": 3}}, "`drawdown` has no parameter `windo`, did you mean `window`?; it has: window"),
        ({"parameters": {"window": "soon"}}, r"`window` must be a whole number in \[24, 720\] \(hours\), got soon"),
        ({"parameters": {"window": 24.5}}, "`window` must be a whole number"),
        ({"parameters": {"window": 721}}, "got 721"),
        ({"output": "fall"}, "unknown output of drawdown `fall`"),
        ({"universe": "grwth"}, "unknown universe `grwth`, did you mean `growth`?"),
        ({"asset": "DOGE"}, "cannot be drawn: market .* has no feed of kind 'bars' for DOGE; it has: .*bars BTC 1h"),
        ({"start": "1999-01-04"}, "is before the first session"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    kwargs: dict[str, Any], message: str, drawn: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(UndertowError, match=message.replace("?", r"\?")):
        drawn(Drawdown, **kwargs)


def test_a_page_needs_a_name_that_ends_in_html(market: Market, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"`out` must be a file that ends in \.html"):
        write_signal_page(Drawdown, market, tmp_path / "x.txt")


def test_a_signal_without_a_value_in_the_stretch_says_why(drawn: Callable[..., dict[str, Any]], market: Market) -> None:
    with pytest.raises(DataError, match="has no value to draw: its look-back is not full"):
        drawn(Beta, parameters={"window": 504}, end=market.sessions[300])


def test_windows_are_hours_on_the_feed_clock_and_defaults_stay() -> None:
    spec: Spec = LiquidationSpike.spec
    assert parameter_values(spec, {"window": "720"}) == {"horizon": 24, "window": 720.0}


def test_equal_calls_give_equal_bytes(market: Market, tmp_path: Path) -> None:
    one, other = (write_signal_page(Drawdown, market, tmp_path / f"{n}.html").read_bytes() for n in (1, 2))
    assert one == other


def test_the_command_line_draws_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, market: Market
) -> None:
    monkeypatch.setattr("undertow.cli.signals.resolve_market", lambda folder, seed: market)
    plot = ["signals", "plot", "--out", str(tmp_path / "x.html"), "--signal"]
    assert _run([*plot, "drawdown", "--set", "window=720", "--start", "2018-06-01"]) == 0
    assert (tmp_path / "x.html").is_file()
    assert "signal: " in capsys.readouterr().out
    for argv, message in (
        (["drawdwn"], "error: unknown signal `drawdwn`, did you mean `drawdown`?"),
        (["drawdown", "--set", "window"], "error: `--set` must be parameter=value, got 'window'"),
        (["undertow.signals:Spec"], "error: `undertow.signals:Spec` is not a signal"),
        (["drawdown", "--start", "june"], "error: `start` must be a date"),
    ):
        assert _run([*plot, *argv]) == 2
        assert message in capsys.readouterr().err


def test_the_verbose_list_gives_whole_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["list", "signals", "-v"]) == 0
    output = capsys.readouterr().out
    for text in ("long_usd (liquidations long_usd)", "window=2160 in 720 to 8760 hours", "Iglewicz and Hoaglin"):
        assert text in output
    assert "z 2,183, rank 2,183, long_share 24, intensity 24 rows at the defaults" in re.sub(
        r"\s*│\n│\s*│\s*", " ", output
    )
