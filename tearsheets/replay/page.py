"""The page of a replay: a small chart and a table for each dated episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from undertow.backtests.replay import HOLD, TARGET, DatedEpisode, Replay
from undertow.market import FloatArray
from undertow.tearsheets.html import (
    BLANK,
    Html,
    check_html_path,
    count,
    fill_template,
    join,
    minute,
    note,
    percent,
    plain,
    resource,
    section,
    share,
    table,
    tag,
    write_atomic,
)

_WIDTH, _HEIGHT, _EDGE = 640, 150, 44
# Sold names in a cell; the others are counted.
_NAMES = 4
_HEAD = ("Rule", "State", "Saw", "Fill, UTC", "Hours from shock", "From trigger", "Least in stocks", "Sold", "Avoided")
_BASELINES = ((TARGET, "#b3440a", "5 3"), (HOLD, "#1f2429", ""))


def write_replay(replay: Replay, path: str | Path) -> Path:
    """Write a replay as one self-contained HTML page.

    A chart shows the account of each rule from the close before the episode, in grey, beside the basket held and
    volatility targeting. Raises `ParameterError` where `path` does not end in .html.

    Args:
        replay: rules by episode
        path: the file to write
    """
    check_html_path(path)
    parts = [_episode(replay, episode) for episode in replay.facts.episodes]
    skipped = [note(f"Not replayed: {key}, {reason}.") for key, reason in replay.skipped.items()]
    refused = [note(f"{rule} cannot run here: {reason}") for rule, reason in replay.refused.items()]
    lead = tag(
        "p",
        f"{count(len(replay.table()))} rules on {count(len(replay.facts.episodes))} dated episodes. Avoided is the"
        " return of the rule less that of the same basket held, after costs: negative where the rule lost by acting."
        " The episodes were chosen afterwards, so this shows behaviour and is no evidence that a rule is worth having.",
    )
    body = join([tag("h1", "Replay of dated episodes"), lead, _overview(replay), *parts, *skipped, *refused])
    style = Html(resource("page.css") + ".small-chart { width: 100%; max-width: 640px; height: auto; display: block; }")
    page = fill_template("plain.html", title="Replay | Undertow", style=style, body=body)
    return write_atomic(path, page.encode("utf-8"))


def _overview(replay: Replay) -> Html:
    wide = replay.table()
    rows = [[rule, *(percent(value) for value in wide.loc[rule])] for rule in wide.index]
    return section("Avoided, by rule and episode", table(["Rule", *wide.columns], rows))


def _episode(replay: Replay, episode: DatedEpisode) -> Html:
    rows = replay.rows[replay.rows["episode"] == episode.key]
    held, targeted = rows["hold_return"].iloc[0], rows["vol_target_return"].iloc[0]
    halts = [
        f"No stock was traded from {halt.start:%Y-%m-%d %H:%M} to {halt.end:%H:%M} UTC (level {halt.level})."
        for halt in replay.facts.halts
        if episode.first.date() <= halt.start.date() <= episode.last.date()
    ]
    facts = (
        f"{episode.first.date()} to {episode.last.date()}, shock at {episode.shock:%Y-%m-%d %H:%M} UTC."
        f" Accepted cause: {', '.join(episode.drivers)}. The basket held: {percent(held)};"
        f" volatility targeting: {percent(targeted)}."
    )
    return section(
        f"{episode.key}: {episode.title}",
        tag("p", " ".join([facts, *halts])),
        _chart(replay.values, episode),
        table(_HEAD, [_cells(row) for _, row in rows.iterrows()]),
        note(f"Sources: {'; '.join(episode.sources)}."),
    )


def _cells(row: pd.Series) -> list[object]:
    names = [name for name in str(row["sold"]).split(", ") if name]
    more = f" and {count(len(names) - _NAMES)} more" if len(names) > _NAMES else ""
    return [
        row["rule"],
        row["state"],
        row["saw"] or BLANK,
        BLANK if pd.isna(row["fill"]) else minute(row["fill"]),
        plain(row["shock_hours"], 0),
        plain(row["trigger_hours"], 0),
        share(row["least_exposure"], 0),
        f"{', '.join(names[:_NAMES])}{more}: {count(row['sold_usd'])} USD" if names else BLANK,
        percent(row["avoided"]),
    ]


def _chart(values: pd.DataFrame, episode: DatedEpisode) -> Html:
    """The accounts from the close before the first session, as lines on one scale."""
    sessions = pd.DatetimeIndex(values.index)
    first = int(sessions.searchsorted(episode.first))
    stop = int(sessions.searchsorted(episode.last, "right"))
    window = values.iloc[first - 1 : stop]
    moves = window / window.iloc[0] - 1.0
    low, high = float(np.nanmin(moves.to_numpy())), float(np.nanmax(moves.to_numpy()))
    span = max(high - low, 1e-6)
    across = np.linspace(_EDGE, _WIDTH - 4, len(moves))

    def heights(column: FloatArray) -> FloatArray:
        return 8.0 + (high - column) / span * (_HEIGHT - 16.0)

    def line(name: str, colour: str, width: float, dash: str = "") -> Html:
        points = zip(across, heights(moves[name].to_numpy(dtype=np.float64)), strict=True)
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return tag(
            "polyline",
            tag("title", name),
            points=text,
            fill="none",
            stroke=colour,
            stroke_width=width,
            stroke_dasharray=dash,
        )

    rules = [line(name, "#b9c1c9", 1.2) for name in moves.columns if name not in (HOLD, TARGET)]
    labels = [
        tag("text", percent(value), x=0, y=f"{y:.0f}", font_size=11, fill="#59636e")
        for value, y in ((high, 12), (low, _HEIGHT - 4))
    ]
    baselines = [line(name, colour, 2.0, dash) for name, colour, dash in _BASELINES]
    words = f"Accounts of the rules (grey), the basket held (black) and volatility targeting (dashed), {episode.key}"
    return tag(
        "svg",
        *labels,
        *rules,
        *baselines,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=words,
        kind="small-chart",
    )
