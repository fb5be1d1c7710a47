"""The catalogue of episodes, and rules on each of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from undertow.backtests import backtest
from undertow.backtests.replay import HOLD, TARGET, Replay, market_facts, read_catalogue, replay
from undertow.cli import replay as cli_replay
from undertow.cli.app import run_command
from undertow.market import DataError, Market, ParameterError, simulate_market
from undertow.strategies import BuyAndHold, DrawdownDeRisk, Strategy, VolTarget
from undertow.tearsheets import write_replay

EPISODE = """
[[episode]]
key = "{key}"
title = "A <fall>"
first = {first}
shock = {first}T12:00:00Z
last = {last}
drivers = ["credit"]
sources = ["A publication, 2020-01-01"]
"""


@cache
def simulated() -> Market:
    return simulate_market(seed=5, years=2, names=6)


def rules() -> dict[str, Strategy]:
    return {"hold": BuyAndHold(), "derisk": DrawdownDeRisk(threshold=-0.08, lag=0)}


def catalogue(folder: Path) -> Path:
    """A file with an episode around each of the first three actions, and one beyond the market."""
    sessions = simulated().sessions
    run = backtest(rules()["derisk"], simulated())
    starts = [sessions.get_loc(session) - 1 for session in run.episodes["session"][1:4]]
    text = "".join(
        EPISODE.format(key=f"e{n}", first=sessions[row].date(), last=sessions[row + 5].date())
        for n, row in enumerate(starts)
    )
    path = folder / "episodes.toml"
    path.write_text(text + EPISODE.format(key="later", first="2050-01-03", last="2050-01-07"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    facts = read_catalogue(catalogue(tmp_path_factory.mktemp("catalogue")))
    return replay(rules(), simulated(), facts=facts)


def test_the_catalogue_has_the_fifteen_episodes_and_the_halts_since_1997() -> None:
    facts = market_facts()
    keys = [episode.key for episode in facts.episodes if episode.last <= pd.Timestamp("2025-06-30")]
    assert keys == [
        *("2018-02", "2018-11", "2018-12", "2020-03", "2021-05", "2021-12", "2022-01", "2022-05", "2022-06"),
        *("2022-11", "2023-03", "2024-04", "2024-08", "2025-02", "2025-04"),
    ]
    assert all(episode.sources and episode.drivers for episode in facts.episodes)
    opened = [halt.start.tz_convert("America/New_York").strftime("%Y-%m-%d %H:%M") for halt in facts.halts]
    assert opened == [
        *("1997-10-27 14:36", "1997-10-27 15:30"),
        *("2020-03-09 09:34", "2020-03-12 09:35", "2020-03-16 09:30", "2020-03-18 12:56"),
    ]


def test_returns_and_actions_are_those_of_the_backtest(replayed: Replay) -> None:
    run = backtest(rules()["derisk"], simulated())
    target = backtest(VolTarget(), simulated())
    chosen = replayed.rows[replayed.rows["rule"] == "derisk"].set_index("episode")
    for episode in replayed.facts.episodes:
        if not episode.key.startswith("e"):
            continue
        row = chosen.loc[episode.key]
        window = run.series.loc[episode.first : episode.last]
        ruled, held = (float(np.prod(1.0 + window[name]) - 1.0) for name in ("return", "hold_return"))
        targeted = float(np.prod(1.0 + target.returns.loc[episode.first : episode.last]) - 1.0)
        assert row["return"] == pytest.approx(ruled)
        assert row["avoided"] == pytest.approx(ruled - held)
        assert row["against_vol_target"] == pytest.approx(ruled - targeted)
        assert row["least_exposure"] == pytest.approx(window["exposure"].min())
        began = run.episodes[run.episodes["session"].between(episode.first, episode.last)].iloc[0]
        assert row["trigger_hours"] == began["lag_hours"]
        assert row["sold_usd"] == pytest.approx(began["cash_raised"])
        assert row["fill"] - episode.shock == pd.Timedelta(hours=row["shock_hours"])
        assert row["decision"] < row["fill"]


def test_a_rule_that_never_acts_avoids_nothing(replayed: Replay) -> None:
    held = replayed.rows[replayed.rows["rule"] == "hold"]
    assert set(held["state"]) == {"no action"}
    assert held["avoided"].tolist() == [0.0] * len(held)
    assert held["fill"].isna().all()
    assert list(replayed.values.columns) == [HOLD, TARGET, "hold", "derisk"]
    assert "later" in replayed.skipped


def test_the_page_has_a_chart_for_each_episode(replayed: Replay, tmp_path: Path) -> None:
    page = write_replay(replayed, tmp_path / "replay.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(replayed.facts.episodes)
    assert "A &lt;fall&gt;" in page
    with pytest.raises(ParameterError, match=r"\.html"):
        write_replay(replayed, tmp_path / "replay.txt")


def test_the_command_prints_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_replay, "resolve_market", lambda folder, seed: simulated())
    words = ["replay", "--strategy", "buy-and-hold", "--episodes", str(catalogue(tmp_path))]
    assert run_command([*words, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == {"rows", "episodes", "halts", "skipped", "refused"}
    row = next(row for row in content["rows"] if row["episode"] == "e0")
    assert (row["rule"], row["state"], row["fill"], row["avoided"]) == ("buy-and-hold", "no action", None, 0.0)
    assert run_command([*words, "--html", str(tmp_path / "page.html")]) == 0
    assert "no action" in capsys.readouterr().out
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format = 2", "`format` must be 1"),
        ("[[crash]]", "unknown `crash`"),
        ("episode = 3", "list of tables"),
        ("key = ", "not TOML"),
        (EPISODE.format(key="a", first="2020-01-08", last="2020-01-03"), "`last` 2020-01-03 is before"),
        (EPISODE.format(key="a", first="2020-01-02", last="2020-01-03") * 2, "names two episodes"),
        (
            EPISODE.format(key="a", first='"soon"', last="2020-01-03").replace("T12:00:00Z", ""),
            "`first` must be a date",
        ),
        ("[[halt]]\nstart = 2020-01-01T10:00:00Z\nend = 2020-01-01T09:00:00Z\nlevel = 1\nsource = 'a'", "not after"),
        ("[[halt]]\nstart = 2020-01-01T10:00:00Z\nend = 2020-01-01T11:00:00Z\nlevel = 4\nsource = 'a'", "1, 2 or 3"),
        ("[[halt]]\nstart = 2020-01-01T10:00:00\nend = 2020-01-01T11:00:00Z\nlevel = 1\nsource = 'a'", "with Z"),
    ],
)
def test_a_bad_catalogue_is_refused_by_name(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem) as caught:
        read_catalogue(path)
    assert "bad.toml" in str(caught.value)


def test_a_file_replaces_the_episode_of_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(EPISODE.format(key="2020-03", first="2020-03-02", last="2020-03-20"), encoding="utf-8")
    facts = read_catalogue(path)
    assert [episode.title for episode in facts.episodes if episode.key == "2020-03"] == ["A <fall>"]
    assert len(facts.episodes) == len(market_facts().episodes)


def test_nothing_to_replay_is_refused() -> None:
    with pytest.raises(ParameterError, match="`rules` is empty"):
        replay({}, simulated())
