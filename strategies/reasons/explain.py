"""Why the tier of one session is what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market import DataError
from undertow.strategies.reasons.blocked import blocked, event_text, unknown_conditions
from undertow.strategies.reasons.counterfactual import counterfactual
from undertow.strategies.reasons.formatting import format_distinct
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.tier_machine import HELD

_VETO_COLUMNS = ["session", "last", "sessions", "tier", "ungated_tier", "score", "ungated", "gates"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the tier of one session is what it is.

    Args:
        session: the session
        tier: name of its tier
        before: name of the tier of the session before
        event: the event on which the tier changed; empty without one
        score: the score after the gates, NaN where unknown
        baseline: the score with every driver off
        contributions: by driver, Shapley values (Shapley 1953), exactly adding up to `score` less `baseline`; 0 where
            the score is unknown
        values: the value of each driver
        label: the kind of shock; empty in calm
        vetoed: whether gates kept the score from a higher tier
        counterfactual: the nearest change after which the rule would have decided otherwise; empty without an event
        blocked: why a standing alarm changed nothing; empty where none stood or one did
        unknown: the conditions of the trigger without a value
    """

    session: pd.Timestamp
    tier: str
    before: str
    event: str
    score: float
    baseline: float
    contributions: dict[str, float]
    values: dict[str, float]
    label: str
    vetoed: bool
    counterfactual: str
    blocked: str = ""
    unknown: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for a report."""
        missing = f" ({', '.join(self.unknown)} without a value)" if self.unknown else ""
        if np.isnan(self.score) and not self.event:
            lead = f"{self.session.date()}: unknown, as the score is{missing}"
            return f"{lead}; the last state, {self.tier}, is held"
        if np.isnan(self.score):
            return f"{self.session.date()}: {self.before} to {self.tier} ({self.event}); the score is unknown{missing}"
        largest = sorted(self.contributions.items(), key=lambda item: -abs(item[1]))[:3]
        parts = [f"{value:+.2f} from {name}" for name, value in largest if abs(value) > 1e-12] or ["nothing alarms"]
        moved = f"{self.before} to {self.tier}" if self.before != self.tier else self.tier
        event = f" ({self.event})" if self.event else ""
        veto = "; a gate held it back" if self.vetoed and not self.blocked else ""
        blocked = f"; {self.blocked}" if self.blocked else ""
        return f"{self.session.date()}: {moved}{event}, score {self.score:.2f}: {', '.join(parts)}{veto}{blocked}"


def explain(reasons: Reasons, session: str | pd.Timestamp) -> Explanation:
    """Why the tier of `session` is what it is.

    Raises `DataError` on a day that is not a session of the run.
    """
    span = f"{reasons.sessions[0].date()} to {reasons.sessions[-1].date()}"
    try:
        day = pd.Timestamp(session)
    except (ValueError, TypeError):
        raise DataError(f"`session` must be a date such as {reasons.sessions[0].date()}, got {session!r}") from None
    if day not in reasons.sessions:
        raise DataError(f"{session} is not a session of this run; it has the sessions from {span}")
    return explain_row(reasons, int(reasons.sessions.searchsorted(day)))


def explain_row(reasons: Reasons, row: int) -> Explanation:
    """Why the tier of the row is what it is."""
    ladder = [tier.name for tier in reasons.rule.ladder]
    added = reasons.contributions(row)
    score = float(reasons.score[row])
    return Explanation(
        session=reasons.sessions[row],
        tier=ladder[reasons.tier[row]],
        before=ladder[int(reasons.states.tier[row])],
        event=event_text(reasons, row),
        score=score,
        baseline=0.0,
        contributions=dict(zip(reasons.names, added.tolist(), strict=True)),
        values=dict(zip(reasons.names, reasons.values[row].tolist(), strict=True)),
        label=reasons.label(row, added),
        vetoed=reasons.reached(score) < reasons.reached(float(reasons.ungated[row])),
        counterfactual="" if reasons.event[row] == HELD else counterfactual(reasons, row),
        blocked=blocked(reasons, row),
        unknown=unknown_conditions(reasons, row),
    )


def changes(reasons: Reasons) -> pd.DataFrame:
    """Every change of tier, one row each.

    The columns after `counterfactual` are the contributions, which sum to `score`.
    """
    rows = [
        {
            "session": explanation.session,
            "before": explanation.before,
            "tier": explanation.tier,
            "event": explanation.event,
            "score": explanation.score,
            "label": explanation.label,
            "vetoed": explanation.vetoed,
            "counterfactual": explanation.counterfactual,
            **explanation.contributions,
        }
        for explanation in (explain_row(reasons, row) for row in reasons.changes())
    ]
    return pd.DataFrame(rows)


def remark(reasons: Reasons) -> str:
    """A sentence on a trigger that never changed in a run; empty where it did."""
    ladder, known = reasons.rule.ladder, np.isfinite(reasons.score)
    if len(ladder) == 1:
        return ""
    lead = "the rule never acted: " if not reasons.tier.any() else ""
    if not known.any():
        return f"{lead}its score was unknown on every one of {len(known)} sessions"
    score, free, needed = reasons.score[known], reasons.ungated[known], ladder[1].at
    sessions = f"every one of {len(known)} sessions" + ("" if known.all() else f" ({known.sum()} with a known score)")
    if free.max() < needed:
        highest = format_distinct(float(free.max()), needed, digits=3)
        return f"{lead}its trigger was off on {sessions}; highest score {highest}, needed {needed:g}"
    if score.max() < needed:
        count = int((free >= needed).sum())
        return f"{lead}its gates held it back on every session on which its trigger was on, {count} in all"
    if score.min() >= needed:
        lowest = format_distinct(float(score.min()), needed, digits=3)
        return f"the rule's trigger was on at {sessions}; lowest score {lowest}, needed {needed:g}"
    return ""


def vetoes(reasons: Reasons) -> pd.DataFrame:
    """Every span of sessions on which gates kept the score from a higher tier.

    One row each: `session` and `last` are its first and last session, `sessions` their number. At the first session
    `tier` is the tier held, `ungated_tier` the tier whose level the score before the gates reached, `score` and
    `ungated` the score after and before the gates, and `gates` those that were on.
    """
    vetoed = reasons.vetoed()
    first = np.flatnonzero(vetoed & ~np.concatenate(([False], vetoed[:-1])))
    last = np.flatnonzero(vetoed & ~np.concatenate((vetoed[1:], [False])))
    rows = [
        {
            "session": reasons.sessions[start],
            "last": reasons.sessions[end],
            "sessions": int(end - start + 1),
            "tier": reasons.rule.ladder[reasons.tier[start]].name,
            "ungated_tier": reasons.rule.ladder[reasons.reached(float(reasons.ungated[start]))].name,
            "score": float(reasons.score[start]),
            "ungated": float(reasons.ungated[start]),
            "gates": ", ".join(reasons.gates_on(start)),
        }
        for start, end in zip(first.tolist(), last.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=_VETO_COLUMNS)
