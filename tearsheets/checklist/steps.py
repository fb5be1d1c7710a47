"""The five steps and the states of the market, as texts and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from undertow.backtests.checklist import NEXT, Line, MarketState, Today
from undertow.tearsheets.checklist.lines import check_value, data_age, levels_text, state_cell
from undertow.tearsheets.html.markup import Html, note, section, table, tag
from undertow.tearsheets.html.text import percent, quantity, share

STEP_COLUMNS = ("check", "state", "value", "levels", "age")


def step_rows(lines: tuple[Line, ...]) -> list[tuple[str, str, str, str, str]]:
    """The rows of a step's table, by `STEP_COLUMNS`.

    An unknown check has what it lacks in place of its levels.
    """
    return [
        (line.name, line.state, check_value(line), line.missing or levels_text(line), data_age(line)) for line in lines
    ]


def state_sentences(today: Today) -> tuple[str, ...]:
    """Regime, scenario and early warning, with what followed them in the past."""
    return tuple(_sentences(today))


def _sentences(today: Today) -> Iterator[str]:
    for title, state in (
        ("regime", today.regime),
        ("scenario", today.scenario),
        ("early warning of compression", today.warning),
    ):
        since = f" since {state.since}" if state.since else ""
        yield f"{title}: {state.name}{since}{_record(state)}"
        if state.playbook:
            yield f"playbook: {state.playbook}"


def _record(state: MarketState) -> str:
    if not state.since:
        return ""
    if not state.entries:
        return f"; {state.record_of} was never entered before"
    parts = [f"{following.name} {share(following.share, 0)}" for following in state.followed]
    into = "" if state.record_of == state.name else f" into {state.record_of}"
    after = f"; after {quantity(state.entries, 'earlier entry', 'earlier entries')}{into}"
    followed = f", {NEXT} sessions later: {', '.join(parts)}" if parts else ""
    moves = [
        f"{outcome.horizon} {'session' if outcome.horizon == 1 else 'sessions'} {percent(outcome.median)}"
        f" ({share(outcome.positive, 0)} of {outcome.count} up; all {percent(outcome.all_median)},"
        f" {share(outcome.all_positive, 0)})"
        for outcome in state.outcomes
        if not math.isnan(outcome.median)
    ]
    return f"{after}{followed}" + (f"; stocks, median: {'; '.join(moves)}" if moves else "")


def steps_section(today: Today) -> Html:
    """The five steps as a section of the page."""
    parts = []
    for number, step in enumerate(today.steps, start=1):
        parts.append(tag("h3", f"{number}. {step.name[:1].upper()}{step.name[1:]}"))
        parts.append(tag("p", f"{step.conclusion[:1].upper()}{step.conclusion[1:]}.", kind="lead"))
        rows = [
            (name, state_cell(replace(line, missing="")), *others)
            for line, (name, _, *others) in zip(step.lines, step_rows(step.lines), strict=True)
        ]
        if rows:
            parts.append(table(("Check", "State", "Value", "Levels", "Data age"), rows))
    return section(
        "The checklist in five steps",
        *parts,
        *(note(f"{text[:1].upper()}{text[1:]}.") for text in state_sentences(today)),
    )
