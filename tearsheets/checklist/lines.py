"""A line of the checklist as text: value, levels, age and state."""

from __future__ import annotations

import math
from dataclasses import replace

from undertow.backtests.checklist import Line
from undertow.strategies.reasons import format_number
from undertow.tearsheets.html.markup import Html, tag
from undertow.tearsheets.html.text import BLANK, plain, typeset


def levels_text(line: Line) -> str:
    """The levels at which a check starts to watch, to alarm, and to end the alarm."""
    sign = "\N{GREATER-THAN OR EQUAL TO}" if line.side == "above" else "\N{LESS-THAN OR EQUAL TO}"

    def text(level: float) -> str:
        return typeset(format_number(level, decimal=line.decimal, digits=3))

    watch = "" if line.watch is None else f"watch {sign} {text(line.watch)}, "
    off = "" if line.leave is None else f", off {'below' if line.side == 'above' else 'above'} {text(line.leave)}"
    return f"{watch}alarm {sign} {text(line.alarm)}{off}"


def check_value(line: Line) -> str:
    """The value of a check; a dash where it is unknown."""
    if math.isnan(line.value):
        return BLANK
    levels = [level for level in (line.watch, line.alarm, line.leave) if level is not None]
    return typeset(format_number(line.value, *levels, decimal=line.decimal, digits=3))


def current_value(line: Line) -> str:
    """The value of a check without its lag; a dash where it is unknown."""
    return check_value(replace(line, value=line.now))


def contribution_text(line: Line) -> str:
    """What a check adds to the score; a dash where that is unknown."""
    return BLANK if math.isnan(line.contribution) else plain(line.contribution, 3)


def data_age(line: Line) -> str:
    """The age of the oldest observation that a check reads, without its lag."""
    if math.isnan(line.age_hours):
        return "no data"
    return f"{plain(line.age_hours, 0)} h" if line.age_hours < 120 else f"{plain(line.age_hours / 24, 0)} d"


def state_cell(line: Line) -> Html:
    """The state of a check as a cell, with what an unknown one lacks."""
    text = f"unknown: {line.missing}" if line.missing else line.state
    return tag("td", text, kind={"alarm": "loss", "watch": "gain"}.get(line.state, ""))
