"""Why the tier of one session is what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from undertow.market.errors import DataError
from undertow.strategies.reasons.counterfactual import counterfactual
from undertow.strategies.reasons.formatting import apart
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.tier_machine import CLEARED, EVENTS, HELD


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the tier of one session is what it is.

    `contributions` add up to `score` less `baseline` (the score were every driver at ease), exactly, by driver: they
    are Shapley values over the drivers (Shapley 1953), and 0 where the score is unknown. `counterfactual` is the
    nearest change after which the rule would have decided otherwise; empty where the tier is that of the session
    before.
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

    def sentence(self) -> str:
        """One line for a person."""
        if np.isnan(self.score) and not self.event:
            return f"{self.session.date()}: {self.tier}; the score is unknown, so the last state is held"
        if np.isnan(self.score):
            return f"{self.session.date()}: {self.before} to {self.tier} ({self.event}); the score is unknown"
        most = sorted(self.contributions.items(), key=lambda item: -abs(item[1]))[:3]
        parts = ", ".join(f"{value:+.2f} from {name}" for name, value in most if abs(value) > 1e-12) or "nothing alarms"
        moved = f"{self.before} to {self.tier}" if self.before != self.tier else self.tier
        why = f" ({self.event})" if self.event else ""
        veto = "; a gate held it back" if self.vetoed else ""
        return f"{self.session.date()}: {moved}{why}, score {self.score:.2f}: {parts}{veto}"


def explain(why: Reasons, session: str | pd.Timestamp) -> Explanation:
    """Why the tier of `session` is what it is; raises `DataError` on what is no session of the run."""
    span = f"{why.sessions[0].date()} to {why.sessions[-1].date()}"
    try:
        day = pd.Timestamp(session)
    except (ValueError, TypeError):
        raise DataError(f"`session` must be a date such as {why.sessions[0].date()}, got {session!r}") from None
    if day not in why.sessions:
        raise DataError(f"{session} is not a session of this run; it has the sessions from {span}")
    return explain_row(why, int(why.sessions.searchsorted(day)))


def explain_row(why: Reasons, row: int) -> Explanation:
    """Why the tier of the row is what it is."""
    ladder = [tier.name for tier in why.rule.ladder]
    added = why.contributions(row)
    score = float(why.score[row])
    return Explanation(
        session=why.sessions[row],
        tier=ladder[why.tier[row]],
        before=ladder[int(why.states.tier[row])],
        event=_event(why, row),
        score=score,
        baseline=0.0,
        contributions=dict(zip(why.names, added.tolist(), strict=True)),
        values=dict(zip(why.names, why.values[row].tolist(), strict=True)),
        label=why.label(row, added),
        vetoed=why.wanted(score) < why.wanted(float(why.ungated[row])),
        counterfactual="" if why.event[row] == HELD else counterfactual(why, row),
    )


def _event(why: Reasons, row: int) -> str:
    """Why the tier changed; a rule that waits for no all-clear has none to name."""
    event, left = int(why.event[row]), why.rule.ladder[int(why.states.tier[row])]
    if event != CLEARED or why.rule.reentry.when:
        return EVENTS[event]
    return "shortest stay over" if left.leave is None else "score below its level to leave"


def changes(why: Reasons) -> pd.DataFrame:
    """Every change of tier, one row each; the columns after `counterfactual` are contributions: they sum to `score`."""
    rows = [
        {
            "session": each.session,
            "before": each.before,
            "tier": each.tier,
            "event": each.event,
            "score": each.score,
            "label": each.label,
            "vetoed": each.vetoed,
            "counterfactual": each.counterfactual,
            **each.contributions,
        }
        for each in (explain_row(why, row) for row in why.changes())
    ]
    return pd.DataFrame(rows)


def remark(why: Reasons) -> str:
    """A sentence on a trigger that was off, or on, at every session of a run; empty where it was neither."""
    ladder, known = why.rule.ladder, np.isfinite(why.score)
    if len(ladder) == 1:
        return ""
    lead = "the rule never acted: " if not why.tier.any() else ""
    if not known.any():
        return f"{lead}its score was unknown on every one of {len(known)} sessions"
    score, free, needed = why.score[known], why.ungated[known], ladder[1].at
    sessions = f"every one of {len(known)} sessions" + ("" if known.all() else f" ({known.sum()} with a known score)")
    if free.max() < needed:
        highest = apart(float(free.max()), needed, digits=3)
        return f"{lead}its trigger was off on {sessions}; highest score {highest}, needed {needed:g}"
    if score.max() < needed:
        count = int((free >= needed).sum())
        return f"{lead}its gates held it back on every session on which its trigger was on, {count} in all"
    if score.min() >= needed:
        lowest = apart(float(score.min()), needed, digits=3)
        return f"the rule's trigger was on at {sessions}; lowest score {lowest}, needed {needed:g}"
    return ""


def vetoes(why: Reasons) -> pd.DataFrame:
    """Every stretch of sessions on which gates kept the score from a higher tier, one row each.

    `session` and `last` are its first and last session, `sessions` how many, `tier` what was held on the first, `asked`
    the tier whose level the score before the gates reached there, `score` and `ungated` the score after and before
    them, and `gates` those that were on.
    """
    held = why.vetoed()
    first = np.flatnonzero(held & ~np.concatenate(([False], held[:-1])))
    last = np.flatnonzero(held & ~np.concatenate((held[1:], [False])))
    rows = [
        {
            "session": why.sessions[start],
            "last": why.sessions[end],
            "sessions": int(end - start + 1),
            "tier": why.rule.ladder[why.tier[start]].name,
            "asked": why.rule.ladder[why.wanted(float(why.ungated[start]))].name,
            "score": float(why.score[start]),
            "ungated": float(why.ungated[start]),
            "gates": ", ".join(why.gates_on(start)),
        }
        for start, end in zip(first.tolist(), last.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["session", "last", "sessions", "tier", "asked", "score", "ungated", "gates"])
