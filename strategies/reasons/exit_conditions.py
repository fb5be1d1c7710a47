"""What has to happen before a tier is left and stocks come back."""

from __future__ import annotations

import numpy as np

from undertow.strategies.reasons.formatting import format_distinct, format_value
from undertow.strategies.reasons.reasons import Reasons
from undertow.strategies.rules.tier_state import Observation


def exit_conditions(reasons: Reasons, row: int) -> tuple[str, ...]:
    """What has to happen until the tier held after a row is left, one line each.

    Hours are those of the 24/7 clock from the decision on. Empty in calm, except for a cool-down.
    """
    states, tier, reentry = reasons.states, reasons.rule.ladder[int(reasons.tier[row])], reasons.rule.reentry
    score, hours, basket = float(reasons.score[row]), float(states.hours[row]), float(states.level[row])
    after, _ = reasons.machine.step(states.before(row), Observation(score, float(reasons.clear[row]), hours, basket))
    if after.tier == 0:
        return _cool_down(reentry.cool_down - (hours - after.calm_since))
    held = hours - after.stayed_since
    lines = []
    if tier.min_stay > held:
        lines.append(f"not before {tier.min_stay - held:.0f} hours are over (shortest stay)")
    if tier.leave is not None:
        met = ", met" if score < tier.leave else ""
        lines.append(f"score below {tier.leave:.4g} (now {format_distinct(score, tier.leave)}{met})")
    for column, (name, condition) in enumerate(zip(reasons.back_names, reentry.when, strict=True)):
        side, value = "at or above" if condition.side > 0 else "at or below", float(reasons.back[row, column])
        met = ", met" if condition.side * value >= condition.side * condition.level else ""
        level = format_value(condition, condition.level)
        lines.append(f"{name} {side} {level} (now {format_value(condition, value, condition.level)}{met})")
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
