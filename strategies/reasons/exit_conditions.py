"""What has to happen before a tier is left and stocks come back."""

from __future__ import annotations

import numpy as np

from undertow.strategies.reasons.blocked import unarmed
from undertow.strategies.reasons.formatting import format_distinct, format_value
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.tier_state import Observation


def exit_conditions(reasons: Reasons, row: int) -> tuple[str, ...]:
    """What has to happen until the tier held after a row is left, one line each.

    Hours are those of the 24/7 clock from the decision on. In calm: what keeps an alarm that stands from a tier, a
    cool-down, a score that has to fall first, or a gate; else empty.
    """
    states, tier, reentry = reasons.states, reasons.rule.ladder[int(reasons.tier[row])], reasons.rule.reentry
    score, hours, basket = float(reasons.score[row]), float(states.hours[row]), float(states.level[row])
    after, _ = reasons.machine.step(states.before(row), Observation(score, float(reasons.clear[row]), hours, basket))
    if after.tier == 0:
        return (*_cool_down(reentry.cool_down - (hours - after.calm_since)), *_entry(reasons, row))
    held = hours - after.stayed_since
    lines = []
    if tier.min_stay > held:
        lines.append(f"not before {tier.min_stay - held:.0f} hours are over (shortest stay)")
    if tier.leave is not None:
        met = ", met" if score < tier.leave else ""
        now = "unknown" if np.isnan(score) else format_distinct(score, tier.leave)
        lines.append(f"score below {tier.leave:.4g} (now {now}{met})")
    for column, (name, condition) in enumerate(zip(reasons.back_names, reentry.when, strict=True)):
        side, value = "at or above" if condition.side > 0 else "at or below", float(reasons.back[row, column])
        met = ", met" if condition.side * value >= condition.side * condition.level else ""
        level = format_value(condition, condition.level)
        now = "unknown" if np.isnan(value) else format_value(condition, value, condition.level)
        lines.append(f"{name} {side} {level} (now {now}{met})")
    if not lines:
        lines.append("the next decision: nothing else holds it")
    if tier.max_stay is not None:
        lines.append(f"in {max(0.0, tier.max_stay - held):.0f} hours at the latest (longest stay)")
    if reentry.wrong is not None:
        lines.append(f"or once stocks have risen {reentry.wrong:.2%} (so far {basket / after.raised_at - 1.0:+.2%})")
    return tuple(lines)


def _cool_down(remaining: float) -> tuple[str, ...]:
    over = not np.isfinite(remaining) or remaining <= 0.0
    return () if over else (f"no tier is entered for {remaining:.0f} hours (cool-down)",)


def _entry(reasons: Reasons, row: int) -> tuple[str, ...]:
    """What has to happen in calm before the tier that the score reaches is entered."""
    lines, ladder = [], reasons.rule.ladder
    goal = unarmed(reasons, row)
    if goal:
        lines.append(f"the score must fall below {ladder[goal].at:g} before {ladder[goal].name} can be entered again")
    wanted = reasons.reached(float(reasons.ungated[row]))
    if wanted > reasons.reached(float(reasons.score[row])):
        names = " and ".join(reasons.gates_on(row))
        lines.append(f"{names} must end before {ladder[wanted].name} can be entered")
    return tuple(lines)
